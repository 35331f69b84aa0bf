"""The nouns of this room: the Analyzer, the Bench it works at, and the Alarms it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from reviewbot.errors import ReviewbotError

T = TypeVar("T")


class AnalyzerError(ReviewbotError):
    """An analyzer failed; the text goes behind its name: "gave no readable answer"."""


class NotInstalledError(ReviewbotError):
    """An analyzer's program is not on this machine."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What one analyzer says of lines `line` to `end_line` (1-based) of a file at head.

    `rule` is the analyzer's own name for it, `link` its description, "" where there is none.
    `alone` tells that the rule is pinned as a bug class: it may be posted without the model.
    """

    analyzer: str
    rule: str
    path: str
    line: int
    end_line: int
    message: str
    link: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one analyzer may take: seconds, bytes it prints, bytes of memory.

    `search` is where programs are looked for, as in PATH; None is PATH and this Python's folder.
    """

    seconds: float = 20.0
    output: int = 16_000_000
    memory: int = 2_000_000_000
    search: str | None = None


LIMITS = Limits()
"""What an analyzer may take where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one analyzer works: `folder` holds the files at `paths` and nothing else of the
    repository, `home` its own configuration and whatever it writes.
    """

    folder: Path
    home: Path
    paths: tuple[str, ...]
    limits: Limits

    def relative(self, path: str) -> str:
        """Turn a path as a program prints it into one of `paths`."""
        return path.removeprefix(f"{self.folder}/").removeprefix("./")


class Analyzer(Protocol):
    """One program that looks at files. It is given texts, never the repository."""

    @property
    def name(self) -> str:
        """The name people know it by."""

    def wants(self, path: str) -> bool:
        """Say whether it can read a file of this name."""

    def unmute(self, text: str) -> str:
        """Take the comments out that would silence it; every line keeps its number."""

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Look at the bench's files.

        Raises `NotInstalledError`, and `AnalyzerError` where no alarms can be made of what it did.
        """


def read_answer(output: bytes, shape: type[T]) -> T:
    """Read the JSON that a program printed; raises `AnalyzerError` where it is none."""
    try:
        return msgspec.json.decode(output, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnalyzerError("gave no readable answer") from error
