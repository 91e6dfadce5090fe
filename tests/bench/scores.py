"""Scores of models on labelled rows, beside MLPerf Tiny's thresholds and what the reference kernels score."""

import json
import pathlib
import subprocess

from schema import SOURCE

# Golden set: unit, threshold of MLPerf Tiny (None: it has none), the reference kernels' score to so many digits, windows of a clip.
TASKS = {"vww_96_int8": ("%", 80, 85.4, 1, 0), "kws_dscnn_int8": ("%", 90, 90.1, 1, 0),
         "ic_resnet8_int8.mlperf": ("%", 85, 86.35, 2, 0), "ad01_int8": ("AUC", 0.85, 0.862, 3, 196),
         "lstm_mnist_int8": ("%", None, 99.09, 2, 0)}
LABELS = {"kws_dscnn_int8": SOURCE / "tests" / "data" / "golden" / "kws.labels.u8"}  # of sets that bring none


def labels_of(folder: pathlib.Path, name: str) -> bytes | None:
    packed = folder / f"{name}.labels.u8.zst"
    if packed.exists():
        return subprocess.run(["zstd", "-dcq", packed], capture_output=True, check=True).stdout
    return LABELS[name].read_bytes() if name in LABELS else None


def check(bench, path: str, name: str, compiled: pathlib.Path, rows: pathlib.Path, labels: bytes | None):
    """One row of the report: `rows` are the set's inputs, as they are run."""
    if name not in TASKS or labels is None:
        return
    unit, threshold, reference, digits, windows = TASKS[name]
    (bench.work / "golden.labels").write_bytes(labels)
    done = subprocess.run([bench.programs / "godwit", "-o", "json", "model", "eval", compiled, "--input", rows, "--labels",
                           bench.work / "golden.labels", "--path", path,
                           *(["--windows-per-clip", str(windows)] if windows else [])], capture_output=True, check=True)
    told = json.loads(done.stdout)
    score = told["auc"] if windows else 100 * told["accuracy"]
    bench.report.add(f"{name}, {path}: score", score, unit, "TFLite Micro reference", reference,
                     goal=f"the same, to {digits} digits" + (f", and >= {threshold:g} {unit}" if threshold else ""),
                     holds=round(score, digits) == reference and score >= (threshold or 0))
