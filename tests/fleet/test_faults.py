"""Kills at every moment: the server along a rollout, agents in each of their phases, everything at once, two operators."""

import json
import pathlib
import signal
import ssl
import threading
import time
import unittest
import urllib.error
import urllib.request

from installation import DEVICES, PROGRAMS, Installation

from fleet.process import run, wait_until

WORKING = ("downloading", "verifying", "installing", "trial", "succeeded")
FORWARD = ("downloading", "verifying", "installing", "testing", "trial", "confirming")


class Faults(Installation):
    interval_ms = 3  # a trial of 249 inferences leaves time to be killed in
    settings = {"report_interval_ms": 50}

    # Each name starts with the order in which they run: the first installs.

    def test_0_first_install(self):
        version = self.publish("ic-1")
        self.ended(self.create(version))
        self.all_run(version)

    def test_1_server_killed_at_every_moment_of_a_rollout(self):
        version = self.publish("ic-2")
        number = self.create(version)

        def devices_in(states, count):
            return sum(row["state"] in states for row in self.attempts(number)) >= count

        moments = {
            "just created": lambda: True,
            "a device at work": lambda: devices_in(WORKING, 1),
            "a device in its trial": lambda: devices_in(WORKING[3:], 1),
            "the first phase over": lambda: devices_in(WORKING[4:], 1),
            "the second phase at work": lambda: devices_in(WORKING, 2),
            "two devices done": lambda: devices_in(WORKING[4:], 2),
        }
        for what, come in moments.items():
            with self.subTest(what):
                wait_until(what, come, 60, 0.01)
                self.fleet.server.kill(signal.SIGKILL)
                self.fleet.start_server()
        self.ended(number)
        self.all_run(version)
        self.assertEqual([row["state"] for row in self.attempts(number)], ["succeeded"] * len(DEVICES))

    def state_folder(self, device: str) -> pathlib.Path:
        return self.folder / "agents" / device / "state"

    def phase(self, device: str) -> str:
        """What the agent's journal says: the phase that it is in, or was in when it was killed."""
        try:
            return json.loads((self.state_folder(device) / "journal").read_text().split("\n")[0])["phase"]
        except (FileNotFoundError, ValueError):
            return ""

    def kill_in(self, device: str, phases: set, number: int) -> str:
        """Kills the agent once its journal names one of the phases; in which it was killed, "" when the rollout ended first."""
        agent = self.fleet.agents[device]
        end = time.monotonic() + 60
        looked = time.monotonic()
        while time.monotonic() < end:
            if self.phase(device) in phases:
                agent.kill(signal.SIGKILL)
                return self.phase(device)
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                agent.check()
                if self.rollout(number)["ended_at"]:
                    return ""
        self.fail(f"{device} is in phase {self.phase(device)!r}, and the rollout does not end: {self.attempts(number)}")

    def kill_through(self, device: str, number: int, left: set):
        """Kills the agent once in each of the phases that are `left`, as far as it is seen in them."""
        while left:
            killed_in = self.kill_in(device, left, number)
            if not killed_in:
                return
            left.discard(killed_in)
            self.fleet.start_agent(device)

    def test_2_agent_killed_in_every_phase(self):
        """A phase may be over before it is seen; then it is waited for in the next rollout."""
        left = set(FORWARD)
        for content in ("ic-3", "ic-1", "ic-2") * 4:
            version = self.publish(content)
            number = self.create(version, "--filter", "id==cam-1", "--phases", "100")
            self.kill_through("cam-1", number, left)
            self.ended(number)
            self.assertEqual(self.running("cam-1"), version)
            if not left:
                break
        self.assertEqual(left, set(), "phases in which the agent was never met")

    def damaged(self, golden: str) -> str:
        """A release that is bad in a way that only running it shows."""
        self.compiled["bad"] = self.folder / f"bad-{self.version}.gwm"
        run([PROGRAMS / "godwit-test-damage", self.compiled["ic-2"], "-o", self.compiled["bad"], golden])
        return self.publish("bad")

    def test_3_agent_killed_while_it_reverts(self):
        """Also by a gate that fails after the agent was killed in the trial: the release before runs again, and the rollout stops."""
        good = self.publish("ic-2")
        self.ended(self.create(good))
        left = {"testing", "trial", "reverting", "ended"}
        for golden in ("--keep-golden", "--fresh-golden") * 3:
            number = self.create(self.damaged(golden))
            started = wait_until("the canary", lambda number=number: [
                row["device"] for row in self.attempts(number) if row["state"] not in ("queued", "cancelled")], 60, 0.01)
            self.kill_through(started[0], number, left)
            self.ended(number, "failed")
            # The rollout ends with its first failure; another device of the phase may be taking its trial back yet.
            wait_until("the release before on every device", lambda: all(self.running(name) == good for name in DEVICES))
            if not left - {"ended"}:
                break
        self.assertEqual(left - {"ended"}, set(), "phases in which the agent was never met")

    def test_4_everything_killed_at_once(self):
        version = self.publish("ic-1")
        number = self.create(version)
        self.under_way(number)
        self.fleet.server.kill(signal.SIGKILL)
        self.fleet.broker.process.kill(signal.SIGKILL)
        self.fleet.postgres.process.kill(signal.SIGQUIT)  # immediate: no checkpoint, recovery at the next start
        for name in DEVICES:
            self.fleet.agents[name].kill(signal.SIGKILL)
        for name in DEVICES:  # devices are there first, as after a power cut in the server's room
            self.fleet.start_agent(name)
        self.fleet.postgres.start()
        self.fleet.broker.start()
        self.fleet.start_server()
        self.ended(number)
        self.all_run(version)

    def ask(self, method: str, path: str, tag: str = "", body=None) -> tuple[int, str]:
        """The status and the entity tag."""
        headers = {"Authorization": f"Bearer {self.fleet.token}", "Content-Type": "application/json"}
        if tag:
            headers["If-Match"] = tag
        request = urllib.request.Request(self.fleet.url + path, method=method, headers=headers,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(self.fleet.pki / "server-ca.crt")), timeout=30) as answer:
                return answer.status, answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            self.assertTrue(problem["code"] and problem["request_id"], problem)
            return error.code, ""

    def at_once(self, *calls) -> list[int]:
        statuses = [0] * len(calls)

        def one(i):
            statuses[i] = self.ask(*calls[i])[0]
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)

    def test_5_two_operators_at_once(self):
        device = "/api/v1/devices/cam-1"
        _, tag = self.ask("GET", device)
        self.assertEqual(self.at_once(("PATCH", device, tag, {"tags": ["a"]}), ("PATCH", device, tag, {"tags": ["b"]})),
                         [200, 412])
        number = self.create(self.publish("ic-3"), "--no-start")
        path = f"/api/v1/rollouts/{number}"
        _, tag = self.ask("GET", path)
        statuses = self.at_once(("POST", path + "/start", tag), ("POST", path + "/abort", tag))
        self.assertEqual(statuses, [200, 412])
        if self.rollout(number)["state"] != "cancelled":
            self.ended(number)
        # Without having looked: an illegal order of verbs is a conflict, whoever was faster.
        number = self.create(self.publish("ic-2"), "--no-start")
        path = f"/api/v1/rollouts/{number}"
        self.assertIn(self.at_once(("POST", path + "/abort"), ("POST", path + "/abort")), ([200, 409], [200, 200]))
        self.assertEqual(self.ask("POST", path + "/start")[0], 409)


if __name__ == "__main__":
    unittest.main()
