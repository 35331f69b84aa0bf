"""A claimed job comes in; out comes a Running one, which another thread can end."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from typing import Literal, TypeVar

from reviewbot.service.jobs import Job

T = TypeVar("T")
Ending = Literal["superseded", "lost", "recheck", "shutdown"]
"""Why a job ends before its end: newer work takes its place, another worker may have it, its pull
request must be read again, or this worker goes."""


class StoppedError(Exception):
    """The job is to go no further; not an error of anyone."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


class Running:
    """A job that this process works on, in a thread of its own.

    `stop` is set when it is to end: waits on it, and programs that poll it, end at once.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stop = threading.Event()
        self.ending: Ending | None = None
        self._waits_for: Future[object] | None = None
        self._lock = threading.Lock()

    def end(self, ending: Ending) -> None:
        """Ask the job to end; the first reason stays. May be called from any thread."""
        with self._lock:
            self.ending = self.ending or ending
            self.stop.set()
            if self._waits_for is not None:
                self._waits_for.cancel()

    def check(self) -> None:
        """Raise `StoppedError` where the job is to end."""
        if self.ending is not None:
            raise StoppedError(self.ending)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the job is to end: then raises `StoppedError`."""
        self.stop.wait(seconds)
        self.check()

    def result(self, future: "Future[T]", seconds: float | None = None) -> T:
        """Wait for what the loop works on; ending the job cancels it and raises `StoppedError`.

        After so many `seconds` the job is ended, to be taken up again.
        """
        with self._lock:
            self._waits_for = future  # type: ignore[assignment]  # only ever cancelled
            if self.stop.is_set():
                future.cancel()
        try:
            return future.result(seconds)
        except FutureTimeoutError:
            if future.done():  # what the loop worked on raised it
                raise
            self.end("recheck")
            raise StoppedError("recheck") from None
        except CancelledError:
            self.check()
            raise
        finally:
            self._waits_for = None


class Register:
    """The jobs that this process works on, by the owner of each claim."""

    def __init__(self) -> None:
        self._running: dict[str, Running] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()

    @contextmanager
    def holding(self, running: Running) -> Iterator[None]:
        """Hold a job while it runs; in a process that ends it is stopped at once."""
        owner = running.job.owner
        with self._lock:
            self._running[owner] = running
        if self.closing.is_set():
            running.end("shutdown")
        try:
            yield
        finally:
            with self._lock:
                del self._running[owner]

    def every(self) -> dict[str, Running]:
        """Give all that run now, by owner."""
        with self._lock:
            return dict(self._running)

    def close(self) -> None:
        """End every job; each gives itself back to the table."""
        self.closing.set()
        for running in self.every().values():
            running.end("shutdown")
