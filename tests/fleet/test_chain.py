"""A device two releases behind, by the whole road: the server's worker makes the deltas, the agent fetches and applies them."""

import random
import unittest

import tflite
from installation import DATA, Installation

from fleet.process import wait_until

DEVICE = "cam-1"
WEAK = "cam-weak"  # says that its core makes 1,000 bytes of a delta in a second
PIECE = 96  # bytes that are moved together
WEIGHTS_BYTES_MIN = 4096


def moved(data: bytes) -> bytes:
    """The same model with pieces of its large weights in another order: a few copies tell all of it."""
    changed, order = bytearray(data), random.Random(0)
    for where in tflite.buffers(data, WEIGHTS_BYTES_MIN):
        pieces = [data[at:at + PIECE] for at in range(where.start, where.stop - PIECE + 1, PIECE)]
        order.shuffle(pieces)
        changed[where.start:where.start + PIECE * len(pieces)] = b"".join(pieces)
    return bytes(changed)


def nudged(data: bytes, seed: int) -> bytes:
    """The same model with most of its large weights one step larger or smaller: small differences, place by place."""
    changed, step = bytearray(data), random.Random(seed)
    for where in tflite.buffers(data, WEIGHTS_BYTES_MIN):
        for at in where:
            weight = (data[at] ^ 0x80) - 0x80
            changed[at] = max(-127, min(127, weight + step.choice((-1, 0, 1)))) & 0xff
    return bytes(changed)


class Chain(Installation):
    # Each name starts with the order in which they run: the first installs.

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        inputs, labels = DATA / "golden" / "ic.in.bin", DATA / "golden" / "ic.labels.u8"
        cls.fleet.add_agents([WEAK], "ic", inputs, labels, patch_rate_bytes_per_s=1000)
        content = {"moved": moved((DATA / "models" / "ic-1.tflite").read_bytes())}
        content["both"] = nudged(content["moved"], 1)
        content["again"] = nudged(content["both"], 2)
        content["more"] = nudged(content["again"], 3)
        for name, data in content.items():
            source = cls.folder / f"{name}.tflite"
            source.write_bytes(data)
            cls.compiled[name] = cls.folder / f"{name}.gwm"
            cls.fleet.cli("model", "compile", source, "-o", cls.compiled[name])

    def release(self, name: str, version: str, *flags):
        """With gates that let anything pass: what such models answer is nothing to go by."""
        bundle = self.folder / f"bundle-{version}"
        self.fleet.cli("release", "sign", self.compiled[name], "--model", "ic", "--version", version, "--keys", self.fleet.trust,
                       "-o", bundle, "--soak-inferences", 20, "--gate-accuracy-drop", 100, "--gate-psi", 100, *flags)
        self.fleet.cli("release", "push", bundle)

    def least(self, old: str, new: str) -> int | None:
        """Bytes of the delta that the device is offered for the pair, if any, once all of them were made."""
        def made():
            self.fleet.server.check()
            found = [delta for delta in self.fleet.api.all("/api/v1/models/ic/deltas")
                     if (delta["from"], delta["to"]) == (old, new)]
            return found if found and all(delta["state"] not in ("pending", "running") for delta in found) else None
        deltas = wait_until(f"the deltas from {old} to {new}", made, 120)
        return min((delta["size_bytes"] for delta in deltas if delta["state"] == "ready" and delta["format"] == "godwit"),
                   default=None)

    def update(self, version: str, device: str = DEVICE) -> dict:
        """Rolls it out to the device alone; its attempt."""
        number = self.create(version, "--filter", f"id=={device}", "--phases", "100")
        self.ended(number)
        self.assertEqual(self.running(device), version)
        attempts = self.attempts(number)
        self.assertEqual(len(attempts), 1)
        return attempts[0]

    def test_0_first_install(self):
        self.release("ic-1", "1.0.0")
        self.assertEqual(self.update("1.0.0")["transport"], "full")

    def test_1_two_steps_where_they_are_the_fewest_bytes(self):
        self.release("moved", "1.1.0", "--parent", "1.0.0")
        self.release("both", "1.2.0", "--parent", "1.1.0")
        first, second = self.least("1.0.0", "1.1.0"), self.least("1.1.0", "1.2.0")
        attempt = self.update("1.2.0")
        direct = self.least("1.0.0", "1.2.0")
        full = self.fleet.api.get("/api/v1/models/ic/releases/1.2.0")["size_bytes"]
        self.assertLess(first + second, min(direct or full, full * 9 // 10), "two steps are to be the cheapest here")
        self.assertEqual((attempt["transport"], attempt["bytes_received"]), ("chain", first + second))
        fetched = self.fleet.api.all("/api/v1/models/ic/releases/1.2.0/attempts")
        self.assertEqual([(row["device"], row["from_version"], row["transport"], row["bytes_received"]) for row in fetched],
                         [(DEVICE, "1.0.0", "chain", first + second)])
        traffic = self.fleet.api.all("/api/v1/models/ic/traffic")
        self.assertIn({"from": "1.0.0", "to": "1.2.0", "transport": "chain", "devices": 1, "bytes_received": first + second,
                       "bytes_saved": full - first - second}, traffic)

    def test_2_one_delta_where_it_is(self):
        """Between releases that differ little, what both steps bring costs less at once."""
        self.release("again", "1.3.0", "--parent", "1.2.0")
        self.release("more", "1.4.0", "--parent", "1.3.0")
        first, second = self.least("1.2.0", "1.3.0"), self.least("1.3.0", "1.4.0")
        attempt = self.update("1.4.0")
        direct = self.least("1.2.0", "1.4.0")
        self.assertLess(direct, first + second, "one delta is to be the cheapest here")
        self.assertEqual((attempt["transport"], attempt["bytes_received"]), ("delta", direct))

    def test_3_the_full_release_where_it_is(self):
        """A larger network that was trained anew shares too little with what was before, in one step or two."""
        self.release("ic-2", "1.5.0", "--parent", "1.4.0")
        self.release("ic-3", "1.6.0", "--parent", "1.5.0")
        self.assertIsNone(self.least("1.5.0", "1.6.0"))
        attempt = self.update("1.6.0")
        self.assertIsNone(self.least("1.4.0", "1.6.0"))
        full = self.fleet.api.get("/api/v1/models/ic/releases/1.6.0")["size_bytes"]
        self.assertEqual((attempt["transport"], attempt["bytes_received"]), ("full", full))

    def test_4_a_weak_core_gets_what_it_applies_fast(self):
        self.assertEqual(self.fleet.api.get(f"/api/v1/devices/{WEAK}")["patch_rate_bytes_per_s"], 1000)
        self.update("1.0.0", WEAK)
        self.release("ic-2", "1.7.0", "--parent", "1.0.0")
        attempt = self.update("1.7.0", WEAK)
        made = {delta["format"]: delta for delta in self.fleet.api.all("/api/v1/models/ic/deltas")
                if (delta["from"], delta["to"]) == ("1.0.0", "1.7.0")}
        self.assertEqual(made["godwit-fast"]["mode"], "weights, fast")
        self.assertNotEqual(made["godwit-fast"]["size_bytes"], made["godwit"]["size_bytes"])
        self.assertEqual((attempt["transport"], attempt["bytes_received"]), ("delta", made["godwit-fast"]["size_bytes"]))


if __name__ == "__main__":
    unittest.main()
