"""Child processes that outlive us when asked, are found again by a pid file, and are ended only if they are ours."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """Something did not happen; the text says what and where to look."""


def free_port() -> int:
    """Of 127.0.0.1, and below those that outgoing connections take: it stays free while its owner is restarted."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise Failure("no free port between 20000 and 32000 on 127.0.0.1")


def wait_until(what: str, condition, seconds: float = 30, interval: float = 0.05):
    """The first true value of condition(); Failure with `what` when the time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: did not happen within {seconds:.0f} s")
        time.sleep(interval)


def _started_at(pid: int) -> str | None:
    """The kernel's start time of a process: with the pid it names a process for good. None: gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


class Process:
    """One program with its log and pid file in `folder`; `name` tells them apart."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._child: subprocess.Popen | None = None

    def start(self, arguments, environment=None, prefix=()):
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                [*prefix, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})}, start_new_session=True)
        self._pid_file.write_text(f"{self._child.pid} {_started_at(self._child.pid)}")

    def pid(self) -> int | None:
        """None when it does not run (any more)."""
        # Our own child is gone only when it was waited for: its other threads may outlive the first and hold its locks.
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid, started = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _started_at(int(pid)) == started else None

    def check(self):
        if self.pid() is None:
            raise Failure(f"{self.name} ended by itself:\n{self.tail()}")

    def kill(self, number=signal.SIGKILL, seconds: float = 30):
        """Sends a signal and waits for the end; SIGKILL when the time is up."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, number)
        try:
            wait_until(f"end of {self.name}", lambda: self.pid() is None, seconds)
        except Failure:
            if number == signal.SIGKILL:
                raise
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def stop(self, seconds: float = 30):
        self.kill(signal.SIGTERM, seconds)

    def tail(self, lines: int = 15) -> str:
        try:
            text = self.log.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            text = []
        return "\n".join(f"  | {line}" for line in text) + f"\n  (all of it: {self.log})"


def run(arguments, environment=None, stdin: bytes | None = None, expect=(0,)) -> subprocess.CompletedProcess:
    """Runs to the end; Failure with its words when the exit code is not expected."""
    try:
        done = subprocess.run([*map(str, arguments)], input=stdin, capture_output=True,
                              env={**os.environ, **(environment or {})}, check=False)
    except OSError as error:
        raise Failure(f"{arguments[0]}: {error.strerror}") from error
    if expect is not None and done.returncode not in expect:
        words = (done.stderr + done.stdout).decode(errors="replace").strip()
        raise Failure(f"{' '.join(map(str, arguments))}: exit code {done.returncode}\n{words}")
    return done


def call(arguments, environment=None) -> int:
    """Runs to the end with our own terminal; its exit code. Ctrl-C reaches it too, and it puts the terminal in order."""
    child = subprocess.Popen([*map(str, arguments)], env={**os.environ, **(environment or {})})
    try:
        return child.wait()
    except KeyboardInterrupt:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
        raise
