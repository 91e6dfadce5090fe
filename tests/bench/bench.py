"""scripts/bench NAME: figures of Godwit beside named peers that run in the same minutes, all in one form.

--json writes {bench, commit, machine, rows: [{name, value, unit, peer, peer_value, ratio, goal, holds}]}. ratio is how
many times better than the peer; a row without a peer has null there, and holds by its goal. What cannot be had (no
network, a peer that refuses) is said on standard error, and null.
"""

import argparse
import pathlib
import sys
import tempfile

import delta
import engine
import reports
from schema import SOURCE

BENCHES = {"engine": engine, "delta": delta, "reports": reports}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest="bench", required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        sub = names.add_parser(name, help=bench.__doc__.splitlines()[0], description=bench.__doc__)
        sub.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the object there too")
        bench.add_arguments(sub)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    programs = SOURCE / "build" / "release" / "bin"
    with tempfile.TemporaryDirectory(prefix="godwit-bench-") as work:
        report = BENCHES[options.bench].run(options, programs, pathlib.Path(work))
    report.show()
    if options.json:
        report.write(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
