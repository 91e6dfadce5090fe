#!/usr/bin/env python3
"""Runs golden rows through engine_rows (agent/engine/library/rows.c), natively or under qemu, on every
path that it has, and compares each byte with what the reference kernels gave.

    tests/cross/golden_rows.py --godwit build/dev/bin/godwit [--macs-max N] NAME=COMMAND ...

A COMMAND is split at spaces: "aarch64=qemu-aarch64 -cpu max build/engine-aarch64/bin/engine_rows". As many
rows are run as stay below --macs-max multiplications for a model and path. The generated sets of
tests/data/golden/ops are run too.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
# model (and its outputs), inputs, rows of the files, whether each pixel becomes three by three
PAIRS = [("sww-1", "sww", 64, False), ("ic-1", "ic", 249, False), ("ic-2", "ic", 249, False),
         ("ic-3", "ic", 249, False), ("kws-1", "kws", 1000, False), ("vww-1", "ic", 249, True), ("vww-2", "ic", 249, True)]
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


MASK = (1 << 64) - 1


def golden_input(seed, row, size):
    """fill_golden_input of agent/engine/golden.cpp (docs/format-model.md, "Golden section")."""
    state = (seed + row * 0xD1342543DE82EF95) & MASK

    def byte():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return (z ^ z >> 31) >> 56

    base = level = byte()
    out = bytearray(size)
    for i in range(size):
        if row % 4 == 0:
            out[i] = byte()
        elif row % 4 == 1:
            level = min(255, max(0, level + (byte() & 15) - 7))
            out[i] = level
        elif row % 4 == 2:
            out[i] = (base + (byte() & 31)) & 255
        else:
            out[i] = byte() if byte() < 16 else base
    return bytes(out)


BYTES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "float32": 4}


class Generated(Pair):
    def __init__(self, godwit, folder, name, seed):
        self.name, self.rows = name, 24
        self.compiled = folder / f"{name}.gwm"
        subprocess.run([godwit, "model", "compile", "-q", DATA / f"golden/ops/{name}.tflite", "-o", self.compiled],
                       check=True)
        shown = json.loads(subprocess.run([godwit, "model", "inspect", "--json", self.compiled], check=True,
                                          capture_output=True).stdout)
        inputs = shown["tensors"][:shown["inputs"]]
        self.expected = (DATA / f"golden/ops/{name}.out.bin").read_bytes()
        self.width = len(self.expected) // self.rows
        self.usable = "stream" not in name  # engine_rows forgets before each row
        self.inputs = folder / f"{name}.in.bin"
        size = sum(math.prod(tensor["shape"]) * BYTES[tensor["type"]] for tensor in inputs)
        given = DATA / f"golden/ops/{name}.in.bin"
        if given.exists():
            self.inputs = given
        elif self.usable:
            self.inputs.write_bytes(b"".join(golden_input(seed, row, size) for row in range(self.rows)))


def generated_sets(godwit, folder):
    lines = (DATA / "golden/ops/seeds.txt").read_text().splitlines()
    sets = [Generated(godwit, folder, name, int(seed)) for name, seed in map(str.split, lines)]
    return [one for one in sets if one.usable]


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
        sets = generated_sets(args.godwit, folder)
        for runner in args.runners:
            processor, _, command = runner.partition("=")
            command = command.split()
            listed = subprocess.run([*command, "--paths"], check=True, capture_output=True, text=True)
            for pair in pairs:
                for path in listed.stdout.split():
                    equal = pair.equal_rows(command, path, folder)
                    good &= equal == pair.rows
                    print(f"{processor} {path} {pair.name}: {equal} of {pair.rows} rows equal", flush=True)
            for path in listed.stdout.split():
                equal = [one.name for one in sets if one.equal_rows(command, path, folder) == one.rows]
                good &= len(equal) == len(sets)
                print(f"{processor} {path}: all rows of {len(equal)} of {len(sets)} generated sets equal", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
