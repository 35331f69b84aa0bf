"""A rendered text comes in; it is written whole to stdout or a file, or not at all."""

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from reviewbot.errors import InputError, ReaderGoneError


class Output:
    """Where the result goes. A file takes its name only when all of it is written.

    Entering it fails where the file could not be written, before a long review and not after.
    What is no plain file (`/dev/null`, a pipe) is written to as it is.
    """

    def __init__(self, path: Path | None) -> None:
        self._name = f"--output {path}" if path else "standard output"
        self._path = path
        self._draft: Path | None = None

    def __enter__(self) -> Self:
        if self._path is None:
            if sys.stdout is None:  # as by `>&-`
                raise InputError("standard output is closed")
            return self
        if self._path.is_dir():
            raise InputError(f"{self._name} is a folder")
        if self._path.exists() and not self._path.is_file():
            return self
        try:
            self._path = self._path.resolve()  # a link stays one, and its target is replaced
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".reviewbot-")
            os.close(handle)
        except OSError as error:
            raise InputError(f"{self._name}: {error.strerror}") from error
        self._draft = Path(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)

    def write(self, text: str) -> None:
        """Write the result; raises `InputError` where the disk is full or the file is refused."""
        data = text.encode("utf-8", "replace")
        try:
            if self._path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            elif self._draft is None:
                self._path.write_bytes(data)
            else:
                self._draft.write_bytes(data)
                mode = self._path.stat().st_mode if self._path.exists() else 0o666 & ~_umask()
                self._draft.chmod(mode & 0o777)
                self._draft.replace(self._path)
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        except OSError as error:
            raise InputError(f"{self._name}: {error.strerror}") from error


def may_colour(stream: TextIO | None) -> bool:
    """Whether colours may be written: to a terminal that can, of a person who wants them."""
    if stream is None or not stream.isatty():
        return False
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _umask() -> int:
    """Read the mask that a new file's mode is cut by; the system only tells it on setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
