#!/usr/bin/env python3
"""Fails when the code and constants of a library are larger than they may be.

    tests/freestanding/size.py LIBRARY BYTES_MAX [SIZE_PROGRAM]
"""

import subprocess
import sys


def main(library, bytes_max, program="size"):
    listed = subprocess.run([program, "-t", library], check=True, capture_output=True, text=True)
    totals = listed.stdout.strip().split("\n")[-1].split()
    text = int(totals[0])
    print(f"{library}: {text} bytes of code and constants, {bytes_max} at most")
    return 0 if text <= int(bytes_max) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
