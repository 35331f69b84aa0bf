"""The parts of the service come in; they are started, watched, restarted, and ended in order."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from reviewbot.errors import InputError, ReviewbotError

FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
WELL_SECONDS = 60.0
"""A part that ran for so long is well: the next time it dies it is restarted at once."""
MOST_EARLY_DEATHS = 5
LINES_TOLD = 10
_LONGEST_LINE = 65_536
_PR_SET_PDEATHSIG = 1

Say = Callable[[str, str], None]
"""Prints a line of a part, by its name."""


class PartError(ReviewbotError):
    """A part does not start; the text has the last lines that it wrote."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the service.

    It is ready when it has written `ready_words` and `is_ready` says so; the next part is started
    then. `stdin` is a line that it is given, and its input stays open as long as we live.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    is_ready: Callable[[], bool] = lambda: True
    ready_words: str = ""
    stdin: str | None = None
    grace: float = 15.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a data folder alone. Raises `InputError` with who has it, or why it cannot be used."""
    path = folder / "serve.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be used: {error.strerror}; set REVIEWBOT_DATA_DIR"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InputError(
                f"{folder} is in use by another `reviewbot serve` (process {holder}):"
                " end that one, or set REVIEWBOT_DATA_DIR"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@dataclass(slots=True)
class _Child:
    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    wait: float = FIRST_WAIT
    early_deaths: int = 0
    said_ready: bool = False
    was_ready: bool = False
    told: list[str] = field(default_factory=list)


class Supervisor:
    """Runs parts until `stop` is set. `say` prints what they write, and what becomes of them."""

    def __init__(self, parts: Sequence[Part], say: Say) -> None:
        self._children = [_Child(part) for part in parts]
        self._say = say
        self.stop = threading.Event()
        self.hurry = threading.Event()
        """Set to end all at once, as a second Ctrl-C does."""

    def run(self, ready: Callable[[], None], start_seconds: float = 60.0) -> None:
        """Start the parts one after another, call `ready`, and keep them alive until `stop`.

        All are ended when this returns or raises. Raises `PartError` where one does not start.
        On Linux they also end when the thread that calls this does, however that ends: call it
        from the main one. Elsewhere a supervisor that is killed leaves them; the lock tells of it.
        """
        started: list[_Child] = []
        try:
            for child in self._children:
                started.append(child)
                self._await_ready(child, started, start_seconds)
            if not self.stop.is_set():
                ready()
            while not self.stop.wait(0.1):
                self._look_after(started)
        finally:
            for child in reversed(started):
                self._end(child)

    def _start(self, child: _Child) -> None:
        part = child.part
        try:
            process = subprocess.Popen(  # noqa: S603
                part.command,
                env=part.env,
                stdin=subprocess.DEVNULL if part.stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,  # a terminal's Ctrl-C is for us: we end them in order
                preexec_fn=_die_with(os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        except OSError as error:
            raise PartError(
                f"{part.name} cannot be started: {part.command[0]}: {error.strerror}"
            ) from error
        child.process, child.started_at, child.said_ready = process, time.monotonic(), False
        self._say("serve", f"{part.name} started (process {process.pid})")
        assert process.stdout is not None
        child.reader = threading.Thread(
            target=self._pass_on, args=(child, process.stdout), daemon=True
        )
        child.reader.start()
        if part.stdin is not None and process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended already, which is seen soon
                process.stdin.write(part.stdin.encode() + b"\n")
                process.stdin.flush()

    def _pass_on(self, child: _Child, output: IO[bytes]) -> None:
        words = child.part.ready_words
        with output:
            while line := output.readline(_LONGEST_LINE):
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    child.told = [*child.told[-LINES_TOLD + 1 :], text]
                    child.said_ready = child.said_ready or words in text
                    self._say(child.part.name, text)

    def _await_ready(self, child: _Child, started: list[_Child], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.stop.is_set():
            self._look_after(started)
            if child.process is not None and self._is_ready(child):
                child.was_ready = True
                return
            if time.monotonic() > until:
                raise self._no_start(child, f"is not ready after {seconds:g} s")
            self.stop.wait(0.02)

    def _is_ready(self, child: _Child) -> bool:
        return (child.said_ready or not child.part.ready_words) and child.part.is_ready()

    def _look_after(self, children: Sequence[_Child]) -> None:
        """Start again what has ended, later and later while it does not stay."""
        now = time.monotonic()
        for child in children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, now)
            elif child.process is None and now >= child.restart_at:
                self._start(child)

    def _bury(self, child: _Child, now: float) -> None:
        assert child.process is not None
        how = _how(child.process.returncode)
        self._hear_out(child)
        if now - child.started_at > WELL_SECONDS:
            child.wait, child.early_deaths = FIRST_WAIT, 0
        child.early_deaths += 1
        child.process = None
        if not child.was_ready and child.early_deaths >= MOST_EARLY_DEATHS:
            raise self._no_start(child, f"ends as soon as it is started ({how})")
        self._say("serve", f"{child.part.name} ended ({how}); started again in {child.wait:g} s")
        child.restart_at = now + child.wait
        child.wait = min(child.wait * 2, LONGEST_WAIT)

    def _no_start(self, child: _Child, what: str) -> PartError:
        said = "; it says: " + " | ".join(child.told) if child.told else ""
        return PartError(f"{child.part.name} {what}{said}")

    def _end(self, child: _Child) -> None:
        process = child.process
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        process.terminate()
        until = time.monotonic() + child.part.grace
        while process.poll() is None and time.monotonic() < until and not self.hurry.is_set():
            time.sleep(0.02)
        if process.poll() is None:
            self._say("serve", f"{child.part.name} does not end; it is killed")
            os.killpg(process.pid, signal.SIGKILL)  # with whatever it runs itself
        status = process.wait()
        self._hear_out(child)
        self._say("serve", f"{child.part.name} ended ({_how(status)})")

    def _hear_out(self, child: _Child) -> None:
        """Pass on a part's last lines; what it leaves behind may keep the pipe open."""
        if child.reader is not None:
            child.reader.join(timeout=1)


def _how(status: int) -> str:
    return f"{signal.strsignal(-status)}" if status < 0 else f"status {status}"


def _die_with(parent: int) -> Callable[[], None]:
    """Have the kernel kill the process that is started when its parent dies, however it dies."""
    prctl = ctypes.CDLL(None).prctl

    def told_to_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that was said
            os._exit(1)

    return told_to_the_kernel
