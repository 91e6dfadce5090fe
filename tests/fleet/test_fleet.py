"""Real processes under one roof: a fleet is rolled forward while server, broker, database and agents are killed."""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

from installation import DATA, DEVICES, Installation

from fleet.process import run, wait_until

CAP_IPC_LOCK = 14  # linux/capability.h


class Fleet(Installation):
    # Each name starts with the order in which they run: the first installs.

    def test_0_first_install(self):
        version = self.publish("ic-1")
        self.ended(self.create(version))
        self.all_run(version)
        for name in DEVICES:
            # The file may still tell of the second before.
            wait_until(f"end of the attempt in the status of {name}",
                       lambda name=name: self.own_word(name).get("attempt", {}).get("state") == "succeeded")
            self.in_locked_memory(name)
            self.assertTrue((self.folder / "agents" / name / "state" / "kept.ic").exists())

    def in_locked_memory(self, name):
        """What a running agent opened is neither dumped nor, where it may lock memory, swapped."""
        process = pathlib.Path(f"/proc/{self.fleet.agents[name].pid()}")
        try:
            mappings = (process / "smaps").read_text().split("VmFlags:")
        except PermissionError:  # as it should be: only the superuser looks into an agent
            self.assertNotEqual(os.geteuid(), 0)
            return
        secret = [facts for facts, flags in zip(mappings, mappings[1:]) if " dd" in flags.splitlines()[0]]
        self.assertTrue(secret)
        limit = re.search(r"Max locked memory +\S+ +(\S+)", (process / "limits").read_text())[1]
        capabilities = int(re.search(r"CapEff:\s+(\S+)", (process / "status").read_text())[1], 16)
        if limit != "unlimited" and int(limit) < 1 << 20 and not capabilities >> CAP_IPC_LOCK & 1:
            return
        self.assertGreater(sum(int(re.search(r"Locked: +(\d+) kB", facts)[1]) for facts in secret), 0)

    def test_1_server_killed(self):
        version = self.publish("ic-2")
        number = self.create(version)
        self.under_way(number)
        self.fleet.server.kill(signal.SIGKILL)
        self.fleet.start_server()
        self.ended(number)
        self.all_run(version)

    def test_2_agents_killed(self):
        version = self.publish("ic-3")
        number = self.create(version)
        for name in DEVICES:
            wait_until(f"{name} at work", lambda name=name: any(
                row["device"] == name and row["state"] not in ("queued", "notified") for row in self.attempts(number)), 60, 0.01)
            self.fleet.agents[name].kill(signal.SIGKILL)
            self.fleet.start_agent(name)
        self.ended(number)
        self.all_run(version)

    def test_3_broker_restarted(self):
        version = self.publish("ic-1")
        number = self.create(version)
        self.under_way(number)
        self.fleet.broker.process.kill(signal.SIGKILL)
        self.fleet.broker.start()
        self.ended(number)
        self.all_run(version)

    def test_4_database_killed(self):
        version = self.publish("ic-2")
        number = self.create(version)
        self.under_way(number)
        self.fleet.postgres.process.kill(signal.SIGQUIT)  # immediate: no checkpoint, recovery at the next start
        self.fleet.postgres.start()
        wait_until("readiness after the database came back", self.fleet.api.ready)
        self.ended(number)
        self.all_run(version)

    def test_5_pause_resume_abort(self):
        version = self.publish("ic-1")
        before = self.publish("ic-3")
        number = self.create(before, "--no-start")
        self.assertEqual(self.rollout(number)["state"], "draft")
        self.fleet.cli("rollout", "abort", number, "--yes")
        self.assertEqual(self.rollout(number)["state"], "cancelled")
        number = self.create(version)
        self.fleet.cli("rollout", "pause", number)
        self.assertEqual(self.rollout(number)["state"], "paused")
        self.fleet.cli("rollout", "resume", number)
        self.ended(number)
        self.all_run(version)

    def test_6_device_confined_to_its_topics(self):
        """The broker keeps one device's certificate out of another device's topics, in both directions."""
        identity = self.folder / "agents" / "cam-1" / "state" / "identity"
        common = ["-h", "127.0.0.1", "-p", str(self.fleet.broker.device_port), "-V", "5", "-q", "1",
                  "--cafile", str(self.fleet.pki / "server-ca.crt"), "--cert", str(identity / "device.crt"),
                  "--key", str(identity / "device.key")]
        self.fleet.agents["cam-1"].stop()
        foreign = subprocess.run(["mosquitto_pub", *common, "-t", "v1/d/cam-2/up/pres", "-m", '{"v":1,"epoch":99,"online":false}'],
                                 capture_output=True, text=True, check=False)
        self.assertIn("Not authorized", foreign.stderr)
        spy = subprocess.run(["mosquitto_sub", *common, "-t", "v1/d/cam-2/#", "-W", "2"], capture_output=True, text=True,
                             check=False)
        self.assertEqual(spy.stdout, "")
        self.fleet.start_agent("cam-1")
        wait_until("cam-1 online again", lambda: self.fleet.api.get("/api/v1/devices/cam-1")["online"])
        self.assertTrue(self.fleet.api.get("/api/v1/devices/cam-2")["online"])

    def test_7_revoked_device_gets_nothing(self):
        self.fleet.cli("device", "revoke", "cam-3", "--confirm=cam-3")
        identity = self.folder / "agents" / "cam-3" / "state" / "identity"
        config = json.loads((self.folder / "server.json").read_text())
        answer = run(["curl", "-sS", "--cacert", self.fleet.pki / "server-ca.crt", "--cert", identity / "device.crt",
                      "--key", identity / "device.key", "-o", "/dev/null", "-w", "%{http_code}",
                      config["advertise"]["device_url"] + "/device/v1/director/targets.json"], expect=None)
        self.assertIn(answer.stdout.decode(), ("401", "403"))

    def test_8_certificate_renewed_over_the_authenticated_road(self):
        """By a device to which its certificate always seems old: the key stays, both certificates are good, a kill harms nothing."""
        inputs, labels = DATA / "golden" / "ic.in.bin", DATA / "golden" / "ic.labels.u8"
        self.fleet.add_agents(["cam-4"], "ic", inputs, labels)
        wait_until("cam-4 online", lambda: any(
            device["id"] == "cam-4" and device["online"] for device in self.fleet.api.all("/api/v1/devices")))
        identity = self.folder / "agents" / "cam-4" / "state" / "identity"
        key, first = (identity / "device.key").read_bytes(), (identity / "device.crt").read_bytes()
        self.fleet.agents["cam-4"].stop()
        config = self.folder / "agents" / "cam-4" / "agent.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "renew_certificate_days": 10_000}))
        for moment in range(4):
            self.fleet.start_agent("cam-4")
            wait_until("a certificate under way", lambda: any(identity.glob("device.crt.next*")) or moment == 3
                       or (identity / "device.crt").read_bytes() != first, 30, 0.0005)
            if moment < 3:
                self.fleet.agents["cam-4"].kill(signal.SIGKILL)
        wait_until("another certificate", lambda: (identity / "device.crt").read_bytes() != first)
        self.assertEqual((identity / "device.key").read_bytes(), key)
        before = self.folder / "before.crt"
        before.write_bytes(first)
        for certificate in (before, identity / "device.crt"):
            run(["curl", "-sSf", "--cacert", self.fleet.pki / "server-ca.crt", "--cert", certificate, "--key",
                 identity / "device.key", "-o", "/dev/null", self.fleet.device_url + "/device/v1/director/1.root.json"])
        version = self.publish("ic-2")
        self.ended(self.create(version, "--filter", "id==cam-4", "--phases", "100"))
        self.assertEqual(self.running("cam-4"), version)


if __name__ == "__main__":
    unittest.main()
