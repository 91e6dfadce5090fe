"""Reports a second that are durable: simulated devices, a real Mosquitto, the server, PostgreSQL with fsync on."""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

from fleet import stack
from fleet.postgres import PROGRAMS as POSTGRES
from fleet.process import free_port, run as run_program, wait_until
from schema import SOURCE, Report

MODEL, VERSION = "ic", "1.0.0"
REPORTS_PER_DEVICE = 5
GOAL_PER_SECOND = 10_000


def add_arguments(parser):
    parser.add_argument("--devices", type=int, default=10_000, help="each makes five reports (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=800, help="devices that report at the same time (default: %(default)s)")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(f"/tmp/godwit-bench-{os.getuid()}"),
                        help="where database and broker lie (default: %(default)s)")


class Bench:
    def __init__(self, options, programs: pathlib.Path):
        self.options, self.programs = options, programs
        self.fleet = stack.Stack(options.dir, programs, durable=True)
        self.port = 0

    def sql(self, text: str) -> str:
        return run_program([POSTGRES / "psql", "-h", self.fleet.postgres.folder, "-U", "godwit", "-d", "godwit", "-Atqc", text]
                           ).stdout.decode().strip()

    def prepare(self):
        """The installation of the demo; the broker gets one more listener, without TLS, where a name is believed."""
        self.fleet.prepare()
        self.fleet.broker.stop()
        self.port = free_port()
        with open(self.fleet.broker.folder / "mosquitto.conf", "a") as file:
            file.write(f"\nlistener {self.port} 127.0.0.1\nallow_anonymous true\nacl_file {self.fleet.broker.folder}/acl.devices\n")
        self.fleet.broker.start()
        self.fleet.start_server()
        release = self.publish()
        self.sql(f"INSERT INTO device (id, hardware_id, arch, engine_version, ram, flash, public_key_sha256, sealing_key, enrolled_at) "
                 f"SELECT 'sim-' || i, 'cam-v2', 'x86_64', 1, 8388608, 4194304, sha256(('sim-' || i)::bytea), "
                 f"sha256(('seal-' || i)::bytea), now() FROM generate_series(0, {self.options.devices - 1}) i; "
                 f"INSERT INTO device_state (device_id) SELECT id FROM device; ANALYZE")
        return release

    def publish(self) -> dict:
        compiled, bundle = self.fleet.folder / "ic.gwm", self.fleet.folder / "bundle"
        self.fleet.cli("model", "compile", SOURCE / "tests" / "data" / "models" / "ic-1.tflite", "-o", compiled)
        self.fleet.cli("release", "sign", compiled, "--model", MODEL, "--version", VERSION, "--keys", self.fleet.trust, "-o", bundle)
        self.fleet.cli("release", "push", bundle)
        return self.fleet.api.get(f"/api/v1/models/{MODEL}/releases/{VERSION}")

    def campaign(self, release: dict) -> dict:
        """One rollout to all devices; what the generator counted, and what the database holds after it."""
        load = subprocess.Popen([self.programs / "bench_devices", str(self.port), str(self.options.devices),
                                 str(self.options.at_once), MODEL, VERSION, release["plain_sha256"]],
                                stdout=subprocess.PIPE, text=True)
        try:
            if load.stdout.readline() != "connected\n":
                raise SystemExit("bench: the devices could not connect")
            wait_until("all devices online", lambda: self.sql("SELECT count(*) FROM device_state WHERE online") ==
                       str(self.options.devices), 60, 0.5)
            before, began = cpu_seconds(self.fleet), time.monotonic()
            number = json.loads(self.fleet.cli("rollout", "create", MODEL, VERSION, "--phases", "100", "-o", "json"))["id"]
            print(f"bench: rollout to {self.options.devices} devices made in {time.monotonic() - began:.1f} s", file=sys.stderr)
            words = load.communicate()[0]
        finally:
            load.kill()
        if load.returncode:
            raise SystemExit("bench: the load was not carried to its end")
        found = json.loads(words)
        found["cpu"] = {name: after - before[name] for name, after in cpu_seconds(self.fleet).items()}
        found["succeeded"] = int(self.sql(f"SELECT succeeded FROM rollout_phase WHERE rollout_id = {number}"))
        found["reports_held"] = int(self.sql("SELECT coalesce(sum(report_seq - 1), 0) FROM device_state"))
        return found


def cpu_seconds(fleet) -> dict[str, float]:
    """Of broker, server and database (with the processes of its connections)."""
    return {"broker": _cpu(fleet.broker.process.pid()), "server": _cpu(fleet.server.pid()),
            "database": sum(_cpu(pid) for pid in _family(fleet.postgres.process.pid()))}


def _family(pid: int) -> list[int]:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _cpu(pid: int) -> float:
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(options, programs: pathlib.Path, _work) -> Report:
    report = Report("reports")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the broker has a socket for each device
    stack.create(options.dir)
    bench = Bench(options, programs)
    try:
        found = bench.campaign(bench.prepare())
    finally:
        stack.remove(options.dir)
    total = REPORTS_PER_DEVICE * options.devices
    rate = found["acknowledged"] / found["seconds"]
    report.at_least(f"durable reports of {options.devices:,} devices, {options.at_once} at once", rate, "reports/s", GOAL_PER_SECOND)
    report.add("acknowledged after the commit", found["acknowledged"], "reports", goal=f"all {total:,}",
               holds=found["acknowledged"] == total)
    report.add("held by the database afterwards", found["reports_held"], "reports", goal=f"all {total:,}",
               holds=found["reports_held"] == total and found["succeeded"] == options.devices)
    report.add("reports repeated for want of an acknowledgement", found["repeated"], "reports")
    report.add("hints to all devices, from the rollout's creation", found["hints_s"], "s")
    for name, seconds in {**found["cpu"], "simulated devices": found["own_cpu_s"]}.items():
        report.add(f"processor time of the {name}", 1e6 * seconds / total, "us/report")
    return report
