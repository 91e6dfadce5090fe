"""Include arrows between folders, third-party headers and what pure folders may touch.

The tables are docs/architecture.md in a form that a machine can hold.
"""

import re

from tree import Finding

# Folder -> folders that it may include, besides itself. What is allowed there is allowed here too,
# so each row names only the next ones down.
ARROWS = {
    "proto/base": [],
    "proto/json": ["proto/base"],
    "proto/wire": ["proto/json"],
    "proto/trust": ["proto/json"],
    "proto/format": ["proto/trust"],  # for its digest
    "agent/engine": ["proto/format"],
    "agent/core": ["proto/wire", "proto/format", "proto/trust"],
    "agent/install": ["agent/core"],
    "agent/linux": ["agent/core"],
    "agent/threads": ["agent/engine"],
    "agent/main": ["agent/install", "agent/linux", "agent/engine"],
    "compiler/read": ["proto/format"],
    "compiler": ["compiler/read", "agent/engine"],
    "compiler/tools": ["compiler"],
    "server/delta": ["proto/format"],
    "server/domain": ["proto/wire", "proto/format", "proto/trust"],
    "server/storage": ["server/domain"],
    "server/service": ["server/storage", "server/delta"],  # the worker that makes deltas
    "server/link": ["server/service", "server/runtime"],  # the notifier port is the service's
    "server/runtime": ["proto/json"],
    "server/http": ["server/service", "server/runtime"],
    "server/main": ["server/link", "server/http"],
    "cli": ["proto/wire", "compiler", "server/delta", "agent/threads"],
}

# Third-party headers by their beginning -> the only folders that may include them.
THIRD_PARTY = {
    "boost/": ["server/http", "server/link", "server/runtime", "server/main", "cli/client"],
    "pqxx/": ["server/storage"],
    "libpq": ["server/storage"],
    "mosquitto": ["server/link", "agent/linux"],
    "nlohmann/": ["proto/json"],
    "openssl/": ["proto/trust", "server/storage", "server/service", "server/http", "server/link",
                 "server/main", "agent/linux", "cli/client"],
    "spdlog/": ["server/runtime", "server/main", "agent/main"],
    "jq.h": ["cli/core"],
    "CLI/": ["cli", "server/main", "agent/main"],
    "divsufsort": ["server/delta"],
    "bzlib.h": ["proto/format", "server/delta"],
    "zstd.h": ["proto/format", "server/delta"],
    "gtest/": [],
    "gmock/": [],
}

# Folders without I/O, threads and clock reads; programs below them may do I/O.
PROGRAMS = ["compiler/tools"]
PURE = ["proto", "server/domain", "agent/core", "agent/engine", "server/delta", "compiler"]
IMPURE_HEADER = re.compile(
    r"(fstream|iostream|filesystem|thread|mutex|condition_variable|future|ctime|time\.h|unistd\.h"
    r"|fcntl\.h|poll\.h|pthread\.h|(sys|net|netinet|arpa)/.*)$")
CLOCK_READ = re.compile(r"_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\btime\(nullptr\)")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def folder_of(path, folders):
    """The longest of the folders that holds the path, or None."""
    holds = [f for f in folders if path == f or path.startswith((f + "/", f + "."))]
    return max(holds, key=len) if holds else None


def allowed(folder):
    """Everything that a folder may include, itself first."""
    seen = [folder]
    for each in seen:
        seen += [below for below in ARROWS[each] if below not in seen]
    return seen


def check(tree):
    for path, text in tree.code():
        if path.startswith("tests/"):
            continue
        folder = folder_of(path, ARROWS)
        if folder is None:
            yield Finding(path, 1, "arrow", "lies in no folder that the architecture names")
            continue
        may = allowed(folder)
        pure = folder_of(path, PURE) if folder not in PROGRAMS else None
        for line, row in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(row)
            if match:
                yield from check_include(path, line, folder, may, pure, *match.groups())
            elif pure and CLOCK_READ.search(row):
                yield Finding(path, line, "pure", f"{pure} reads no clock: take it as an argument")


def check_include(path, line, folder, may, pure, quote, header):
    if quote == '"' and folder_of(header, may) is None:
        yield Finding(path, line, "arrow", f"{folder} may not include {header}")
    if quote == "<":
        for start, folders in THIRD_PARTY.items():
            if header.startswith(start) and folder_of(path, folders) is None:
                where = ", ".join(folders) or "tests"
                yield Finding(path, line, "third-party", f"<{header}> belongs into {where}")
        if pure and IMPURE_HEADER.match(header):
            yield Finding(path, line, "pure", f"{pure} does no I/O: no <{header}>")


SELF_TEST = {
    "good": {
        "server/domain/a.h": '#include "proto/wire/b.h"\n#include "server/domain/c.h"\n#include <map>\n',
        "server/http/a.cpp": '#include "server/domain/c.h"\n#include <boost/asio.hpp>\n',
        "agent/main.cpp": '#include "agent/linux/a.h"\n',
        "tests/unit/a_test.cpp": '#include "server/domain/c.h"\n#include <gtest/gtest.h>\n',
    },
    "bad": {
        "agent looks at server": {"agent/core/a.cpp": '#include "server/domain/b.h"\n'},
        "proto looks up": {"proto/base/a.h": '#include "proto/json/json.h"\n'},
        "domain looks at storage": {"server/domain/a.cpp": '#include "server/storage/db.h"\n'},
        "Boost in the domain": {"server/domain/a.cpp": "#include <boost/asio.hpp>\n"},
        "libpqxx in HTTP": {"server/http/a.cpp": "#include <pqxx/pqxx>\n"},
        "I/O in proto": {"proto/wire/a.cpp": "#include <fstream>\n"},
        "a clock read in the core": {"agent/core/a.cpp": "auto t = std::chrono::system_clock::now();\n"},
        "an unknown folder": {"util/a.cpp": "\n"},
    },
}
