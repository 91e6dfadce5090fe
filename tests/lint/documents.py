"""Promises and their tests, the origin of test data, links between documents."""

import re
from posixpath import dirname, join, normpath

from tree import Finding, line_of

GTEST = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
PYTEST = re.compile(r"^\s*def (test_\w+)\(", re.M)
CTEST = re.compile(r"godwit_(test|fuzzer)\(\s*(\w+)|add_test\(\s*NAME\s+([\w.]+)")


def known_tests(tree):
    names = set()
    for path, text in tree.texts.items():
        if path.endswith(".cpp"):
            for suite, name in GTEST.findall(text):
                names |= {suite, f"{suite}.{name}"}
        elif path.endswith("CMakeLists.txt"):
            for kind, helper, plain in CTEST.findall(text):
                names.add(plain or ("fuzz_" + helper if kind == "fuzzer" else helper))
        elif path.endswith(".py"):
            names |= set(PYTEST.findall(text))
    return names


def rows(text):
    """(line, cells) of each table row but the titles and the rule below them."""
    for line, row in enumerate(text.split("\n"), 1):
        if not row.startswith("|") or re.fullmatch(r"[|:\- ]+", row):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]
        if cells[0].lower() != "promise":
            yield line, cells


def check_promises(tree):
    """Each promise names, in back quotes, tests that exist: Suite.Name, a CTest name or a file."""
    tests = None
    for path, text in tree.of(".md"):
        if path != "docs/promises.md" and not path.startswith("docs/promises.d/"):
            continue
        tests = known_tests(tree) if tests is None else tests
        for line, cells in rows(text):
            named = re.findall(r"`([^`]+)`", cells[-1]) if len(cells) > 1 else []
            if not named:
                yield Finding(path, line, "promise", "names no test in back quotes")
            for name in named:
                if not exists(name, tests, tree):
                    yield Finding(path, line, "promise", f"there is no test {name}")


def exists(name, tests, tree):
    name = name.split(" ")[0]
    return name in tests or name in tree.texts or any(path.startswith(name + "/") for path in tree.texts)


def check_data(tree):
    """Each folder of tests/data says where its files come from and under what licence."""
    folders = {dirname(path) for path in tree.texts if path.startswith("tests/data/")}
    for folder in sorted(folders):
        up = folder
        while up != "tests" and up + "/README.md" not in tree.texts:
            up = dirname(up)
        if up == "tests":
            yield Finding(folder, 1, "data", "has no README.md with source and licence")
            continue
        text = tree.texts[up + "/README.md"].lower()
        if not re.search(r"licen[cs]e|public domain", text) or not re.search(r"source|origin|made", text):
            yield Finding(up + "/README.md", 1, "data", "does not tell source and licence")


def check_links(tree):
    for path, text in tree.of(".md"):
        if path.startswith("tests/data/"):
            continue
        for match in re.finditer(r"\]\(([^)#\s]+)(#[^)]*)?\)", text):
            target = match.group(1)
            if re.match(r"[a-z]+:", target):
                continue
            full = normpath(join(dirname(path), target))
            if full not in tree.texts and not any(known.startswith(full + "/") for known in tree.texts):
                yield Finding(path, line_of(text, match.start()), "link", f"there is no {target}")


RULES = [check_promises, check_data, check_links]

TITLES = "| promise | test |\n|---|---|\n"
SELF_TEST = {
    "good": {
        "docs/promises.d/a.md": TITLES + "| it holds | `Suite.Holds`, `unit_a`, `tests/run.py` |\n",
        "tests/unit/a_test.cpp": "TEST(Suite, Holds) {}\n",
        "tests/unit/CMakeLists.txt": "godwit_test(unit_a LABEL unit)\n",
        "tests/run.py": "",
        "tests/data/x/README.md": "Source: us. Licence: MIT.\n",
        "tests/data/x/y/z.bin": "",
        "docs/b.md": "[a](promises.d/a.md) [x](https://example.com)\n",
    },
    "bad": {
        "a promise without a test": {"docs/promises.md": TITLES + "| it holds | none yet |\n"},
        "a promise of a test that is not there": {"docs/promises.md": TITLES + "| it holds | `Suite.Gone` |\n"},
        "data of unknown origin": {"tests/data/x/z.bin": ""},
        "data without a licence": {"tests/data/x/z.bin": "", "tests/data/x/README.md": "Numbers.\n"},
        "a link to nowhere": {"docs/b.md": "[a](gone.md)\n"},
    },
}
