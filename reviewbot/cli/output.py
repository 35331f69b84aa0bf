"""A rendered text comes in; it is written whole to stdout or a file, or not at all."""

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from reviewbot.errors import InputError


class Output:
    """Where the result goes. A file takes its name only when all of it is written.

    Entering it fails where the file could not be written, before a long review and not after.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._draft: Path | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            if self._path.is_dir():
                raise InputError(f"--output {self._path} is a folder")
            try:
                handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".reviewbot-")
            except OSError as error:
                raise InputError(f"--output {self._path}: {error.strerror}") from error
            os.close(handle)
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
            if self._draft is None or self._path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
                return
            self._draft.write_bytes(data)
            mask = os.umask(0)
            os.umask(mask)
            self._draft.chmod(0o666 & ~mask)
            self._draft.replace(self._path)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"--output {self._path}" if self._path else "standard output"
            raise InputError(f"{where}: {error.strerror}") from error
