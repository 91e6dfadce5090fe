"""Runners as processes that are timed in turns: each answers a line with the median microseconds of one round."""

import json
import os
import statistics
import subprocess


class Runner:
    """One pinned process with one model; `reason` says why there is none."""

    def __init__(self, name: str, command: list, core: int | str, environment: dict | None = None):
        self.name = name
        self.times: list[float] = []
        self.reason = ""
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        line = self._process.stdout.readline()
        self.facts = json.loads(line) if line.startswith("{") else None
        if self.facts is None:
            self._give_up()

    def _give_up(self):
        words = self._process.communicate()[1].strip().splitlines() or ["it ended without a word"]
        self.reason = words[-1] if self._process.returncode >= 0 else f"killed by signal {-self._process.returncode}"
        self.facts = None

    def round(self):
        if self.facts is None:
            return
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            self.times.append(float(self._process.stdout.readline()))
        except (OSError, ValueError):
            self._give_up()

    @property
    def median(self) -> float | None:
        return statistics.median(self.times) if self.facts is not None and self.times else None

    def end(self):
        if self._process.poll() is None:
            self._process.communicate()


def take_turns(runners: list[Runner], rounds: int):
    """So that a noisy minute of the machine falls on all of them."""
    for _ in range(rounds):
        for runner in runners:
            runner.round()
    for runner in runners:
        runner.end()
