"""Golden pairs: rows of inputs and what TFLite Micro's reference kernels made of them, compared byte for byte."""

import pathlib
import subprocess
import sys

import scores

# Sets of outputs that share the inputs of another name.
INPUTS = {"ic-1": "ic_resnet8_int8.mlperf", "ic-3": "ic_resnet8_int8.mlperf", "ic_large_int8": "ic_resnet8_int8.mlperf",
          "vww-1": "vww_96_int8", "sww-1": "sww_int8"}


def models(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The int8 models of a folder by name; files with the same bytes once."""
    found, seen = {}, set()
    for path in (*sorted(folder.glob("*.tflite")), *sorted(folder.glob("history/*.tflite"))):
        content = path.read_bytes()
        if "fp32" in path.stem or content in seen:
            continue
        seen.add(content)
        found[path.stem] = path
    return found


def _unpack(path: pathlib.Path) -> bytes:
    return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout


def _inputs_of(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    """By its own name, that of the set it shares, or (for a stream) without what follows the point."""
    for candidate in (name, INPUTS.get(name), name.partition(".")[0]):
        path = folder / f"{candidate}.in.bin.zst"
        if candidate and path.exists():
            return path
    return None


def check(bench, path: str):
    """One row of the report for each set; a set whose model is not there is named and left out."""
    folder, work = bench.options.golden, bench.work
    for outputs in sorted(folder.glob("*.out.bin.zst")):
        name = outputs.name.removesuffix(".out.bin.zst")
        model, inputs = bench.found.get(name.partition(".")[0]), _inputs_of(folder, name)
        compiled = bench.compile(model) if model else None
        if bench.options.model and name.partition(".")[0] not in bench.options.model:
            continue
        if not compiled or not inputs:
            print(f"bench: golden set {name}: no model, or no inputs: left out", file=sys.stderr)
            continue
        expected = _unpack(outputs)
        made = _run(bench, compiled, inputs, path, name.endswith(".stream"), len(expected))
        size = _row_bytes(bench, compiled)
        rows = len(expected) // size
        equal = sum(made[at:at + size] == expected[at:at + size] for at in range(0, len(expected), size))
        scores.check(bench, path, name, compiled, work / "golden.in", scores.labels_of(folder, name))
        bench.report.add(f"{name}, {path}: rows equal, of {rows:,}", equal, "rows", goal="all", holds=equal == rows and rows > 0)
    for file in work.glob("golden.*"):
        file.unlink()


def _run(bench, compiled: pathlib.Path, inputs: pathlib.Path, path: str, stream: bool, output_bytes: int) -> bytes:
    work = bench.work
    rows = output_bytes // _row_bytes(bench, compiled)
    (work / "golden.in").write_bytes(_unpack(inputs)[:rows * _row_bytes(bench, compiled, "input")])
    subprocess.run([bench.programs / "godwit", "model", "run", compiled, "--input", work / "golden.in", "--output",
                    work / "golden.out", *(["--keep-state"] if stream else [])], check=True, capture_output=True,
                   env={"GODWIT_ENGINE_PATH": path})
    return (work / "golden.out").read_bytes()


def _row_bytes(bench, compiled: pathlib.Path, side: str = "output") -> int:
    done = subprocess.run([bench.programs / "bench_engine", "--facts", compiled], capture_output=True, text=True, check=True)
    return int(dict(word.split("=") for word in done.stdout.split())[f"{side}_bytes"])
