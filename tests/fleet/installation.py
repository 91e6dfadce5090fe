"""What the fleet's tests share: one installation of real processes for a class of tests, its releases and rollouts."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))

from fleet import stack  # noqa: E402
from fleet.process import wait_until  # noqa: E402

DATA = SOURCE / "tests" / "data"
PROGRAMS = pathlib.Path(os.environ.get("GODWIT_PROGRAMS", SOURCE / "build" / "release" / "bin"))
DEVICES = ["cam-1", "cam-2", "cam-3"]


class Installation(unittest.TestCase):
    """One installation for all tests of a class; each test publishes the next version of `ic` and rolls it out."""

    interval_ms = 0  # between two inferences of a device
    settings: dict = {}  # of every agent

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-fleet-")) / "fleet"
        cls.folder.parent.chmod(0o711)
        stack.create(cls.folder)
        cls.addClassCleanup(stack.remove, cls.folder)
        cls.fleet = stack.Stack(cls.folder, PROGRAMS, durable=True)
        cls.version = 0
        cls.fleet.prepare()
        cls.fleet.start_server()
        inputs, labels = DATA / "golden" / "ic.in.bin", DATA / "golden" / "ic.labels.u8"
        replay = {"ic": {"inputs": str(inputs), "labels": str(labels), "interval_ms": cls.interval_ms}}
        cls.fleet.add_agents(DEVICES, "ic", inputs, labels, replay=replay, **cls.settings)
        cls.compiled = {}
        for name in ("ic-1", "ic-2", "ic-3"):
            cls.compiled[name] = cls.folder / f"{name}.gwm"
            cls.fleet.cli("model", "compile", DATA / "models" / f"{name}.tflite", "-o", cls.compiled[name])

    def publish(self, name: str) -> str:
        """The next version of `ic`, with the content of that file."""
        type(self).version += 1
        version = f"1.0.{self.version}"
        bundle = self.folder / f"bundle-{version}"
        self.fleet.cli("release", "sign", self.compiled[name], "--model", "ic", "--version", version, "--keys", self.fleet.trust,
                       "-o", bundle, "--gate-accuracy-drop", 5, "--soak-inferences", 249)
        self.fleet.cli("release", "push", bundle)
        return version

    def create(self, version: str, *flags) -> int:
        if "--phases" not in flags:
            flags = ("--phases", "34,100", *flags)
        return json.loads(self.fleet.cli("rollout", "create", "ic", version, *flags, "-o", "json"))["id"]

    def rollout(self, number: int) -> dict:
        return self.fleet.api.get(f"/api/v1/rollouts/{number}")

    def attempts(self, number: int) -> list[dict]:
        return self.fleet.api.all(f"/api/v1/rollouts/{number}/attempts")

    def ended(self, number: int, state: str = "succeeded"):
        def over():
            self.fleet.server.check()
            return self.rollout(number)["ended_at"]
        wait_until(f"end of rollout {number}", over, 120)
        rollout = self.rollout(number)
        self.assertEqual(rollout["state"], state, (rollout, self.attempts(number)))

    def running(self, device: str) -> str | None:
        return (self.fleet.api.get(f"/api/v1/devices/{device}")["components"].get("ic") or {}).get("version")

    def all_run(self, version: str):
        for device in DEVICES:
            self.assertEqual(self.running(device), version, device)

    def own_word(self, name: str) -> dict:
        """What the agent says of itself, in the file that `godwit-agent status` prints."""
        return json.loads((self.folder / "agents" / name / "state" / "status.json").read_text())

    def under_way(self, number: int):
        """Waits until a device of the rollout works on it."""
        wait_until("a device at work", lambda: any(
            row["state"] not in ("queued", "notified") for row in self.attempts(number)), 60, 0.01)
