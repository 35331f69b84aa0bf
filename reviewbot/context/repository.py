"""A repository, as a port; and one that is made of the FileDiffs alone."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from reviewbot.diff.hunks import Hunk
from reviewbot.diff.parse import FileDiff

MOST_PLACES = 200
"""Places of one name that a repository gives: of a name with more, nothing can be said."""
_MOST_LINES = 100_000
"""Hunks that claim to lie further down are left out: the lines above them are blanks here."""


class Place(NamedTuple):
    """A line of a file at head that holds a name as a whole word; the line is 1-based."""

    path: str
    line: int
    text: str


class Repository(Protocol):
    """What can be read of the two ends of a change. Nothing here raises: what is not there, or
    cannot be read, is None or missing.
    """

    @property
    def searched(self) -> bool:
        """Whether `find` looks further than the diff."""

    @property
    def partial(self) -> bool:
        """Whether there may be places that `find` does not see: absence then means nothing."""

    def head(self, path: str) -> str | None:
        """Give a file's text after the change."""

    def base(self, path: str) -> str | None:
        """Give the text before the change of the file that has this path after it."""

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Give the places at head of each name, at most `MOST_PLACES` each."""


class DiffRepository:
    """What the diff itself shows: the lines of the hunks at their numbers, blanks between."""

    searched = False
    partial = True

    def __init__(self, files: Iterable[FileDiff]) -> None:
        self._files = {file.path: file for file in files}

    def head(self, path: str) -> str | None:
        """Put the right side of a file's hunks together; None for a deleted or unknown one."""
        file = self._files.get(path)
        if file is None or file.status == "deleted" or not file.hunks:
            return None
        return _side(file.hunks, "-")

    def base(self, path: str) -> str | None:
        """Put the left side of a file's hunks together; None for a new or unknown one."""
        file = self._files.get(path)
        if file is None or file.status == "added" or not file.hunks:
            return None
        return _side(file.hunks, "+")

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Look through the right side of all hunks."""
        if not names:
            return {}
        wanted = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, names))})(?![\w$])")
        found: dict[str, list[Place]] = {name: [] for name in names}
        for path, file in self._files.items():
            for line in (line for hunk in file.hunks for line in hunk.lines() if line.sign != "-"):
                for name in set(wanted.findall(line.text[:2_000])):
                    if len(found[name]) < MOST_PLACES:
                        found[name].append(Place(path, line.new, line.text))
        return {name: tuple(places) for name, places in found.items()}


def _side(hunks: Iterable[Hunk], without: str) -> str:
    """Write the lines of one side at their numbers."""
    return "\n".join(_rows(hunks, without)) + "\n"


def _rows(hunks: Iterable[Hunk], without: str) -> Iterator[str]:
    at = 1
    for hunk in hunks:
        start = hunk.new_start if without == "-" else hunk.old_start
        if not at <= start <= _MOST_LINES:
            continue
        yield from [""] * (start - at)
        at = start
        for line in hunk.lines():
            if line.sign != without:
                yield line.text
                at += 1
