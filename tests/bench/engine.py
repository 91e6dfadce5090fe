"""Inference of every int8 model, our paths in turns with LiteRT (XNNPACK), ONNX Runtime and TFLite Micro."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import golden
from peers import PINNED, Peers
from rounds import Runner, take_turns
from schema import SOURCE, Report

# Least ratio to the faster peer; every other model: never slower.
GOALS = {"vww_96_int8": 1.8, "person_detect_int8": 1.4, "kws_dscnn_int8": 1.25, "sww_int8": 1.35, "ic_resnet8_int8": 1.1,
         "ic_large_int8": 1.08, "ad01_int8": 1.05, "mobilenet_v2_224_int8": 1.2, "lstm_mnist_int8": 1.3, "micro_speech_lstm": 1.3}
GOALS |= {"kws-1": GOALS["kws_dscnn_int8"], "vww-2": GOALS["vww_96_int8"], "sww-2": GOALS["sww_int8"], "ic-2": GOALS["ic_resnet8_int8"]}  # the same files
LSTM = {"lstm_mnist_int8": (28, 28, 20), "micro_speech_lstm": (49, 257, 80)}  # steps, inputs, units
AVX2_OF_VNNI, PORTABLE_OF_REFERENCE = 0.45, 3
LARGE = ("mobilenet_v2_224_int8", "ic_large_int8")  # also timed on two threads
TEXT_BYTES_MAX = 200_000
ARENA_SHARE_LOW, ARENAS_LOW_MIN = 0.7, 7
READY_US_MAX = 1000


class Bench:
    def __init__(self, options, programs: pathlib.Path, work: pathlib.Path):
        self.options, self.programs, self.work = options, programs, work
        self.report = Report("engine")
        self.peers = Peers(["numpy", "ai-edge-litert", "onnx", "onnxruntime", "tflite-micro"])
        self.compiled: dict[tuple, pathlib.Path | None] = {}

    def runner(self, name: str, command: list, environment: dict | None = None) -> Runner:
        return Runner(name, command, self.options.core, environment)

    # What runs -------------------------------------------------------------------------------------------------------

    def compile(self, model: pathlib.Path, *flags) -> pathlib.Path | None:
        """Once; a model that the compiler refuses is said to be, and is None."""
        if (model, *flags) not in self.compiled:
            self.compiled[model, *flags] = self._compile(model, *flags)
        return self.compiled[model, *flags]

    def _compile(self, model: pathlib.Path, *flags) -> pathlib.Path | None:
        out = self.work / f"{model.stem}{''.join(flags)}.gwm"
        done = subprocess.run([self.programs / "godwit", "model", "compile", model, "-o", out, *flags],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"bench: {model.name}: {done.stderr.strip()}", file=sys.stderr)
            return None
        return out

    def paths(self) -> list[str]:
        """Those that run here, the fastest first."""
        return subprocess.run([self.programs / "bench_engine", "--paths"], capture_output=True, text=True, check=True).stdout.split()

    def ours(self, compiled: pathlib.Path, paths: list[str]) -> list[Runner]:
        return [self.runner(path, [self.programs / "bench_engine", compiled], {"GODWIT_ENGINE_PATH": path}) for path in paths]

    def together(self, name: str, compiled: pathlib.Path, path: str) -> list[Runner]:
        """Of large models, on as many cores."""
        if name not in LARGE or (os.cpu_count() or 1) < 2:
            return []
        return [Runner(f"{path}, 2 threads", [self.programs / "bench_engine", compiled], "0-1",
                       {"GODWIT_ENGINE_PATH": path, "BENCH_THREADS": "2"})]

    def litert(self, model: pathlib.Path) -> Runner | None:
        library = self.peers.library("ai-edge-litert", "ai_edge_litert/libLiteRt.so")
        if not library:
            return None
        name = f"LiteRT {PINNED['ai-edge-litert']} (XNNPACK)"
        first = self.runner(name, [self.programs / "bench_litert", library, model])
        if first.facts is None:  # It may be only a detail of the file that it refuses.
            fixed = self.work / f"{model.stem}.fixed.tflite"
            if self.peers.python("to_onnx.py", model, fixed, "fixed").returncode == 0:
                second = self.runner(name, [self.programs / "bench_litert", library, fixed])
                return second if second.facts is not None else first
        return first

    def onnxruntime(self, model: pathlib.Path) -> list[Runner]:
        library = self.peers.library("onnxruntime", "onnxruntime/capi/libonnxruntime.so.*")
        if not library or not self.peers.has("onnx", "numpy", "ai-edge-litert"):
            return []
        found = []
        for form in ("float", "int8") if model.stem in LSTM else ("u8", "s8"):
            graph = self.work / f"{model.stem}.{form}.onnx"
            how = ["lstm", graph, *LSTM[model.stem], form] if model.stem in LSTM else [model, graph, form]
            done = self.peers.python("to_onnx.py", *how)
            if done.returncode:
                print(f"bench: {model.name} for ONNX Runtime: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                return []
            label = f"ONNX Runtime {PINNED['onnxruntime']} {form}" + (", LSTM alone" if model.stem in LSTM else "")
            found.append(self.runner(label, [self.programs / "bench_onnxruntime", library, graph, *done.stdout.split()]))
        return found

    def reference(self, model: pathlib.Path) -> Runner | None:
        if not self.peers.has("tflite-micro", "numpy"):
            return None
        script = pathlib.Path(__file__).with_name("tflm_rounds.py")
        return self.runner("TFLite Micro reference", [self.peers.packages.parents[2] / "bin" / "python", script, model])

    # What is said ----------------------------------------------------------------------------------------------------

    def model(self, model: pathlib.Path):
        compiled = self.compile(model)
        if not compiled:
            self.report.add(f"{model.stem}: not compiled", None, "us")
            return
        ours = [runner for runner in self.ours(compiled, self.paths()) if runner.facts is not None]
        rivals = [runner for runner in (self.litert(model), *self.onnxruntime(model)) if runner]
        reference = self.reference(model)
        limits = {ours[0].name: self.runner("limit", [self.programs / "bench_limit"])}
        if any(runner.name == "avx2" for runner in ours[1:]):
            limits["avx2"] = self.runner("limit of avx2", [self.programs / "bench_limit", "--avx2"])
        together = self.together(model.stem, compiled, ours[0].name)
        take_turns([*ours, *together, *rivals, *([reference] if reference else []), *limits.values()],
                   self.options.rounds)
        for runner in [*rivals, *([reference] if reference else [])]:
            if runner.median is None:
                print(f"bench: {model.name}: {runner.name}: {runner.reason}", file=sys.stderr)
        self.rows(model.stem, ours, rivals, reference)
        for runner in together:
            self.report.beside(f"{model.stem}, {runner.name}", runner.median, "us", "our one thread", ours[0].median)
        for runner in ours:
            if runner.name in limits:
                self.share(f"{model.stem}, {runner.name}", compiled, runner.median, limits[runner.name])
        self.resident(model.stem, compiled, ours[0], rivals)

    def rows(self, name: str, ours: list[Runner], rivals: list[Runner], reference: Runner | None):
        best = ours[0]
        timed = sorted((rival for rival in rivals if rival.median is not None), key=lambda rival: rival.median)
        if not timed:
            self.report.add(f"{name}, {best.name}", best.median, "us")
        for place, rival in enumerate(timed):
            self.report.beside(f"{name}, {best.name}", best.median, "us", rival.name, rival.median,
                               GOALS.get(name, 1.0) if place == 0 else None)
        avx2 = next((runner for runner in ours if runner.name == "avx2"), None)
        for vnni in ours if avx2 else []:  # of twice its width, and of its own
            if vnni.name in ("avx512", "avxvnni"):
                self.report.beside(f"{name}, avx2", avx2.median, "us", f"our {vnni.name}", vnni.median, AVX2_OF_VNNI)
        for runner in ours:
            if runner.name == "portable" and reference:
                self.report.beside(f"{name}, portable", runner.median, "us", reference.name, reference.median,
                                   PORTABLE_OF_REFERENCE)
        without = self.without_removal(name)
        if without is not None:
            fastest = timed[0] if timed else None
            self.report.beside(f"{name}, constant channels kept", without, "us", fastest and fastest.name,
                               fastest and fastest.median, 1.35)

    def without_removal(self, name: str) -> float | None:
        """Only of the model whose goal asks for it, and if the compiler can be told to keep them."""
        if name not in ("vww_96_int8", "vww-2"):
            return None
        compiled = self.compile(self.found[name], "--keep-constant-channels")
        if not compiled:
            return None
        runner = self.ours(compiled, self.paths()[:1])[0]
        take_turns([runner], self.options.rounds)
        return runner.median

    def share(self, name: str, compiled: pathlib.Path, us: float, limit: Runner):
        """How much of what the processor's int8 products could do in that time the model's own products are: on AVX2 more than
        all of it, where tiles need fewer."""
        text = subprocess.run([self.programs / "godwit", "model", "inspect", compiled], capture_output=True, text=True,
                              check=True).stdout
        work = re.search(r"^work\t(\d+) multiply-adds", text, re.M)
        if limit.median is None or not work:
            return
        macs = int(work[1])
        self.report.add(f"{name}, share of {limit.facts['instruction']} at {limit.facts['macs'] / limit.median / 1e3:.0f} GMAC/s",
                        100 * macs / limit.facts["macs"] * limit.median / us, "%")

    def resident(self, name: str, compiled: pathlib.Path, ours: Runner, rivals: list[Runner]):
        if not self.options.size:
            return
        bound = (ours.facts["model_bytes"] + ours.facts["arena_bytes"]) / 1024 + 1024
        for rival in rivals:
            if rival.facts is not None:
                self.report.beside(f"{name}, resident of the process", ours.facts["resident_kib"], "KiB", rival.name,
                                   rival.facts["resident_kib"])
        self.ready(name, compiled, bound)

    def ready(self, name: str, compiled: pathlib.Path, bound: float):
        """From an installed model to an engine that can run, as agents do it, and what that holds."""
        folder = self.work / "ready"
        facts = {}
        for form in ("sealed", "plain"):
            shutil.rmtree(folder, ignore_errors=True)
            done = subprocess.run(["taskset", "-c", str(self.options.core), self.programs / "bench_ready", compiled, folder, form],
                                  capture_output=True, text=True, check=True)
            facts[form] = json.loads(done.stdout)
        self.report.at_most(f"{name}, ready to run, mapped plain", facts["plain"]["ready_us"], "us", READY_US_MAX)
        self.report.add(f"{name}, ready to run, opened from its seal", facts["sealed"]["ready_us"], "us")
        self.report.add(f"{name}, hashes of both plain files at a start", facts["plain"]["check_us"], "us")
        self.report.add(f"{name}, load, validate and pack, once when it is installed", facts["plain"]["pack_us"], "us")
        digest = hashlib.sha256(compiled.read_bytes()).hexdigest()
        kept = self.runner("kept", [self.programs / "bench_engine", "--kept", folder / "kept.m", digest, compiled])
        if kept.facts:
            row_kib = kept.facts["row_bytes"] // 1024  # the caller's, whoever computes
            self.report.at_most(f"{name}, resident over an empty process with a row",
                                kept.facts["resident_kib"] - self.empty_kib - row_kib, "KiB", round(bound))
            kept.end()
        else:
            print(f"bench: {name}: {kept.reason}", file=sys.stderr)

    def sizes(self):
        text = subprocess.run(["nm", "-S", "-C", "--defined-only", self.programs / "bench_engine"], capture_output=True, text=True,
                              check=True).stdout
        total = sum(int(match[1], 16) for match in re.finditer(r"^\S+ (\S+) [tTwWrR] .*godwit::engine::", text, re.M))
        peers = [self.peers.library("ai-edge-litert", "ai_edge_litert/libLiteRt.so"),
                 self.peers.library("onnxruntime", "onnxruntime/capi/libonnxruntime.so.*")]
        for library in filter(None, peers):
            self.report.at_most("engine, code and constants of all paths", total, "bytes", TEXT_BYTES_MAX, library.name,
                                library.stat().st_size)
        if not any(peers):
            self.report.at_most("engine, code and constants of all paths", total, "bytes", TEXT_BYTES_MAX)

    def arenas(self):
        """Of every model: the arena beside the most that is alive at once, less than which only overlaps can be."""
        low = 0
        for name, path in self.found.items():
            compiled = self.compile(path)
            if not compiled:
                continue
            told = json.loads(subprocess.run([self.programs / "godwit", "model", "inspect", "--json", compiled],
                                             capture_output=True, check=True).stdout)
            share = told["arena_bytes"] / told["live_bytes_max"]
            low += share <= ARENA_SHARE_LOW
            self.report.at_most(f"{name}, arena of {told['arena_bytes']:,} bytes, of what is alive at once", share, "", 1)
        self.report.at_least(f"models whose arena is at most {ARENA_SHARE_LOW:g} of that", low, "models", ARENAS_LOW_MIN)

    def run(self) -> Report:
        self.found = golden.models(self.options.models)
        chosen = self.options.model or list(self.found)
        if self.options.size:
            empty = self.runner("empty", [self.programs / "bench_limit"])
            self.empty_kib = empty.facts["resident_kib"] if empty.facts else 0
            empty.end()
        if self.options.golden:
            for path in self.paths():
                golden.check(self, path)
        if not self.options.golden_only:
            for name in chosen:
                if name not in self.found:
                    raise SystemExit(f"bench: there is no model {name} in {self.options.models}")
                print(f"bench: {name}", file=sys.stderr)
                self.model(self.found[name])
        if self.options.size:
            self.sizes()
            self.arenas()
        return self.report


def add_arguments(parser):
    parser.add_argument("--models", type=pathlib.Path, default=SOURCE / "tests" / "data" / "models", metavar="DIR",
                        help="int8 .tflite files, also below DIR/history (default: tests/data/models)")
    parser.add_argument("--model", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--golden", type=pathlib.Path, metavar="DIR",
                        help="compare every row of NAME.in.bin.zst with NAME.out.bin.zst, byte for byte, on every path; and scores with "
                        "MLPerf Tiny's thresholds")
    parser.add_argument("--golden-only", action="store_true", help="and time nothing")
    parser.add_argument("--size", action="store_true", help="size of code and of processes too")
    parser.add_argument("--rounds", type=int, default=7, help="of 0.15 s for each rival (default: %(default)s)")
    parser.add_argument("--core", type=int, default=1, help="the core to which all are pinned (default: %(default)s)")


def run(options, programs: pathlib.Path, work: pathlib.Path) -> Report:
    return Bench(options, programs, work).run()
