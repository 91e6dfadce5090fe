"""A private Mosquitto with the configuration of deploy/mosquitto, on two free ports of 127.0.0.1."""

import os
import pathlib
import pwd
import shutil
import socket

from .process import Process, free_port, wait_until

MOSQUITTO = "/usr/sbin/mosquitto"


class Broker:
    def __init__(self, folder: pathlib.Path, templates: pathlib.Path):
        self.folder = folder
        self._templates = templates
        self.process = Process(folder.parent, "mosquitto")
        self.device_port = 0
        self.server_port = 0

    def configure(self, pki: pathlib.Path):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device_port, self.server_port = free_port(), free_port()
        text = (self._templates / "mosquitto.conf").read_text()
        for old, new in (("listener 8883 0.0.0.0", f"listener {self.device_port} 127.0.0.1"),
                         ("listener 8884 0.0.0.0", f"listener {self.server_port} 127.0.0.1"),
                         ("/godwit/pki/", f"{self.folder}/"), ("/godwit/broker/", f"{self.folder}/")):
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "mosquitto.conf").write_text(text)
        for source in (*self._templates.glob("acl.*"), *(pki / name for name in (
                "device-ca.crt", "mqtt-ca.crt", "broker.crt", "broker.key"))):
            shutil.copy(source, self.folder)
        if os.geteuid() == 0:  # Mosquitto gives up root, and then must read its files
            user = pwd.getpwnam("mosquitto")
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)

    def start(self):
        self.process.start([MOSQUITTO, "-c", self.folder / "mosquitto.conf"])
        wait_until("start of Mosquitto", lambda: self._listens(self.device_port) and self._listens(self.server_port))

    def _listens(self, port: int) -> bool:
        self.process.check()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        self.process.stop()
