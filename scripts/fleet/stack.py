"""The whole installation: certificates, keys, database, broker, server, agents."""

import fcntl
import json
import os
import pathlib
import shutil
import stat

from .api import Api
from .broker import Broker
from .postgres import Postgres
from .process import Failure, Process, call, free_port, run, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Stack:
    """Everything lies under `folder`; `programs` holds godwit, godwit-server and godwit-agent."""

    def __init__(self, folder: pathlib.Path, programs: pathlib.Path, durable: bool = True):
        self.folder = folder
        self.programs = programs
        self.trust = folder / "trust"
        self.pki = folder / "pki"
        self.postgres = Postgres(folder / "pg", durable)
        self.broker = Broker(folder / "broker", SOURCE / "deploy" / "mosquitto")
        self.server = Process(folder, "server")
        self.agents: dict[str, Process] = {}
        self.token = ""
        self.url = ""
        self.device_url = ""
        self.api: Api | None = None

    def prepare(self):
        """Certificates, signing keys, database, broker, and an operator's token."""
        run([SOURCE / "scripts" / "pki", self.pki, "127.0.0.1", "localhost"])
        run([self.programs / "godwit", "keys", "init", self.trust])
        self.postgres.start()
        self.broker.configure(self.pki)
        self.broker.start()
        self._write_server_config()
        self.token = run([self.programs / "godwit-server", "token", "create", "--config", self._server_config,
                          "--name", "demo"]).stdout.decode().strip()
        token_file = self.folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token + "\n")

    @property
    def _server_config(self) -> pathlib.Path:
        return self.folder / "server.json"

    def _write_server_config(self):
        operator_port, device_port = free_port(), free_port()
        self.url, self.device_url = (f"https://127.0.0.1:{port}" for port in (operator_port, device_port))
        pki, trust = self.pki, self.trust
        tls = {"address": "127.0.0.1", "certificate": str(pki / "server.crt"), "key": str(pki / "server.key")}
        self._server_config.write_text(json.dumps({
            "database": self.postgres.url,
            "data_dir": str(self.folder / "data"),
            "operator": {**tls, "port": operator_port},
            "device": {**tls, "port": device_port, "client_ca": str(pki / "device-ca.crt")},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.server_port, "ca": str(pki / "server-ca.crt"),
                     "certificate": str(pki / "mqtt-server.crt"), "key": str(pki / "mqtt-server.key")},
            "device_ca": {"certificate": str(pki / "device-ca.crt"), "key": str(pki / "device-ca.key")},
            "trust": {"image_root": str(trust / "image" / "root.json"),
                      "director_root": str(trust / "director" / "root.json"),
                      "director_key": str(trust / "director.key"), "sealing_key": str(trust / "server-seal.key")},
            "advertise": {"device_url": self.device_url, "mqtt_host": "127.0.0.1",
                          "mqtt_port": self.broker.device_port},
        }, indent=2))

    def start_server(self):
        self.server.start([self.programs / "godwit-server", "run", "--config", self._server_config])
        self.api = Api(self.url, self.token, self.pki / "server-ca.crt")

        def ready():
            self.server.check()
            return self.api.ready()
        wait_until("readiness of godwit-server", ready)

    def cli(self, *arguments, expect=(0,), capture=True):
        """Runs `godwit` as an operator would. capture=False: its words go to our own output."""
        environment = {"GODWIT_SERVER": self.url, "GODWIT_TOKEN": self.token,
                       "GODWIT_CA": str(self.pki / "server-ca.crt")}
        command = [self.programs / "godwit", *arguments]
        if capture:
            return run(command, environment, expect=expect).stdout.decode()
        code = call(command, environment)
        if expect is not None and code not in expect:
            raise Failure(f"godwit {' '.join(map(str, arguments))}: exit code {code}, not {expect}")
        return code

    def add_agents(self, names, model: str, inputs: pathlib.Path, labels: pathlib.Path, **settings):
        """Writes their configurations, with one enrolment token for all of them, and starts them."""
        token = json.loads(self.cli("enrolment-token", "create", "--uses", len(names), "-o", "json"))["token"]
        for name in names:
            folder = self.folder / "agents" / name
            folder.mkdir(parents=True)
            config = {
                "state_dir": str(folder / "state"), "device_id": name, "server_url": self.url,
                "server_ca": str(self.pki / "server-ca.crt"), "enrolment_token": token,
                "image_root": str(self.trust / "image" / "root.json"),
                "director_root": str(self.trust / "director" / "root.json"),
                "hardware_id": "cam-v2", "ram_bytes": 8 << 20, "flash_bytes": 4 << 20,
                "replay": {model: {"inputs": str(inputs), "labels": str(labels), "interval_ms": 0}},
                **settings,
            }
            path = folder / "agent.json"
            path.touch(mode=0o600)
            path.write_text(json.dumps(config, indent=2))
            self.start_agent(name)
        wait_until(f"{len(names)} devices online",
                   lambda: sum(device["online"] for device in self.api.all("/api/v1/devices")) >= len(names))

    def start_agent(self, name: str):
        folder = self.folder / "agents" / name
        process = self.agents.setdefault(name, Process(folder, "agent"))
        process.start([self.programs / "godwit-agent", "run", "--config", folder / "agent.json"])

    def stop(self):
        for agent in self.agents.values():
            agent.stop()
        self.server.stop()
        self.broker.stop()
        self.postgres.stop()


