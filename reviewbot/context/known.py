"""Texts of files at both ends of a change come in; out comes a Repository of just these."""

import re
from collections.abc import Mapping, Sequence

from reviewbot.context.repository import MOST_PLACES, Place


class KnownFiles:
    """A repository of which only some files are known: absence there refutes nothing.

    `old_paths` has the paths before the change of files that were renamed; `problem` says why
    fewer are known than were wanted.
    """

    searched = True
    partial = True

    def __init__(
        self,
        head: Mapping[str, str],
        base: Mapping[str, str],
        old_paths: Mapping[str, str],
        problem: str | None = None,
    ) -> None:
        self.problem = problem
        self._head = head
        self._base = base
        self._old = old_paths

    def head(self, path: str) -> str | None:
        """Give a file's text after the change."""
        return self._head.get(path)

    def base(self, path: str) -> str | None:
        """Give the text before the change of the file that has this path after it."""
        return self._base.get(self._old.get(path, path))

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Look through the changed files after the change."""
        if not names:
            return {}
        wanted = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, names))})(?![\w$])")
        found: dict[str, list[Place]] = {name: [] for name in names}
        for path, text in self._head.items():
            for number, line in enumerate(text.split("\n"), 1):
                for name in dict.fromkeys(wanted.findall(line)):
                    if len(found[name]) < MOST_PLACES:
                        found[name].append(Place(path, number, line))
        return {name: tuple(places) for name, places in found.items()}
