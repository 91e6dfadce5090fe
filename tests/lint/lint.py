#!/usr/bin/env python3
"""Checks the rules that a machine can hold; prints path:line: rule: what, and exits 1 if any is broken.

    tests/lint/lint.py [PATH ...]    all findings, or only those below the paths
    tests/lint/lint.py --self-test   shows that each rule passes good trees and refuses bad ones
"""

import sys
from pathlib import Path

import arrows
import documents
import source
import tools
import tree

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "arrows": ([arrows.check], arrows.SELF_TEST),
    "source": (source.RULES, source.SELF_TEST),
    "documents": (documents.RULES, documents.SELF_TEST),
    "tools": (tools.RULES, tools.SELF_TEST),
}


def findings(rules, files):
    return [finding for rule in rules for finding in rule(files)]


def self_test():
    failures = []
    for name, (rules, cases) in SETS.items():
        failures += [f"{name}: refuses a good tree: {each}" for each in
                     findings(rules, tree.Tree(cases["good"]))]
        failures += [f"{name}: passes {case}" for case, bad in cases["bad"].items()
                     if not findings(rules, tree.Tree(bad))]
        print(f"{name}: {len(cases['bad'])} bad trees tried")
    return failures


def main(arguments):
    if arguments == ["--self-test"]:
        found = self_test()
    elif any(argument.startswith("-") for argument in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    else:
        files = tree.load(ROOT)
        below = [Path(argument).resolve() for argument in arguments] or [ROOT]
        found = [finding for rules, _ in SETS.values() for finding in findings(rules, files)
                 if any((ROOT / finding.path).is_relative_to(path) for path in below)]
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
