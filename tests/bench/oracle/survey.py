#!/usr/bin/env python3
"""What becomes of models that nobody here has seen: compiles every .tflite of some folders and
compares every path with TFLite Micro's reference kernels, byte for byte.

    survey.py FOLDER... [--godwit BINARY] [--rows N] [--seconds S] [--json FILE] [--only WORD]

For each model one line: what was compared with which oracle, or why it was refused. Rows run on
from one to the next, so that state counts too. LiteRT's reference kernels answer where TFLite Micro
has no kernel; the line says so, and whether it took `--rounding once` to agree with them. Models
of floats alone are counted, not listed. Needs what oracle.py needs.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from oracle import LiteRtReference, Reference, schema

WHOLE = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)
TOLD_AS_INT32 = np.dtype(np.int64)  # places, which the compiler narrows
SECONDS_TO_COMPILE = 600


def values(details, row, random):
    """One input: random, or of a kind that finds edges."""
    shape, dtype = tuple(details["shape"]), np.dtype(details["dtype"])
    count = int(np.prod(shape))
    if dtype == np.bool_:
        return random.integers(0, 2, shape).astype(dtype)
    ramp = np.arange(count, dtype=np.float64) / max(1, count - 1)
    if dtype.kind == "f":
        made = [random.normal(0, 1, count), np.zeros(count), ramp * 255, ramp * 2 - 1,
                random.normal(0, 1, count) * 100, random.random(count)][row % 6]
        return made.astype(dtype).reshape(shape)
    if dtype.itemsize > 2:
        return random.integers(0, 4, shape).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    made = [random.integers(low, high + 1, count),
            np.full(count, low), np.full(count, high),
            np.zeros(count), low + ramp * (high - low),
            np.where(np.arange(count) % 2, low, high),
            np.clip(random.normal(0, 20, count), low, high),
            np.clip(low + (high - low) * (ramp + random.normal(0, 0.05, count)), low, high)][row % 8]
    return np.rint(made).astype(dtype).reshape(shape)


def oracle_rows(reference, wanted, seconds):
    random, rows, outputs = np.random.default_rng(1), [], []
    began = time.monotonic()
    while len(rows) < wanted and (len(rows) < 2 or time.monotonic() - began < seconds):
        row = b"".join(values(d, len(rows), random).tobytes() for d in reference.inputs)
        out = reference.run(row)
        rows.append(row)
        outputs.append(narrowed(reference.outputs, out))
    return rows, outputs


def narrowed(details, out):
    parts = []
    for d in details:
        size = Reference.size(d)
        part, out = out[:size], out[size:]
        if np.dtype(d["dtype"]) == TOLD_AS_INT32:
            part = np.frombuffer(part, np.int64).astype(np.int32).tobytes()
        parts.append(part)
    return b"".join(parts)


def run(command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, check=False, **options)


def compile_model(godwit, source, compiled, *options):
    """None, or why not; and the seconds and the greatest memory in MB that it took."""
    began = time.monotonic()
    try:
        done = run(["/usr/bin/time", "-f", "%M", godwit, "model", "compile", source, "-o", compiled,
                    *options], timeout=SECONDS_TO_COMPILE)
    except subprocess.TimeoutExpired:
        return f"takes more than {SECONDS_TO_COMPILE} s", SECONDS_TO_COMPILE, 0
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    took = time.monotonic() - began
    peak = int(lines[-1]) // 1024 if lines and lines[-1].isdigit() else 0
    if done.returncode == 0:
        return None, took, peak
    lines = [line for line in lines[:-1] if not line.startswith("Command exited")]
    words = " ".join(lines).split(": ", 2)[-1].split(" These can:")[0]
    return words or "ended by a signal", took, peak


def paths_of(godwit):
    words = run([godwit, "model", "run", "--help"]).stdout.decode()
    listed = words.split("instruction set of the engine:")[1].split("\n")[0]
    return [name.strip() for name in listed.split(",")]


def settles_shapes(model):
    """Whether LiteRT works out other shapes than the file says, which TFLite Micro would believe."""
    told = [[int(d) for d in t.shape] if t.shape is not None else []
            for t in schema.ModelT.InitFromPackedBuf(model, 0).subgraphs[0].tensors]
    found = LiteRtReference(model).interpreter.get_tensor_details()
    return any(list(d["shape"]) != told[d["index"]] for d in found
               if d["index"] < len(told) and d["name"] and told[d["index"]])


def compare(godwit, compiled, folder, rows, outputs):
    """For each path the number of rows that are equal, or why it does not run."""
    (folder / "in").write_bytes(b"".join(rows))
    equal = {}
    for path in paths_of(godwit):
        done = run([godwit, "model", "run", compiled, "--input", folder / "in", "--output",
                    folder / "out", "--keep-state", "--path", path])
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip() or f"signal {-done.returncode}"
            if "does not run" not in words and "cannot run" not in words:
                equal[path] = words[-200:]
            continue
        got, size = (folder / "out").read_bytes(), len(outputs[0])
        equal[path] = sum(got[i * size:(i + 1) * size] == out for i, out in enumerate(outputs))
        if len(got) != size * len(outputs):
            equal[path] = f"{len(got)} bytes of output for {size * len(outputs)}"
    return equal


def kind_of(model):
    graph = schema.ModelT.InitFromPackedBuf(model, 0)
    tensors = graph.subgraphs[0].tensors
    constant = [t.buffer < len(graph.buffers) and graph.buffers[t.buffer].data is not None
                for t in tensors]
    whole = any(t.type in WHOLE and not c for t, c in zip(tensors, constant))
    return "whole" if whole else "float"


def survey_one(arguments, source):
    """Prints a line of JSON."""
    model = source.read_bytes()
    report = {"model": str(source), "bytes": len(model)}
    try:
        report["kind"] = kind_of(model)
    except Exception as error:
        report["kind"] = f"unreadable: {str(error)[:80]}"
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        compiled = folder / "model.gwm"
        why, report["compile_s"], report["compile_mb"] = compile_model(
            arguments.godwit, source, compiled)
        if why:
            report["refused"] = why
            print(json.dumps(report))
            return
        report["compiled_bytes"] = compiled.stat().st_size
        for name, make in (("tflm", Reference), ("litert", LiteRtReference)):
            try:
                if name == "tflm" and settles_shapes(model):
                    report["tflm_refuses"] = "the file leaves shapes open"
                    continue
            except Exception:
                pass  # LiteRT refuses the model, or some of its shapes are not told
            try:
                reference = make(model)
                rows, outputs = oracle_rows(reference, arguments.rows, arguments.seconds)
            except Exception as error:
                report[f"{name}_refuses"] = str(error).strip()[-160:]
                continue
            report |= {"oracle": name, "rows": len(rows), "distinct": len(set(outputs))}
            report["equal"] = compare(arguments.godwit, compiled, folder, rows, outputs)
            if name == "litert" and any(n != len(rows) for n in report["equal"].values()):
                compile_model(arguments.godwit, source, compiled, "--rounding", "once")
                report["equal_once"] = compare(arguments.godwit, compiled, folder, rows, outputs)
            break
    print(json.dumps(report))


def verdict(report):
    if "refused" in report:
        return "refused", report["refused"]
    if "equal" not in report:
        return "no oracle", report.get("tflm_refuses", "") or "the oracle ended by a signal"
    rows = report["rows"]
    for key, words in (("equal", ""), ("equal_once", ", rounding once")):
        if key in report and all(n == rows for n in report[key].values()):
            paths = " ".join(report[key])
            return "equal", (f"{rows} rows ({report['distinct']} distinct) of {report['oracle']}{words}"
                             f" on {paths}")
    return "DIFFERS", f"of {rows} rows of {report['oracle']} equal: {report['equal']} {report.get('equal_once', '')}"


def survey(arguments):
    models = sorted({f for folder in arguments.folders for f in folder.rglob("*.tflite")
                     if arguments.only in str(f)})
    counts, reports = collections.Counter(), []
    for source in models:
        done = run([sys.executable, __file__, "--one", source, "--godwit", arguments.godwit,
                    "--rows", arguments.rows, "--seconds", arguments.seconds])
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("{")]
        report = json.loads(lines[-1]) if lines else {
            "model": str(source), "kind": "whole",
            "tflm_refuses": f"ended {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}"}
        reports.append(report)
        what, words = verdict(report)
        if report["kind"] == "float" and what == "refused":
            what = "refused, floats alone"
        counts[what] += 1
        if what != "refused, floats alone":
            slow = f" [{report['compile_s']:.0f} s, {report['compile_mb']} MB]" if report.get("compile_s", 0) > 5 else ""
            print(f"{what}: {source}: {words}{slow}", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(reports, indent=0))
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "no models")
    return bool(counts["DIFFERS"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--one", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--godwit", type=pathlib.Path,
                        default=pathlib.Path(__file__).parents[3] / "build/dev/bin/godwit")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10, help="for the oracle's rows of a model")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--only", default="", help="a part of the models' paths")
    arguments = parser.parse_args()
    return survey_one(arguments, arguments.one) if arguments.one else survey(arguments)


if __name__ == "__main__":
    sys.exit(main())
