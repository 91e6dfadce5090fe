"""A private PostgreSQL 15 on a Unix socket: no port, no password, nobody else's cluster touched."""

import os
import pathlib
import pwd
import shutil
import signal

from .process import Process, run, wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    def __init__(self, folder: pathlib.Path, durable: bool = True):
        self.folder = folder
        self.durable = durable
        self.process = Process(folder.parent, "postgres")
        self._as_user = ()
        if os.geteuid() == 0:  # PostgreSQL refuses root
            self._as_user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")

    @property
    def url(self) -> str:
        return f"postgresql:///godwit?host={self.folder}&user=godwit"

    def start(self):
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(mode=0o700, parents=True)
            if self._as_user:
                user = pwd.getpwnam("postgres")
                os.chown(self.folder, user.pw_uid, user.pw_gid)
            run([*self._as_user, PROGRAMS / "initdb", "-D", data, "-U", "godwit", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", *([] if self.durable else ["--no-sync"])])
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "max_connections": "100"}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.process.start([PROGRAMS / "postgres", "-D", data, *options], prefix=self._as_user)
        wait_until("start of PostgreSQL", self._ready)
        found = run([PROGRAMS / "psql", "-h", self.folder, "-U", "godwit", "-d", "postgres", "-Atc",
                     "select 1 from pg_database where datname = 'godwit'"], expect=(0,)).stdout
        if not found.strip():
            run([PROGRAMS / "createdb", "-h", self.folder, "-U", "godwit", "godwit"])

    def _ready(self) -> bool:
        self.process.check()
        return run([PROGRAMS / "pg_isready", "-q", "-h", self.folder], expect=None).returncode == 0

    def stop(self):
        self.process.kill(signal.SIGINT)  # "fast": ends sessions, then writes a checkpoint
