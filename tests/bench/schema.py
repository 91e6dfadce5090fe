"""The one form of all benchmarks: rows, their goals, the object of --json and the table that is printed."""

import json
import os
import pathlib
import platform
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Report:
    """{bench, commit, machine, rows: [{name, value, unit, peer, peer_value, ratio, goal, holds}]}"""

    def __init__(self, bench: str):
        self.bench = bench
        self.rows: list[dict] = []

    def add(self, name: str, value, unit: str, peer: str | None = None, peer_value=None, ratio=None, goal: str | None = None,
            holds: bool | None = None):
        """ratio: how many times better we are than the peer. goal: in words; holds: null where there is no goal or no value."""
        self.rows.append({"name": name, "value": _round(value), "unit": unit, "peer": peer, "peer_value": _round(peer_value),
                          "ratio": _round(ratio), "goal": goal, "holds": holds})

    def beside(self, name: str, value: float, unit: str, peer: str, peer_value: float | None, goal: float | None = None):
        """A row where less is better, and the goal is a least ratio."""
        ratio = peer_value / value if peer_value and value else None
        self.add(name, value, unit, peer, peer_value, ratio, None if goal is None else f"ratio >= {goal}",
                 None if goal is None or ratio is None else ratio >= goal)

    def at_most(self, name: str, value: float, unit: str, limit: float, peer: str | None = None, peer_value=None):
        ratio = peer_value / value if peer_value and value else None
        self.add(name, value, unit, peer, peer_value, ratio, f"<= {limit:g} {unit}", value <= limit)

    def at_least(self, name: str, value: float, unit: str, limit: float):
        self.add(name, value, unit, goal=f">= {limit:g} {unit}", holds=value >= limit)

    def as_object(self) -> dict:
        return {"bench": self.bench, "commit": commit(), "machine": machine(), "rows": self.rows}

    def write(self, path: pathlib.Path):
        path.write_text(json.dumps(self.as_object(), indent=1) + "\n")

    def show(self):
        """As a table of Markdown, so that it can be pasted into docs/benchmarks.md."""
        print(f"\n{self.bench} at {commit()} on {machine()}\n")
        lines = [["what", "ours", "unit", "peer", "theirs", "ratio", "goal", "holds"]]
        for row in self.rows:
            lines.append([row["name"], _text(row["value"]), row["unit"], row["peer"] or "", _text(row["peer_value"]),
                          f"{row['ratio']:.2f}" if row["ratio"] else "", row["goal"] or "",
                          {None: "", True: "yes", False: "no"}[row["holds"]]])
        widths = [max(len(line[column]) for line in lines) for column in range(8)]
        lines.insert(1, ["-" * width for width in widths])
        for line in lines:
            print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")


def _round(value):
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _text(value) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) or abs(value) < 1000 else f"{value:,.0f}"


def commit() -> str:
    done = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", "").split()
    sets = [name for name in ("avx2", "avx_vnni", "avx512_vnni", "avx512vbmi") if name in flags]
    name = fields.get("model name") or platform.machine()
    family = f" family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""
    return f"{name}{family}, {os.cpu_count()} cores, {' '.join(sets) or 'no vector set of ours'}, Linux {platform.release()}"
