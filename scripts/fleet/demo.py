"""The demo: the real release history of MLPerf Tiny's image classifier goes to five devices; two bad releases do not."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time
from datetime import datetime

from . import report, stack
from .process import Failure, run

MODEL = "ic"
DEVICES = [f"cam-{number}" for number in range(1, 6)]
# What the reference kernels score on the 249 labelled images of MLPerf Tiny's evaluation lists.
ACCURACY = {"1.0.0": "87.15 %", "1.1.0": "86.35 %", "1.2.0": "87.95 %", "1.3.0": "86.35 %"}
CODE_SELF_TEST = 6001
CODES_GATE = (6101, 6102)


class Demo:
    def __init__(self, folder: pathlib.Path, programs: pathlib.Path):
        self.programs = programs
        self.fleet = stack.Stack(folder, programs)
        self.work = folder / "work"
        self.seen: list[tuple[str, bool]] = []
        self.rollouts: list[dict] = []

    def see(self, what: str, holds: bool):
        """One thing that must be observed; printed at once, counted at the end."""
        self.seen.append((what, bool(holds)))
        print(f"    {'ok  ' if holds else 'FAIL'}  {what}")

    def run(self):
        started = time.monotonic()
        step("0. A private installation: certificates, keys, PostgreSQL, Mosquitto, server, five agents")
        self.work.mkdir(parents=True)
        data = stack.SOURCE / "tests" / "data"
        replay = data / "golden"
        self.fleet.prepare()
        self.fleet.start_server()
        self.fleet.add_agents(DEVICES, MODEL, replay / "ic.in.bin", replay / "ic.labels.u8")
        print(f"    server {self.fleet.url}, devices {', '.join(DEVICES)}")
        self.first_install(data / "models")
        self.by_delta(data / "models")
        self.bad_releases()
        self.larger_network(data / "models")
        self.back_by_slot(data / "models")
        self.summary(time.monotonic() - started)

    # The steps -------------------------------------------------------------------------------------------------------

    def first_install(self, models: pathlib.Path):
        step("1. 1.0.0 (ic-1): compile, sign, push; from nothing to 1.0.0 in phases")
        self.publish("1.0.0", self.compile(models, "ic-1"), notes="first release")
        _, rows = self.roll_out("1.0.0")
        self.see_everywhere("1.0.0", rows, "full")

    def by_delta(self, models: pathlib.Path):
        step("2. 1.1.0 (ic-2): phases 20 % -> 100 %, as a bsdiff delta")
        self.publish("1.1.0", self.compile(models, "ic-2"), parent="1.0.0", notes="retrained")
        _, rows = self.roll_out("1.1.0")
        delta = self.delta("1.0.0", "1.1.0")
        print(f"    delta {report.size(delta['size_bytes'])} beside {report.size(delta['full_size_bytes'])} for the full release "
              f"({100 * delta['size_bytes'] / delta['full_size_bytes']:.0f} %)")
        self.see_everywhere("1.1.0", rows, "delta")
        self.see("every device received the delta's bytes and no more",
                 all(row["bytes_received"] == delta["size_bytes"] for row in rows))

    def bad_releases(self):
        good = self.work / "ic-2.gwm"
        for letter, version, golden, state, codes, why in (
                ("a", "1.1.1", "--keep-golden", "failed", (CODE_SELF_TEST,), "its self-test, before the trial"),
                ("b", "1.1.2", "--fresh-golden", "rolled_back", CODES_GATE, "the health gate, in its trial")):
            step(f"3{letter}. {version}: damaged weights; the canary must be stopped by {why}")
            bad = self.work / f"bad-{letter}.gwm"
            run([self.programs / "godwit-test-damage", good, "-o", bad, golden])
            self.publish(version, bad, parent="1.1.0", notes=f"bad on purpose ({golden[2:]})")
            rollout, rows = self.roll_out(version, ends="failed")
            started = [row for row in rows if row["state"] not in ("queued", "cancelled")]
            self.see("one device was tried and no other", len(started) == 1)
            self.see(f"it ended {state} with code {' or '.join(map(str, codes))}",
                     len(started) == 1 and started[0]["state"] == state and started[0]["code"] in codes)
            self.see("the rollout stopped by itself", rollout["state"] == "failed")
            self.see("all five devices run 1.1.0", self.running() == {"1.1.0": 5})
            print(f"    {rollout['status']}")

    def larger_network(self, models: pathlib.Path):
        step("4. 1.2.0 (ic-3, a larger network), then 1.3.0 (ic-4, byte for byte ic-2)")
        self.publish("1.2.0", self.compile(models, "ic-3"), parent="1.1.0", notes="larger network")
        _, rows = self.roll_out("1.2.0")
        delta = self.delta("1.1.0", "1.2.0")
        print(f"    why the full release: {delta['reason']}")
        self.see("the delta was made, compared, and not offered", delta["state"] == "rejected" and bool(delta["reason"]))
        self.see_everywhere("1.2.0", rows, "full")

    def back_by_slot(self, models: pathlib.Path):
        self.publish("1.3.0", self.compile(models, "ic-4"), parent="1.2.0", notes="back to the smaller network")
        _, rows = self.roll_out("1.3.0")
        self.see_everywhere("1.3.0", rows, "slot")
        self.see("nothing was downloaded", all(row["bytes_received"] == 0 for row in rows))

    # What an operator does -------------------------------------------------------------------------------------------

    def compile(self, models: pathlib.Path, name: str) -> pathlib.Path:
        out = self.work / f"{name}.gwm"
        self.fleet.cli("model", "compile", models / f"{name}.tflite", "-o", out)
        facts = dict(line.split("\t", 1) for line in self.fleet.cli("model", "inspect", out).splitlines() if "\t" in line)
        print(f"    {name}.tflite compiled: {facts['size']}, arena {facts['arena'].split(' (')[0]}, {facts['work']}, "
              f"golden {facts['golden']}")
        return out

    def publish(self, version: str, compiled: pathlib.Path, notes: str, parent: str | None = None):
        bundle = self.work / f"release-{version}"
        self.fleet.cli("release", "sign", compiled, "--model", MODEL, "--version", version, "--keys", self.fleet.trust,
                       "-o", bundle, "--notes", notes, *(["--parent", parent] if parent else []), "--hardware-id", "cam-v2",
                       "--gate-accuracy-drop", 5, "--gate-psi", 0.25, "--soak-inferences", 249)
        self.fleet.cli("release", "push", bundle)
        release = self.fleet.api.get(f"/api/v1/models/{MODEL}/releases/{version}")
        print(f"    {MODEL} {version} signed, sealed and pushed: {report.size(release['size_bytes'])} "
              f"(plain {report.size(release['plain_size_bytes'])})")

    def roll_out(self, version: str, ends: str = "succeeded") -> tuple[dict, list[dict]]:
        made = json.loads(self.fleet.cli("rollout", "create", MODEL, version, "--name", f"ic-{version}",
                                         "--phases", "20,100", "-o", "json"))
        sys.stdout.flush()
        self.fleet.cli("rollout", "watch", made["id"], "--timeout", 300, capture=False,
                       expect=(0,) if ends == "succeeded" else (5,))
        rollout = self.fleet.api.get(f"/api/v1/rollouts/{made['id']}")
        rows = self.fleet.api.all(f"/api/v1/rollouts/{made['id']}/attempts")
        self.rollouts.append({"rollout": rollout, "attempts": rows})
        report.attempts(rows)
        return rollout, rows

    # What must be seen -----------------------------------------------------------------------------------------------

    def running(self) -> dict[str, int]:
        """How many devices run which version, as they reported it."""
        counts: dict[str, int] = {}
        for device in self.fleet.api.all("/api/v1/devices"):
            version = (device["components"].get(MODEL) or {}).get("version") or "nothing"
            counts[version] = counts.get(version, 0) + 1
        return counts

    def delta(self, old: str, new: str) -> dict:
        deltas = self.fleet.api.all(f"/api/v1/models/{MODEL}/deltas")
        found = [delta for delta in deltas if delta["from"] == old and delta["to"] == new]
        if len(found) != 1:
            raise Failure(f"the server shows {len(found)} deltas from {old} to {new}, not one")
        return found[0]

    def see_everywhere(self, version: str, rows: list[dict], transport: str):
        self.see(f"all five devices run {version}", self.running() == {version: 5})
        self.see(f"all came by {transport}", [row["transport"] for row in rows] == [transport] * 5)
        scores = sorted({report.percent(row["health"]) for row in rows})
        self.see(f"accuracy on the 249 images is {ACCURACY[version]} on each (seen: {', '.join(scores)})",
                 scores == [ACCURACY[version]])

    def summary(self, seconds: float):
        step("Summary")
        rows = [["release", "rollout", "devices", "received", "full size x devices", "by", "seconds", "rollbacks"]]
        for item in self.rollouts:
            rollout, tries = item["rollout"], [row for row in item["attempts"] if row["state"] not in ("queued", "cancelled")]
            full = self.fleet.api.get(f"/api/v1/models/{MODEL}/releases/{rollout['version']}")["size_bytes"]
            rows.append([rollout["version"], rollout["state"], str(len(tries)),
                         report.size(sum(row["bytes_received"] for row in tries)), report.size(full * len(tries)),
                         ",".join(sorted({row["transport"] or "-" for row in tries})), f"{duration(rollout):.1f}",
                         str(sum(row["state"] == "rolled_back" for row in tries))])
        report.table(rows)
        missed = [what for what, holds in self.seen if not holds]
        print(f"    {len(self.seen) - len(missed)} of {len(self.seen)} observations hold, {seconds:.0f} s")
        for what in missed:
            print(f"    FAIL  {what}")


def duration(rollout: dict) -> float:
    times = [datetime.fromisoformat(rollout[key].replace("Z", "+00:00")) for key in ("started_at", "ended_at")]
    return (times[1] - times[0]).total_seconds()


def step(title: str):
    print(f"\n== {title}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running; print the URLs and a token")
    parser.add_argument("--clean", action="store_true", help="end what an earlier --keep left, remove its folder, and stop")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(f"/tmp/godwit-demo-{os.getuid()}"),
                        help="where everything lies (default: %(default)s)")
    parser.add_argument("--programs", type=pathlib.Path, default=stack.SOURCE / "build" / "release" / "bin",
                        help="the folder of the built programs (default: build/release/bin)")
    parser.add_argument("--json-summary", type=pathlib.Path, metavar="FILE", help="write all that was observed there")
    options = parser.parse_args()
    folder = options.dir.resolve()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        if options.clean:
            stack.remove(folder)
            return 0
        stack.create(folder)
        demo = Demo(folder, options.programs.resolve())
        done = False
        try:
            demo.run()
            done = all(holds for _, holds in demo.seen)
        finally:
            if options.json_summary:
                options.json_summary.write_text(json.dumps(
                    {"observed": [{"what": what, "holds": holds} for what, holds in demo.seen],
                     "rollouts": demo.rollouts}, indent=2))
            if options.keep:
                print_handles(demo)
            else:
                demo.fleet.stop()
                if done:
                    stack.remove(folder)
                else:
                    print(f"    the logs are kept in {folder}; remove them with scripts/demo --clean")
        return 0 if done else 1
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def print_handles(demo: Demo):
    fleet = demo.fleet
    print(f"""
Everything is left running under {fleet.folder}. To use it:
    export GODWIT_SERVER={fleet.url} GODWIT_CA={fleet.pki}/server-ca.crt GODWIT_TOKEN=$(cat {fleet.folder}/token)
    {demo.programs}/godwit device list
    curl --cacert $GODWIT_CA -H "Authorization: Bearer $GODWIT_TOKEN" {fleet.url}/api/v1/rollouts
To end it: scripts/demo --clean""")


if __name__ == "__main__":
    sys.exit(main())
