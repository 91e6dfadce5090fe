"""Rivals from PyPI, pinned, in an environment of their own under build/bench-venv; each is optional."""

import pathlib
import subprocess
import sys

from schema import SOURCE

VENV = SOURCE / "build" / "bench-venv"
PINNED = {
    "numpy": "2.4.6",
    "ai-edge-litert": "2.3.0",
    "onnx": "1.23.2",
    "onnxruntime": "1.32.0",
    "tflite-micro": "0.dev20261023182759",
    "detools": "0.53.0",
}


class Peers:
    """What could be had of `names`; says which could not, and why."""

    def __init__(self, names: list[str]):
        self.missing: dict[str, str] = {}
        if not (VENV / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        for name in names:
            if self._installed(name):
                continue
            done = subprocess.run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check", f"{name}=={PINNED[name]}"],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                self.missing[name] = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                print(f"bench: {name} {PINNED[name]} cannot be had, its figures are null: {self.missing[name]}", file=sys.stderr)

    @property
    def packages(self) -> pathlib.Path:
        return next((VENV / "lib").glob("python3*")) / "site-packages"

    def _installed(self, name: str) -> bool:
        return any(self.packages.glob(f"{name.replace('-', '_')}-{PINNED[name]}.dist-info"))

    def has(self, *names: str) -> bool:
        return all(self._installed(name) for name in names)

    def library(self, name: str, pattern: str) -> pathlib.Path | None:
        return next(iter(sorted(self.packages.glob(pattern))), None) if self.has(name) else None

    def python(self, script: str, *arguments) -> subprocess.CompletedProcess:
        path = pathlib.Path(__file__).with_name(script)
        return subprocess.run([VENV / "bin" / "python", path, *map(str, arguments)], capture_output=True, text=True, check=False)
