"""The form of the demo's --json-summary, which scripts of others read."""

import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from fleet import report, summary  # noqa: E402


def attempt(state: str, transport: str = "full", received: int = 100, correct: int | None = None) -> dict:
    health = None if correct is None else {"correct": correct, "labelled": 249, "latency_us": [[10, 98], [20, 2]]}
    return {"state": state, "transport": transport, "bytes_received": received, "health": health}


def demo(**changes):
    made = types.SimpleNamespace(
        rollouts=[
            {"rollout": {"version": "1.0.0"}, "full_size_bytes": 100, "attempts": [attempt("succeeded", correct=217)] * 2},
            {"rollout": {"version": "1.1.0"}, "full_size_bytes": 90,
             "attempts": [attempt("rolled_back", "delta", 10, 16), attempt("cancelled", "", 0)]}],
        devices_at_end={"1.0.0": 2}, seconds=12.345, done={"a": True, "b": True},
        fleet=types.SimpleNamespace(agents={"cam-1": None, "cam-2": None}))
    vars(made).update(changes)
    return made


class Summary(unittest.TestCase):
    def test_summary_has_the_promised_form(self):
        self.assertEqual(summary.as_object(demo()), {
            "devices": 2, "seconds": 12.3, "full_bytes": 90, "delta_bytes": 10, "rollbacks": 1,
            "releases": [
                {"version": "1.0.0", "accuracy": 87.15, "latency_us_p50": report.upper_bound(10),
                 "latency_us_p99": report.upper_bound(20), "devices_at_end": 2},
                {"version": "1.1.0", "accuracy": 6.43, "latency_us_p50": report.upper_bound(10),
                 "latency_us_p99": report.upper_bound(20), "devices_at_end": 0}],
            "steps": [{"name": "a", "ok": True}, {"name": "b", "ok": True}], "ok": True})

    def test_summary_of_a_demo_that_came_to_nothing(self):
        found = summary.as_object(demo(rollouts=[], devices_at_end={}, done={"a": False}))
        self.assertEqual((found["devices"], found["full_bytes"], found["releases"], found["ok"]), (2, 0, [], False))

    def test_summary_of_a_release_that_never_ran(self):
        rollout = {"rollout": {"version": "1.1.1"}, "full_size_bytes": 9, "attempts": [attempt("failed", "delta", 5)]}
        found = summary.as_object(demo(rollouts=[rollout]))["releases"][0]
        self.assertEqual((found["accuracy"], found["latency_us_p50"], found["latency_us_p99"]), (None, None, None))


if __name__ == "__main__":
    unittest.main()
