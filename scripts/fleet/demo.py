"""The demo: the real release history of MLPerf Tiny's image classifier goes to five devices; two bad releases do not."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time

from . import report, stack, summary
from .process import Failure, run, wait_until

MODEL = "ic"
DEVICES = [f"cam-{number}" for number in range(1, 6)]
# What the reference kernels score on the 249 labelled images of MLPerf Tiny's evaluation lists.
ACCURACY = {"1.0.0": "87.15 %", "1.1.0": "86.35 %", "1.2.0": "87.95 %", "1.3.0": "86.35 %"}
FOLDER = pathlib.Path(f"/tmp/godwit-demo-{os.getuid()}")
CODE_SELF_TEST = 6001
CODES_GATE = (6101, 6102)


class Demo:
    def __init__(self, folder: pathlib.Path, programs: pathlib.Path):
        self.programs = programs
        self.fleet = stack.Stack(folder, programs)
        self.work = folder / "work"
        self.seen: list[tuple[str, bool]] = []
        self.rollouts: list[dict] = []
        self.deltas: list[dict] = []
        self.devices_at_end: dict[str, int] = {}
        self.seconds = 0.0
        self.steps = [
            ("set up", "0. A private installation: certificates, keys, PostgreSQL, Mosquitto, server, five agents", self.set_up),
            ("1.0.0 installs in phases", "1. 1.0.0 (ic-1): compile, sign, push; from nothing to 1.0.0 in phases",
             self.first_install),
            ("1.1.0 comes by delta", "2. 1.1.0 (ic-2): phases 20 % -> 100 %, as a delta", self.by_delta),
            ("1.1.1 fails its self-test", "3a. 1.1.1: damaged weights; the canary must be stopped by its self-test, "
             "before the trial", self.bad_for_self_test),
            ("1.1.2 is rolled back by its gate", "3b. 1.1.2: damaged weights, golden outputs of its own; the canary must be "
             "stopped by the health gate, in its trial", self.bad_for_gate),
            ("1.2.0 comes in full", "4a. 1.2.0 (ic-3, a larger network)", self.larger_network),
            ("1.3.0 needs no download", "4b. 1.3.0 (ic-4, byte for byte ic-2)", self.back_by_slot),
        ]
        self.done = {name: False for name, _, _ in self.steps}

    def see(self, what: str, holds: bool):
        """One thing that must be observed; printed at once, counted at the end."""
        self.seen.append((what, bool(holds)))
        print(f"    {'ok  ' if holds else 'FAIL'}  {what}")

    def run(self):
        started = time.monotonic()
        try:
            for name, title, act in self.steps:
                print(f"\n== {title}", flush=True)
                before = len(self.seen)
                act()
                self.done[name] = all(holds for _, holds in self.seen[before:])
            self.devices_at_end = self.running()
        finally:
            self.seconds = time.monotonic() - started
        summary.show(self)

    # The steps -------------------------------------------------------------------------------------------------------

    models = stack.SOURCE / "tests" / "data" / "models"

    def set_up(self):
        self.work.mkdir(parents=True)
        replay = stack.SOURCE / "tests" / "data" / "golden"
        self.fleet.prepare()
        self.fleet.start_server()
        self.fleet.add_agents(DEVICES, MODEL, replay / "ic.in.bin", replay / "ic.labels.u8")
        print(f"    server {self.fleet.url}, devices {', '.join(DEVICES)}")
        self.see("five devices are enrolled, online, and run nothing", self.running() == {"nothing": 5})

    def first_install(self):
        self.publish("1.0.0", self.compile("ic-1"), notes="first release")
        _, rows = self.roll_out("1.0.0")
        self.see_everywhere("1.0.0", rows, "full")
        self.see("the model lies sealed in every device's storage", all(map(self.is_sealed, DEVICES)))

    def is_sealed(self, device: str) -> bool:
        """No file of the device holds any of the compiled model's weights as they are."""
        model = (self.work / "ic-1.gwm").read_bytes()
        pieces = [model[at:at + 32] for at in range(len(model) // 4, len(model) - 32, len(model) // 16)]
        contents = {}
        for path in (self.fleet.folder / "agents" / device / "state").rglob("*"):
            try:
                contents[path.name] = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:  # the agent replaces its status as it pleases
                pass
        slots = [name for name in contents if name.startswith(f"slot.{MODEL}.")]
        return bool(slots) and not any(piece in content for content in contents.values() for piece in pieces)

    def by_delta(self):
        self.publish("1.1.0", self.compile("ic-2"), parent="1.0.0", notes="retrained")
        _, rows = self.roll_out("1.1.0")
        self.fleet.cli("delta", "request", MODEL, "1.0.0", "1.1.0", "--format", "bsdiff")
        wait_until("the bsdiff delta that was asked for",
                   lambda: all(delta["size_bytes"] for delta in self.fleet.api.all(f"/api/v1/models/{MODEL}/deltas")), 120)
        deltas = self.deltas_between("1.0.0", "1.1.0")
        for delta in deltas:
            print(f"    as a {delta['format']} delta {report.size(delta['size_bytes'])} beside "
                  f"{report.size(delta['full_size_bytes'])} for the full release "
                  f"({100 * delta['size_bytes'] / delta['full_size_bytes']:.0f} %)")
        self.see("a bsdiff delta, which no device needs, was made on request, to compare", [delta["format"] for delta in deltas] == ["bsdiff", "godwit"])
        smallest = min(delta["size_bytes"] for delta in deltas if delta["state"] == "ready")
        self.see_everywhere("1.1.0", rows, "delta")
        self.see("every device received the smallest delta's bytes and no more",
                 all(row["bytes_received"] == smallest for row in rows))

    def bad_for_self_test(self):
        self.bad_release("1.1.1", "--keep-golden", "failed", (CODE_SELF_TEST,))

    def bad_for_gate(self):
        self.bad_release("1.1.2", "--fresh-golden", "rolled_back", CODES_GATE)

    def bad_release(self, version: str, golden: str, state: str, codes: tuple):
        bad = self.work / f"bad-{version}.gwm"
        run([self.programs / "godwit-test-damage", self.work / "ic-2.gwm", "-o", bad, golden])
        self.publish(version, bad, parent="1.1.0", notes=f"bad on purpose ({golden[2:]})")
        rollout, rows = self.roll_out(version, ends="failed")
        started = summary.tried(rows)
        self.see("one device was tried and no other", len(started) == 1)
        self.see(f"it ended {state} with code {' or '.join(map(str, codes))}",
                 len(started) == 1 and started[0]["state"] == state and started[0]["code"] in codes)
        self.see("the rollout stopped by itself", rollout["state"] == "failed")
        self.see("all five devices run 1.1.0", self.running() == {"1.1.0": 5})
        print(f"    {rollout['status']}")

    def larger_network(self):
        self.publish("1.2.0", self.compile("ic-3"), parent="1.1.0", notes="larger network")
        _, rows = self.roll_out("1.2.0")
        deltas = self.deltas_between("1.1.0", "1.2.0")
        for delta in deltas:
            print(f"    why the full release and no {delta['format']} delta: {delta['reason']}")
        self.see("deltas were made, compared, and not offered",
                 all(delta["state"] == "rejected" and delta["reason"] for delta in deltas))
        self.see_everywhere("1.2.0", rows, "full")

    def back_by_slot(self):
        self.publish("1.3.0", self.compile("ic-4"), parent="1.2.0", notes="back to the smaller network")
        _, rows = self.roll_out("1.3.0")
        self.see_everywhere("1.3.0", rows, "slot")
        self.see("nothing was downloaded", all(row["bytes_received"] == 0 for row in rows))

    # What an operator does -------------------------------------------------------------------------------------------

    def compile(self, name: str) -> pathlib.Path:
        out = self.work / f"{name}.gwm"
        self.fleet.cli("model", "compile", self.models / f"{name}.tflite", "-o", out)
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
        self.watch(made["id"], (0,) if ends == "succeeded" else (5,))
        rollout = self.fleet.api.get(f"/api/v1/rollouts/{made['id']}")
        rows = self.fleet.api.all(f"/api/v1/rollouts/{made['id']}/attempts")
        full = self.fleet.api.get(f"/api/v1/models/{MODEL}/releases/{version}")["size_bytes"]
        self.rollouts.append({"rollout": rollout, "attempts": rows, "full_size_bytes": full})
        report.attempts(rows)
        return rollout, rows

    def watch(self, number: int, expect: tuple):
        """A live table on a terminal, elsewhere a line for each change."""
        code = self.fleet.cli("rollout", "watch", number, "--timeout", 300, capture=False, expect=(130, *expect))
        if code == 130:  # somebody pressed q: the rollout goes on, and so do we
            print("    the rollout goes on", flush=True)
            wait_until(f"end of rollout {number}", lambda: self.fleet.api.get(f"/api/v1/rollouts/{number}")["ended_at"], 300)

    # What must be seen -----------------------------------------------------------------------------------------------

    def running(self) -> dict[str, int]:
        """How many devices run which version, as they reported it."""
        counts: dict[str, int] = {}
        for device in self.fleet.api.all("/api/v1/devices"):
            version = (device["components"].get(MODEL) or {}).get("version") or "nothing"
            counts[version] = counts.get(version, 0) + 1
        return counts

    def deltas_between(self, old: str, new: str) -> list[dict]:
        """One of each format, by its name."""
        deltas = self.fleet.api.all(f"/api/v1/models/{MODEL}/deltas")
        found = [delta for delta in deltas if delta["from"] == old and delta["to"] == new]
        if not found or any(delta["size_bytes"] is None for delta in found):
            raise Failure(f"the server has not made the deltas from {old} to {new}")
        return sorted(found, key=lambda delta: delta["format"])

    def see_everywhere(self, version: str, rows: list[dict], transport: str):
        self.see(f"all five devices run {version}", self.running() == {version: 5})
        self.see(f"all came by {transport}", [row["transport"] for row in rows] == [transport] * 5)
        scores = sorted({report.percent(row["health"]) for row in rows})
        self.see(f"accuracy on the 249 images is {ACCURACY[version]} on each (seen: {', '.join(scores)})",
                 scores == [ACCURACY[version]])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__, epilog=summary.FORM,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything running; print the URLs and a token")
    parser.add_argument("--clean", action="store_true", help="end what an earlier --keep left, remove its folder, and stop")
    parser.add_argument("--dir", type=pathlib.Path, default=FOLDER,
                        help="where everything lies (default: %(default)s)")
    parser.add_argument("--programs", type=pathlib.Path, default=stack.SOURCE / "build" / "release" / "bin",
                        help="the folder of the built programs (default: build/release/bin)")
    parser.add_argument("--json-summary", type=pathlib.Path, metavar="FILE", help="write the figures there, whatever happens")
    return parser.parse_args()


def interrupted(*_):
    raise KeyboardInterrupt


def main() -> int:
    options = arguments()
    folder = options.dir.resolve()
    sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        if options.clean:
            stack.remove(folder)
            return 0
        stack.create(folder)
        return play(Demo(folder, options.programs.resolve()), options)
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; all that it started is ended, its folder removed", file=sys.stderr)
        return 130


def play(demo: Demo, options: argparse.Namespace) -> int:
    """From the empty folder to the exit code; leaves behind what it was asked to keep, or the logs of a failure."""
    folder = demo.fleet.folder
    gone = False
    try:
        demo.run()
    except KeyboardInterrupt:
        gone = True
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # once is enough: what follows ends by itself
        total = summary.as_object(demo)
        if options.json_summary:
            options.json_summary.write_text(json.dumps(total, indent=2) + "\n")
        if options.keep and not gone:
            print_handles(demo)
        elif total["ok"] or gone:
            stack.remove(folder)
        else:
            demo.fleet.stop()
            print(f"    the logs are kept in {folder}; remove them with {cleaner(folder)}")
    return 0 if total["ok"] else 1


def cleaner(folder: pathlib.Path) -> str:
    return "scripts/demo --clean" + ("" if folder == FOLDER else f" --dir {folder}")


def print_handles(demo: Demo):
    fleet = demo.fleet
    print(f"""
Everything is left running under {fleet.folder}.
    operators   {fleet.url}
    devices     {fleet.device_url}, mqtts://127.0.0.1:{fleet.broker.device_port}
    token       {fleet.token}
To use it:
    export GODWIT_SERVER={fleet.url} GODWIT_CA={fleet.pki}/server-ca.crt GODWIT_TOKEN=$(cat {fleet.folder}/token)
    {demo.programs}/godwit device list
    curl --cacert $GODWIT_CA -H "Authorization: Bearer $GODWIT_TOKEN" {fleet.url}/api/v1/rollouts
To end it: {cleaner(fleet.folder)}""")


if __name__ == "__main__":
    sys.exit(main())