ORDER = ("agent", "server", "mosquitto", "postgres")  # in which they are ended
MARK = ".godwit-fleet"


def _processes(folder: pathlib.Path) -> list[Process]:
    """What earlier runs started under this folder, in the order in which it is to be ended."""
    files = [path for path in folder.rglob("*.pid") if path.stem in ORDER]
    return [Process(path.parent, path.stem) for path in sorted(files, key=lambda path: ORDER.index(path.stem))]


_held = {}  # folder -> its open mark, locked for as long as this process lives


def _hold(folder: pathlib.Path):
    """Failure if another process works in this folder. The lock ends with our process, however that ends."""
    if folder in _held:
        return
    mark = open(folder / MARK, "a")
    try:
        fcntl.lockf(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure(f"a demo is at work in {folder}: wait for its end, end it with Ctrl-C, "
                      "or name another folder with --dir") from None
    _held[folder] = mark


def remove(folder: pathlib.Path):
    """Ends what an earlier run left running under this folder (only that), and removes the folder."""
    if not folder.exists():
        return
    if not (folder / MARK).is_file() or folder.stat().st_uid != os.geteuid():
        raise Failure(f"{folder} was not made by this script and this user (by its {MARK}): not removed")
    _hold(folder)
    for process in _processes(folder):
        process.stop()
    shutil.rmtree(folder)
    _held.pop(folder).close()


def create(folder: pathlib.Path):
    """Makes the folder anew, such that the users of PostgreSQL and Mosquitto can enter it."""
    closed = [parent for parent in folder.parents if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH]
    if closed and os.geteuid() == 0:
        raise Failure(f"started by root, PostgreSQL and Mosquitto run as users of their own, and these cannot enter {closed[0]}: "
                      f"open it (chmod o+x {closed[0]}), or name another folder with --dir")
    running = [process.name for process in _processes(folder) if process.pid() is not None]
    if (folder / MARK).exists():
        _hold(folder)
    if running:
        raise Failure(f"an earlier run is still there in {folder} ({', '.join(sorted(set(running)))}): "
                      "end it with scripts/demo --clean, or name another folder with --dir")
    remove(folder)
    folder.mkdir(parents=True)
    folder.chmod(0o711)
    (folder / MARK).write_text("Made by Godwit's scripts; removed by scripts/demo --clean.\n")
    _hold(folder)
