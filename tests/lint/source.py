"""What a file of code looks like: size, header comment, forbidden words, the co_await rule."""

import re

from tree import Finding, line_of

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 80
HEADER_LINES_MAX = 4
SOURCES = (".h", ".cpp", ".py", ".sh", ".cmake")

# Spelled in two parts, so that this file does not hold them.
FORBIDDEN = {
    "TO" "DO": r"\bTO" r"DO\b",
    "FIX" "ME": r"\bFIX" r"ME\b",
    "GTEST_" "SKIP": r"\bGTEST_" r"SKIP\b",
    "SUCCEED" "()": r"\bSUCCEED" r"\(\)",
    "a path of one machine": r"(?<![\w./])/wo" r"rk/",
}
FORBIDDEN_ANY = re.compile("|".join(f"({pattern})" for pattern in FORBIDDEN.values()))


def check_words(tree):
    for path, text in tree.texts.items():
        for match in FORBIDDEN_ANY.finditer(text):
            word = list(FORBIDDEN)[match.lastindex - 1]
            yield Finding(path, line_of(text, match.start()), "word", f"{word} is not wanted here")


def check_space(tree):
    for path, text in tree.texts.items():
        if not text or path.endswith((".patch", ".diff")):
            continue
        for line, row in enumerate(text.split("\n"), 1):
            if row != row.rstrip():
                yield Finding(path, line, "space", "ends with white space")
            if "\t" in row and path.endswith(SOURCES + (".sql", ".json", ".yaml")):
                yield Finding(path, line, "space", "has a tab")
        if not text.endswith("\n"):
            yield Finding(path, text.count("\n") + 1, "space", "the last line has no end")


def check_size(tree):
    files = tree.of(*SOURCES, ".sql") + [*tree.scripts("sh")]
    for path, text in dict(files).items():
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            yield Finding(path, FILE_LINES_MAX, "size", f"{lines} lines: look for its second thing")
    for path, text in tree.code():
        yield from check_functions(path, text)


def check_functions(path, text):
    """A body at the left margin, or in a class: from a line that ends in '{' to its '}'."""
    opened = {}
    for line, row in enumerate(text.split("\n"), 1):
        indent = len(row) - len(row.lstrip())
        if row.endswith("{") and not re.match(r"\s*(namespace|class|struct|enum|union|extern)\b", row):
            opened.setdefault(indent, line)
        elif row.lstrip().startswith("}") and indent in opened:
            lines = line - opened.pop(indent)
            if indent <= 2 and row.strip() == "}" and lines > FUNCTION_LINES_MAX:
                yield Finding(path, line - lines, "size", f"a function of {lines} lines")


def check_header(tree):
    """Each file says first what it is; a .cpp whose header says it, and a test, need not."""
    for path, text in tree.code():
        implied = path.startswith("tests/") or path[: -len("cpp")] + "h" in tree.texts
        if path.endswith(".cpp") and implied and not text.startswith("//"):
            continue
        lines = re.match(r"(//.*\n)*", text).group().count("\n")
        if lines == 0:
            yield Finding(path, 1, "header", "begins with no comment that says what it is")
        if lines > HEADER_LINES_MAX:
            yield Finding(path, 1, "header", f"a comment of {lines} lines; at most {HEADER_LINES_MAX}")
        if path.endswith(".h") and "#pragma once" not in text:
            yield Finding(path, 1, "header", "has no #pragma once")
    for interpreter in ("sh", "python3"):
        for path, text in tree.scripts(interpreter):
            second = text.split("\n", 2)[1:2]
            if not second or not second[0].startswith(("#", '"""')):
                yield Finding(path, 2, "header", "begins with no comment that says what it is")


def blanked(text):
    """The text with comments, strings and characters blanked out, and every line kept."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    return token.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def operand_end(text, start):
    """Where the operand of a co_await ends: at ';', or at the ')' or ',' that closes over it."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        if depth < 0 or depth == 0 and text[at] in ";,":
            return at
    return len(text)


CAPTURING_COROUTINE = re.compile(r"\[[^\[\]]+\]\s*\([^()]*\)\s*(mutable\s*)?->\s*[\w:]*\bawaitable<")


def check_coroutines(tree):
    """g++ 12 destroys a lambda or an aggregate twice that is built inside a co_await operand, and a
    capturing lambda coroutine outlives its captures in every compiler."""
    for path, text in tree.code():
        if "co_await" not in text and "awaitable<" not in text:
            continue
        code = blanked(text)
        for match in re.finditer(r"\bco_await\b", code):
            operand = code[match.end(): operand_end(code, match.end())]
            if "{" in operand:
                yield Finding(path, line_of(code, match.start()), "co_await",
                              "name the argument before it (g++ 12 destroys it twice)")
        for match in CAPTURING_COROUTINE.finditer(code):
            yield Finding(path, line_of(code, match.start()), "co_await",
                          "a lambda coroutine with captures dangles: pass them as arguments")


RULES = [check_words, check_space, check_size, check_header, check_coroutines]

HEAD = "// What it is.\n#pragma once\n"
SELF_TEST = {
    "good": {
        "proto/a.h": HEAD,
        "proto/a.cpp": '#include "proto/a.h"\n',
        "server/http/b.cpp": "// B.\nauto f() {\n  auto job = [x] { return x; };\n  auto y = co_await run(job);\n"
                             "  if (co_await more()) {\n  }\n  // co_await f({1})\n}\n",
        "scripts/run": "#!/usr/bin/env bash\n# Runs.\n",
    },
    "bad": {
        "a forbidden word": {"proto/a.h": HEAD + "// TO" "DO: more\n"},
        "a path of one machine": {"docs/a.md": "see /wo" "rk/main\n"},
        "a trailing space": {"proto/a.h": HEAD + "int a; \n"},
        "a tab": {"proto/a.h": HEAD + "\tint a;\n"},
        "no end of line": {"proto/a.h": HEAD + "int a;"},
        "a long file": {"proto/a.h": HEAD + "int a;\n" * FILE_LINES_MAX},
        "a long function": {"proto/a.h": HEAD + "void f() {\n" + "  g();\n" * FUNCTION_LINES_MAX + "}\n"},
        "no header comment": {"proto/a.h": "#pragma once\n"},
        "a long header comment": {"proto/a.h": "// A.\n" * 5 + "#pragma once\n"},
        "no include guard": {"proto/a.h": "// A.\n"},
        "a script that says nothing": {"scripts/run": "#!/bin/sh\necho\n"},
        "a lambda in co_await": {"server/http/b.cpp": "// B.\nauto y = co_await run([x] { return x; });\n"},
        "an aggregate in co_await": {"server/http/b.cpp": "// B.\nauto y = co_await run(Job{1});\n"},
        "a capturing coroutine": {"server/http/b.cpp": "// B.\nauto c = [x]() -> net::awaitable<void> { co_return; };\n"},
    },
}
