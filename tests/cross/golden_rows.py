#!/usr/bin/env python3
"""Runs golden rows through engine_rows (agent/engine/library/rows.c), natively or under qemu, on every
path that it has, and compares each byte with what the reference kernels gave.

    tests/cross/golden_rows.py --godwit build/dev/bin/godwit [--macs-max N] NAME=COMMAND ...

A COMMAND is split at spaces: "aarch64=qemu-aarch64 -cpu max build/engine-aarch64/bin/engine_rows". As many
rows are run as stay below --macs-max multiplications for a model and path.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
# model (and its outputs), inputs, rows of the files, whether each pixel becomes three by three
PAIRS = [("sww-1", "sww", 64, False), ("ic-1", "ic", 249, False), ("ic-2", "ic", 249, False),
         ("ic-3", "ic", 249, False), ("vww-1", "ic", 249, True), ("vww-2", "ic", 249, True)]
PIXELS, CHANNELS, TIMES = 32, 3, 3


def enlarged(image):
    """A square image with every pixel repeated, across and down."""
    rows = []
    for y in range(PIXELS):
        line = image[y * PIXELS * CHANNELS:(y + 1) * PIXELS * CHANNELS]
        wide = b"".join(line[x:x + CHANNELS] * TIMES for x in range(0, len(line), CHANNELS))
        rows.append(wide * TIMES)
    return b"".join(rows)


class Pair:
    def __init__(self, godwit, folder, macs_max, model, inputs, rows, enlarge):
        self.name = model
        self.compiled = folder / f"{model}.gwm"
        subprocess.run([godwit, "model", "compile", "-q", DATA / f"models/{model}.tflite", "-o", self.compiled],
                       check=True)
        shown = subprocess.run([godwit, "model", "inspect", "--json", self.compiled], check=True,
                               capture_output=True)
        macs = json.loads(shown.stdout)["macs"]
        expected = (DATA / f"golden/{model}.out.bin").read_bytes()
        source = (DATA / f"golden/{inputs}.in.bin").read_bytes()
        self.width = len(expected) // rows
        self.rows = min(rows, max(1, macs_max // macs))
        size = len(source) // rows
        used = [source[i * size:(i + 1) * size] for i in range(self.rows)]
        self.inputs = folder / f"{model}.in.bin"
        self.inputs.write_bytes(b"".join(enlarged(row) if enlarge else row for row in used))
        self.expected = expected[:self.rows * self.width]

    def equal_rows(self, command, path, folder):
        outputs = folder / "out.bin"
        subprocess.run([*command, self.compiled, self.inputs, outputs, path], check=True, stdout=subprocess.DEVNULL)
        actual = outputs.read_bytes()
        if len(actual) != len(self.expected):
            return 0
        return sum(actual[at:at + self.width] == self.expected[at:at + self.width]
                   for at in range(0, len(actual), self.width))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--godwit", required=True)
    parser.add_argument("--macs-max", type=int, default=100_000_000)
    parser.add_argument("runners", nargs="+", metavar="NAME=COMMAND")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="godwit-rows-") as name:
        folder = Path(name)
        pairs = [Pair(args.godwit, folder, args.macs_max, *pair) for pair in PAIRS]
        for runner in args.runners:
            processor, _, command = runner.partition("=")
            command = command.split()
            listed = subprocess.run([*command, "--paths"], check=True, capture_output=True, text=True)
            for pair in pairs:
                for path in listed.stdout.split():
                    equal = pair.equal_rows(command, path, folder)
                    good &= equal == pair.rows
                    print(f"{processor} {path} {pair.name}: {equal} of {pair.rows} rows equal", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
