"""What other programs judge: clang-format 14, bash -n, shellcheck where it is installed, Python."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

from tree import Finding

FORMATTER = "clang-format-14"


def run(command, text=None, root=None):
    return subprocess.run(command, input=text, cwd=root, capture_output=True, text=True)


def check_format(tree):
    files = tree.code()
    if not files:
        return
    if not shutil.which(FORMATTER):
        yield Finding(".clang-format", 1, "format", f"{FORMATTER} is not installed (scripts/setup)")
        return
    if tree.root is None:
        for path, text in files:
            if run([FORMATTER, "--style=Google", "--assume-filename", path], text).stdout != text:
                yield Finding(path, 1, "format", f"is not what {FORMATTER} makes of it")
        return
    paths = [path for path, _ in files]
    parts = [paths[i::cpu_count()] for i in range(cpu_count()) if paths[i::cpu_count()]]
    with ThreadPoolExecutor() as pool:
        done = pool.map(lambda part: run([FORMATTER, "-n", "-Werror", *part], root=tree.root), parts)
    wrong = set()
    for result in done:
        wrong |= {line.split(":")[0] for line in result.stderr.split("\n") if ": error:" in line}
    for path in sorted(wrong):
        yield Finding(path, 1, "format", f"run {FORMATTER} -i on it")


def check_shell(tree):
    shellcheck = shutil.which("shellcheck")
    files = dict(tree.of(".sh")) | dict(tree.scripts("sh"))
    for path, text in sorted(files.items()):
        result = run(["bash", "-n"], text)
        if result.returncode != 0:
            yield Finding(path, 1, "shell", result.stderr.strip().split("\n")[0])
        elif shellcheck:
            result = run([shellcheck, "-S", "warning", "-f", "gcc", "-"], text)
            if result.returncode != 0:
                yield Finding(path, 1, "shell", result.stdout.strip().split("\n")[0])


def check_python(tree):
    files = dict(tree.of(".py")) | dict(tree.scripts("python3"))
    for path, text in sorted(files.items()):
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            yield Finding(path, error.lineno or 1, "python", error.msg)


RULES = [check_format, check_shell, check_python]

SELF_TEST = {
    "good": {
        "proto/a.cpp": "int f() { return 1; }\n",
        "scripts/run": "#!/usr/bin/env bash\n# Runs.\necho \"$1\"\n",
        "tests/a.py": "def f():\n    return 1\n",
    },
    "bad": {
        "badly laid out code": {"proto/a.cpp": "int  f(){return 1 ;}\n"},
        "a script with a hole": {"scripts/run": "#!/bin/bash\nif true; then\n"},
        "Python that is none": {"tests/a.py": "def f(:\n"},
    },
}
