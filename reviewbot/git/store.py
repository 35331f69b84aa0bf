"""Numbers of a repository come in; out comes its bare repository on this disk, held by us alone.

    {installation}/{repository_id}.git    what git fetched
    {installation}/{repository_id}.lock   held (flock) by who uses it; its time is the last use

It is a cache: everything in it can be deleted at any time by who holds the lock.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reviewbot.errors import FetchError

_FOLDERS = (".git", ".new", ".old")  # there, being made, being deleted
_POLL = 0.02  # seconds between two tries to get a lock
_PATIENCE = 30.0  # seconds that a purge waits for who uses a repository


@dataclass(frozen=True, slots=True)
class Held:
    """A repository that nobody else uses while we do; `folder` need not be there yet.

    Programs that work on it keep `lock` open: should we be killed, they still hold it.
    """

    folder: Path
    lock: int

    def packed(self) -> int:
        """Give how many bytes were fetched, unfinished packs too."""
        return _size(self.folder)

    def packs(self) -> int:
        """Count the packs."""
        return sum(1 for _ in (self.folder / "objects" / "pack").glob("*.pack"))

    def tidy(self) -> None:
        """Remove what programs that were killed have left; nobody else works here now."""
        for pattern in ("*.lock", "tmp_*"):
            for left in list(self.folder.rglob(pattern)):
                left.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the repository; at no moment is a part of it taken for the whole."""
        gone = self.folder.with_suffix(".old")
        shutil.rmtree(gone, ignore_errors=True)
        with suppress(FileNotFoundError):
            self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Store:
    """The repositories in a folder: at most so many bytes, and so many left free on the disk."""

    folder: Path
    most_bytes: int = 20_000_000_000
    least_free: int = 2_000_000_000

    @contextmanager
    def hold(
        self, installation: int, repository_id: int, wait: Callable[[float], None]
    ) -> Iterator[Held]:
        """Hold a repository against all other threads and processes.

        While it is in use `wait` is called with seconds to sleep; it raises to give up.
        """
        # a number has no "/" and no ".."
        path = self.folder / str(int(installation)) / f"{int(repository_id)}.lock"
        while (lock := _try_lock(path, create=True)) is None:
            wait(_POLL)
        try:
            os.utime(lock)
            yield Held(path.with_suffix(".git"), lock)
        finally:
            os.close(lock)

    def make_room(self) -> int:
        """Delete what was used longest ago until the rest fits; gives how many bytes went.

        What is in use stays.
        """
        found = sorted((_used(path), path) for path in self.folder.glob("*/*.lock"))
        sizes = {
            path: sum(_size(path.with_suffix(ending)) for ending in _FOLDERS) for _, path in found
        }
        total, freed = sum(sizes.values()), 0
        for _, path in found:
            if total - freed <= self.most_bytes and self._has_room():
                break
            freed += sizes[path] if _forget(path) else 0
        return freed

    def purge(self, installation: int) -> None:
        """Delete an installation's repositories; one in use for long raises `FetchError`."""
        folder = self.folder / str(int(installation))
        until = time.monotonic() + _PATIENCE
        for path in folder.glob("*.lock"):
            while not _forget(path):
                if time.monotonic() > until:
                    raise FetchError("a repository of the installation is still in use")
                time.sleep(_POLL)
        with suppress(OSError):  # nothing there, or a new one in it just now
            folder.rmdir()

    def _has_room(self) -> bool:
        return shutil.disk_usage(self.folder).free >= self.least_free


def _try_lock(path: Path, *, create: bool) -> int | None:
    """Give the descriptor of a lock that is ours until it is closed, or None."""
    if create:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:  # deleted this moment
        return None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):  # else it is the lock of the one before
            return lock
    os.close(lock)
    return None


def _forget(path: Path) -> bool:
    """Delete the repository of a lock, and the lock; False where it is in use."""
    lock = _try_lock(path, create=False)
    if lock is None:
        return not path.exists()
    try:
        Held(path.with_suffix(".git"), lock).discard()
        path.unlink()
    finally:
        os.close(lock)
    return True


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(folder: Path) -> int:
    """Count the bytes of a repository's packs; all else in it is small."""
    total = 0
    with suppress(FileNotFoundError), os.scandir(folder / "objects" / "pack") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # it was unfinished, and is renamed now
                total += entry.stat().st_size
    return total
