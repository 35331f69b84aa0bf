"""A model's candidate becomes a Finding: its line ids turned into lines that exist."""

from dataclasses import dataclass
from typing import Literal

from reviewbot.diff.hunks import Line, Side

Severity = Literal["critical", "major", "minor"]
Category = Literal[
    "correctness",
    "security",
    "concurrency",
    "resources",
    "errors",
    "performance",
    "contract",
    "maintainability",
]

SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor")
"""Gravest first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say, on lines of the diff that a forge accepts a comment on.

    `start_line` to `line` are 1-based numbers on `side` (LEFT: the old file, RIGHT: the new
    one), both within one hunk. `body` is plain text, lines joined by a newline. `suggestion` is
    the text that would replace those lines, without a newline at its end; "" deletes them, None
    suggests nothing. `source` names who found it: "model", later an analyzer. `excerpt` is the
    anchored lines with a little of the hunk around them, in diff order. `right_line` is the
    nearest right-side line of the hunk, for formats that know no left side.
    """

    path: str
    side: Side
    start_line: int
    line: int
    severity: Severity
    category: Category
    title: str
    body: str
    suggestion: str | None
    source: str
    excerpt: tuple[Line, ...]
    right_line: int

    def anchors(self, line: Line) -> bool:
        """Say whether a line of the excerpt is one that the finding stands on."""
        return line.side == self.side and self.start_line <= line.number <= self.line
