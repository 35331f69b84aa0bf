"""A repository, as the port that findings are checked over, and the file that one stands in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reviewbot.context.syntax import Node, language_of, parse_source
from reviewbot.findings.claims.uses import Use, uses
from reviewbot.findings.finding import Finding


class Lookup(Protocol):
    """What can be looked up of the repository at head. Nothing here raises."""

    @property
    def searched(self) -> bool:
        """Whether all of the repository is known, so that what is not found is not there."""

    def text(self, path: str) -> str | None:
        """Give a file's text, None where it is not there or not known."""

    def places(self, name: str) -> Sequence[tuple[str, int, str]]:
        """Give the lines that hold a name as a whole word: path, 1-based number, text."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A finding in its file at head. `root` is None where the file has no tree."""

    finding: Finding
    lookup: Lookup
    text: str
    language: str
    root: Node | None

    def at(self, line: int) -> bool:
        """Whether the finding stands on a 1-based line."""
        return self.finding.start_line <= line <= self.finding.line

    def near(self, line: int) -> bool:
        """Whether a 1-based line is one that the finding's excerpt shows."""
        shown = [one.new for one in self.finding.excerpt if one.sign != "-"]
        return bool(shown) and min(shown) <= line <= max(shown)

    def holds(self, name: str) -> bool:
        """Whether the lines that the finding stands on hold a word."""
        lines = self.lines()[self.finding.start_line - 1 : self.finding.line]
        return any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", line) for line in lines)

    def uses(self, name: str) -> tuple[Use, ...]:
        """Give every place of a name in the file."""
        return uses(self.root, name) if self.root else ()

    def lines(self) -> list[str]:
        """Give the file's lines; index 0 is line 1."""
        return self.text.split("\n")


def scene_of(finding: Finding, lookup: Lookup) -> Scene | None:
    """Look a finding's file up; None for one on removed lines, or where the file is not known."""
    text = lookup.text(finding.path) if finding.side == "RIGHT" else None
    if text is None:
        return None
    language = language_of(finding.path) or ""
    return Scene(finding, lookup, text, language, _tree(text, language) if language else None)


def _tree(text: str, language: str) -> Node | None:
    return parse_source(text, language)
