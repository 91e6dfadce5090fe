"""Patches between releases: ours beside bsdiff, xdelta3, zstd, xz and detools; sizes, processor time, memory."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from peers import PINNED, VENV, Peers
from published import FULL_FP32, Published
from schema import SOURCE, Report

HISTORY = [("ic-1", "ic-2"), ("ic-2", "ic-3"), ("ic-3", "ic-4"), ("sww-1", "sww-2"), ("vww-1", "vww-2")]
# Bytes at most, container and all.
LIMITS = {"mlp_adam_int8": 1_435_000, "mlp_sgd_int8": 412_000, "mlp_head_int8": 12_500, "cnn_adam_int8": 111_000,
          "cnn_sgd_int8": 97_000, "cnn_head_int8": 15_400}
MEAN_OF_BSDIFF, MEAN_OF_BEST, WORST_OF_BSDIFF = 46, 52, 82  # per cent
LARGE_BYTES = 4 << 20  # from this size on, making a patch has goals of its own
CREATE_CPU_RATIO, CREATE_MEMORY_RATIO = 10, 2.5
APPLY_MB_PER_S, FAST_MB_PER_S = 5, 60
FAST_OF_BSDIFF = 60  # per cent, in the mean of the large pairs
FLOATS_OF_BSDIFF = 58  # per cent
ALONE_OF_XZ = 87  # per cent, of fp32
FIRMWARE_OF_BSDIFF = 85  # per cent; the tables of profile `small` have 23 KB
REQUANTISED_OF_BSDIFF, REQUANTISED_DROP = 30, 0.1  # per cent of bsdiff between plain models; points


def add_arguments(parser):
    parser.add_argument("--pairs", type=pathlib.Path, metavar="DIR",
                        help="pairs outside the repository: DIR/NAME/old and new; DIR/PREFIX.layout.json tells their tensors")
    parser.add_argument("--pair", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--published", action="store_true",
                        help="also networks that others published on PyPI and npm (fetches 280 MB once; takes half an hour)")
    parser.add_argument("--no-history", action="store_true", help="leave out the real release history")


@dataclasses.dataclass
class Cost:
    cpu_s: float
    peak_kib: int
    wall_s: float


@dataclasses.dataclass
class Pair:
    name: str
    old: pathlib.Path
    new: pathlib.Path
    layout: pathlib.Path | None = None


def measured(command: list) -> Cost:
    """Peak memory by `time`: what wait4 tells of a child of ours begins with the size of Python."""
    with tempfile.NamedTemporaryFile("r", prefix="godwit-bench-") as peak:
        began = time.monotonic()
        child = subprocess.Popen(["/usr/bin/time", "-f", "%M", "-o", peak.name, *map(str, command)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        words = child.stderr.read().decode(errors="replace")
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stderr.close()
        if child.returncode:
            raise SystemExit(f"bench: {' '.join(map(str, command))}: {words.strip()}")
        return Cost(used.ru_utime + used.ru_stime, int(peak.read()), time.monotonic() - began)


class Bench:
    def __init__(self, options, programs: pathlib.Path, work: pathlib.Path):
        self.options, self.godwit, self.work = options, programs / "godwit", work
        self.report = Report("delta")
        self.peers = Peers(["detools"])
        self.of_bsdiff: dict[str, float] = {}
        self.of_best: dict[str, float] = {}
        self.fast_of_bsdiff: list[float] = []

    # Pairs -----------------------------------------------------------------------------------------------------------

    def given(self) -> list[Pair]:
        folder = self.options.pairs
        if not folder:
            return []
        layouts = sorted(folder.glob("*.layout.json"), key=lambda path: -len(path.name))
        return [Pair(old.parent.name, old, old.with_name("new"), next(
            (layout for layout in layouts if old.parent.name.startswith(layout.name.partition(".")[0])), None))
            for old in sorted(folder.glob("*/old"))]

    def history(self) -> list[Pair]:
        models, found = SOURCE / "tests" / "data" / "models", []
        for old, new in HISTORY:
            found.append(Pair(f"{old} to {new}, .tflite", models / f"{old}.tflite", models / f"{new}.tflite"))
            compiled = [self.work / f"{name}.gwm" for name in (old, new)]
            for name, out in zip((old, new), compiled):
                measured([self.godwit, "model", "compile", models / f"{name}.tflite", "-o", out])
            found.append(Pair(f"{old} to {new}, compiled", *compiled))
        return found

    # Rivals ----------------------------------------------------------------------------------------------------------

    def rivals(self, pair: Pair) -> dict[str, tuple[int, Cost]]:
        out = self.work / "rival"
        size = max(pair.old.stat().st_size, pair.new.stat().st_size)
        commands = {
            "bsdiff": ["bsdiff", pair.old, pair.new, out],
            "xdelta3 -9": ["xdelta3", "-9", "-e", "-f", "-B", max(size, 1 << 19), "-s", pair.old, pair.new, out],
            "zstd -19 --patch-from": ["zstd", "-19", "--single-thread", "--long=31", "-fq", f"--patch-from={pair.old}", pair.new, "-o", out],
            "xz -9 (in full)": ["sh", "-c", 'xz -9 -T1 -c "$1" >"$2"', "sh", pair.new, out],
        }
        if self.peers.has("detools"):
            commands[f"detools {PINNED['detools']} lzma"] = [VENV / "bin" / "detools", "create_patch", "-c", "lzma", pair.old, pair.new, out]
        found = {}
        for name, command in commands.items():
            out.unlink(missing_ok=True)
            cost = measured(command)
            found[name] = (out.stat().st_size, cost)
        return found

    # Ours ------------------------------------------------------------------------------------------------------------

    def ours(self, pair: Pair, form: str, *options: str) -> tuple[int, Cost, Cost]:
        """Size, making, applying; what comes out is compared."""
        patch, again = self.work / f"ours.{form}", self.work / "again"
        layout = ["--layout", pair.layout] if pair.layout and form == "godwit" and self.knows_layouts() else []
        made = measured([self.godwit, "delta", "create", pair.old, pair.new, patch, "--format", form, *layout, *options])
        applied = measured([self.godwit, "delta", "apply", pair.old, patch, again])
        if digest(again) != digest(pair.new):
            raise SystemExit(f"bench: {pair.name}: our {form} patch gives another file")
        return patch.stat().st_size, made, applied

    def knows_layouts(self) -> bool:
        done = subprocess.run([self.godwit, "delta", "create", "--help"], capture_output=True, text=True, check=True)
        return "--layout" in done.stdout

    def pair(self, pair: Pair):
        print(f"bench: {pair.name}", file=sys.stderr)
        add, rivals = self.report, self.rivals(pair)
        size, made, applied = self.ours(pair, "godwit")
        bsdiff = rivals["bsdiff"][0]
        best = min(rivals, key=lambda name: rivals[name][0])
        self.of_bsdiff[pair.name] = size / bsdiff
        self.of_best[pair.name] = size / rivals[best][0]
        if pair.name in LIMITS:
            add.at_most(f"{pair.name}, size", size, "bytes", LIMITS[pair.name], "bsdiff", bsdiff)
            add.beside(f"{pair.name}, size", size, "bytes", f"best: {best}", rivals[best][0])
        else:
            add.beside(f"{pair.name}, size", size, "bytes", "bsdiff", bsdiff)
            add.add(f"{pair.name}, size", size, "bytes", f"best: {best}", rivals[best][0], rivals[best][0] / size,
                    "smaller than every rival", size < rivals[best][0])
        self.classic(pair, bsdiff)
        if pair.new.stat().st_size < LARGE_BYTES:
            return
        cost = rivals["bsdiff"][1]
        add.beside(f"{pair.name}, making it: processor time", made.cpu_s, "s", "bsdiff", cost.cpu_s, CREATE_CPU_RATIO)
        add.beside(f"{pair.name}, making it: peak memory", made.peak_kib, "KiB", "bsdiff", cost.peak_kib, CREATE_MEMORY_RATIO)
        add.at_least(f"{pair.name}, applying it", pair.new.stat().st_size / 1e6 / max(applied.cpu_s, 1e-3), "MB/s", APPLY_MB_PER_S)
        size, _, applied = self.ours(pair, "godwit", "--profile", "fast")
        self.fast_of_bsdiff.append(size / bsdiff)
        add.beside(f"{pair.name}, profile fast, size", size, "bytes", "bsdiff", bsdiff)
        add.at_least(f"{pair.name}, profile fast, applying it", pair.new.stat().st_size / 1e6 / max(applied.cpu_s, 1e-3), "MB/s",
                     FAST_MB_PER_S)

    def beside_rivals(self, pair: Pair) -> tuple[int, dict[str, tuple[int, Cost]]]:
        """Rows of a network of floats; our size and what the rivals need."""
        print(f"bench: {pair.name}", file=sys.stderr)
        rivals = self.rivals(pair)
        size, made, applied = self.ours(pair, "godwit")
        bsdiff, cost = rivals["bsdiff"]
        best = min(rivals, key=lambda name: rivals[name][0])
        add, large = self.report, pair.new.stat().st_size >= LARGE_BYTES
        add.beside(f"{pair.name}, size", size, "bytes", "bsdiff", bsdiff)
        add.add(f"{pair.name}, size", size, "bytes", f"best: {best}", rivals[best][0], rivals[best][0] / size,
                "smaller than every rival", size < rivals[best][0])
        add.beside(f"{pair.name}, making it: processor time", made.cpu_s, "s", "bsdiff", cost.cpu_s,
                   CREATE_CPU_RATIO if large else None)
        add.beside(f"{pair.name}, making it: peak memory", made.peak_kib, "KiB", "bsdiff", cost.peak_kib,
                   CREATE_MEMORY_RATIO if large else None)
        add.at_least(f"{pair.name}, applying it", pair.new.stat().st_size / 1e6 / max(applied.cpu_s, 1e-3), "MB/s", APPLY_MB_PER_S)
        return size, rivals

    def alone(self, name: str, new: pathlib.Path, xz: int, goal: bool):
        """Without an old file, beside xz -9."""
        nothing = self.work / "nothing"
        nothing.write_bytes(b"")
        percent = 100 * self.ours(Pair(name, nothing, new), "godwit")[0] / xz
        what = f"{name}, without an old file: size / xz's"
        if goal:
            self.report.at_most(what, percent, "%", ALONE_OF_XZ)
        else:
            self.report.add(what, percent, "%")

    def classic(self, pair: Pair, bsdiff: int):
        """Our BSDIFF40, applied by Debian's bspatch too."""
        size, _, _ = self.ours(pair, "bsdiff")
        again = self.work / "again"
        measured(["bspatch", pair.old, again, self.work / "ours.bsdiff"])
        same = digest(again) == digest(pair.new)
        self.report.add(f"{pair.name}, our BSDIFF40, applied by bspatch", size, "bytes", "bsdiff", bsdiff, bsdiff / size,
                        "the same file", same)

    def means(self):
        if self.fast_of_bsdiff:
            mean = math.exp(sum(map(math.log, self.fast_of_bsdiff)) / len(self.fast_of_bsdiff))
            self.report.at_most("large pairs, profile fast, geometric mean of our size / bsdiff's", 100 * mean, "%", FAST_OF_BSDIFF)
        six = [name for name in LIMITS if name in self.of_bsdiff]
        if len(six) < len(LIMITS):
            return
        def mean(ratios):
            return 100 * math.exp(sum(math.log(ratios[name]) for name in six) / len(six))
        self.report.at_most("six int8 pairs, geometric mean of our size / bsdiff's", mean(self.of_bsdiff), "%", MEAN_OF_BSDIFF)
        self.report.at_most("six int8 pairs, geometric mean of our size / the best rival's", mean(self.of_best), "%", MEAN_OF_BEST)
        self.report.at_most("six int8 pairs, the worst of our size / bsdiff's", 100 * max(self.of_bsdiff[name] for name in six), "%",
                            WORST_OF_BSDIFF)

    def run(self) -> Report:
        pairs = self.given() + ([] if self.options.no_history else self.history())
        for pair in pairs:
            if not self.options.pair or pair.name in self.options.pair:
                self.pair(pair)
        self.means()
        self.floats()
        self.published()
        self.requantised()
        self.firmware()
        return self.report


    # Floating point --------------------------------------------------------------------------------------------------

    def floats(self):
        """Networks of fp16, bf16 and fp32 (float_pairs.py): fine-tuned, adapted, and trained anew."""
        folder = SOURCE / "build" / "float-pairs"
        if not (folder / "codebook_fp32" / "new").exists():
            print("bench: training networks of floats (some minutes, once)", file=sys.stderr)
            done = Peers(["numpy"]).python("float_pairs.py", folder)
            if done.returncode:
                print(f"bench: no networks of floats, their rows are left out: {done.stderr.strip()}", file=sys.stderr)
                return
        fine_tuned = []
        for old in sorted(folder.glob("*/old")):
            pair = Pair(old.parent.name, old, old.with_name("new"))
            if self.options.pair and pair.name not in self.options.pair:
                continue
            size, rivals = self.beside_rivals(pair)
            if pair.name.startswith(("adam", "sgd")):
                fine_tuned.append(size / rivals["bsdiff"][0])
            if pair.name.startswith("retrained"):
                self.alone(pair.name, pair.new, rivals["xz -9 (in full)"][0], goal=False)
        if len(fine_tuned) == 6:
            mean = 100 * math.exp(sum(map(math.log, fine_tuned)) / 6)
            self.report.at_most("six pairs of floats, geometric mean of our size / bsdiff's", mean, "%", FLOATS_OF_BSDIFF)

    def published(self):
        if not self.options.published:
            return
        Peers([])  # pip is theirs
        found = Published(SOURCE / "build" / "published")
        for name, old, new in found.pairs():
            if not self.options.pair or name in self.options.pair:
                self.beside_rivals(Pair(name, old, new))
        for name, new in found.alone():
            if not self.options.pair or name in self.options.pair:
                xz = subprocess.run(["xz", "-9", "-T1", "-c", new], capture_output=True, check=True).stdout
                self.alone(name, new, len(xz), goal=name == FULL_FP32)

    # Delta-aware requantisation --------------------------------------------------------------------------------------

    def requantised(self):
        """A gentle fine-tune (fine_tune.py), plainly quantised and with `model compile --base`."""
        name = "mlp, gently fine-tuned"
        if self.options.pair and name not in self.options.pair:
            return
        peers = Peers(["numpy", "ai-edge-litert"])
        made = SOURCE / "build" / "fine-tuned"
        if not (made / "labels.u8").exists():
            print("bench: training (some minutes, once)", file=sys.stderr)
            done = peers.python("fine_tune.py", made)
            if done.returncode:
                print(f"bench: no fine-tuned network, its rows are left out: {done.stderr.strip()}", file=sys.stderr)
                return
        rows = ["--input", made / "rows.bin", "--labels", made / "labels.u8"]
        deployed, plain, near = (self.work / f"{form}.gwm" for form in ("deployed", "plain", "near"))
        measured([self.godwit, "model", "compile", made / "deployed.tflite", "-o", deployed])
        measured([self.godwit, "model", "compile", made / "new-int8.tflite", "-o", plain])
        found = self.asked("model", "compile", made / "new-float32.tflite", "--base", made / "deployed.tflite", *rows,
                           "--max-drop", REQUANTISED_DROP, "-o", near)
        scores = [self.asked("model", "eval", model, *rows)["accuracy"] * 100 for model in (plain, near)]
        for point in found["curve"]:
            tau = "scales of its own" if point["tau_lsb"] is None else f"tau {point['tau_lsb']:g}"
            self.report.add(f"{name}: {tau}, {point['score_percent']:.2f} %", point["delta_bytes"], "bytes")
        bsdiff = self.rivals(Pair(name, deployed, plain))["bsdiff"][0]
        size, _, _ = self.ours(Pair(name, deployed, near), "godwit")
        self.report.at_most(f"{name}: requantised, size / bsdiff's between plain models", 100 * size / bsdiff, "%",
                            REQUANTISED_OF_BSDIFF)
        self.report.beside(f"{name}: requantised, size", size, "bytes", "bsdiff between plain models", bsdiff)
        self.report.at_most(f"{name}: requantised, accuracy lost against the plain model ({scores[0]:.2f} %)",
                            scores[0] - scores[1], "points", REQUANTISED_DROP)

    # Firmware: two versions of one program ---------------------------------------------------------------------------

    def firmware(self):
        if self.options.pair and "git" not in self.options.pair:
            return
        listed = subprocess.run(["apt-cache", "madison", "git"], capture_output=True, text=True, check=False).stdout
        versions = list(dict.fromkeys(line.split("|")[1].strip() for line in listed.splitlines()))[:2]
        programs = [self.program("git", version) for version in reversed(versions)]
        if len(programs) < 2 or None in programs:
            print(f"bench: NO FIRMWARE ROWS: apt offers {len(versions)} version(s) of git that can be had", file=sys.stderr)
            return
        pair = Pair(f"git {versions[1]} to {versions[0]}", *programs)
        for program, version in zip(programs, reversed(versions)):
            print(f"bench: git {version}: sha256 {digest(program).hex()}", file=sys.stderr)
        rivals = self.rivals(pair)
        best = min(rivals, key=lambda name: rivals[name][0])
        for profile in ("small", "large"):
            size, _, _ = self.ours(pair, "godwit", "--profile", profile)
            name = f"{pair.name}, profile {profile}"
            self.report.at_most(f"{name}: our size / bsdiff's", 100 * size / rivals["bsdiff"][0], "%", FIRMWARE_OF_BSDIFF)
            self.report.beside(f"{name}, size", size, "bytes", "bsdiff", rivals["bsdiff"][0])
            self.report.beside(f"{name}, size", size, "bytes", f"best: {best}", rivals[best][0])

    def program(self, package: str, version: str) -> pathlib.Path | None:
        """/usr/bin/PACKAGE of that version, out of Debian's archive."""
        kept = SOURCE / "build" / "firmware" / f"{package}_{version.replace(':', '_')}"
        path = kept / "usr" / "bin" / package
        if not path.exists():
            kept.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(["apt-get", "download", "-q", f"{package}={version}"], cwd=kept, capture_output=True, check=False)
            for archive in kept.glob("*.deb") if done.returncode == 0 else []:
                subprocess.run(["dpkg-deb", "-x", archive, kept], check=True)
        return path if path.exists() else None

    def asked(self, *arguments) -> dict:
        done = subprocess.run([self.godwit, *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def digest(path: pathlib.Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def run(options, programs: pathlib.Path, work: pathlib.Path) -> Report:
    return Bench(options, programs, work).run()
