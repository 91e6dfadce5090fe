"""The files that are checked: those of the checkout, or a made-up tree for the self-test."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

BUILT = {".git", "build", ".demo", "__pycache__"}
CODE = (".h", ".cpp")


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


@dataclass
class Tree:
    """Texts by path, relative to the root; paths always use '/'."""

    texts: dict = field(default_factory=dict)
    root: Path = None  # None for a made-up tree

    def of(self, *suffixes):
        return [(path, text) for path, text in sorted(self.texts.items()) if path.endswith(suffixes)]

    def code(self):
        return self.of(*CODE)

    def scripts(self, interpreter):
        """Files whose first line asks for this interpreter."""
        for path, text in sorted(self.texts.items()):
            first = text.split("\n", 1)[0]
            if first.startswith("#!") and interpreter in first:
                yield path, text


def listed(root):
    """What git tracks or would add; in an exported tree, every file outside the build folders."""
    git = subprocess.run(
        ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if git.returncode == 0 and git.stdout:
        return git.stdout.decode().rstrip("\0").split("\0")
    paths = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in BUILT]
        paths += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return paths


def load(root):
    tree = Tree(root=Path(root))
    for path in listed(root):
        full = tree.root / path
        if not full.is_file():
            continue  # deleted, and not yet committed
        data = full.read_bytes()
        binary = b"\0" in data[:8192] or path.startswith(("tests/data/", "tests/fuzz/corpus/"))
        # Binary files keep their place in the tree, so that rules on folders see them.
        is_text = not binary or path.endswith("README.md")
        tree.texts[path] = data.decode("utf-8", "replace") if is_text else ""
    return tree


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
