"""Lines in, lines of a terminal out: painted, wrapped and cut at its width."""

import textwrap
import unicodedata
from dataclasses import dataclass
from typing import Literal

Style = Literal["critical", "major", "minor", "added", "removed", "dim", "strong", "gap"]

SGR: dict[Style, str] = {
    "critical": "1;31",
    "major": "33",
    "minor": "36",
    "added": "32",
    "removed": "31",
    "dim": "2",
    "strong": "1",
    "gap": "1;33",
}
"""Select Graphic Rendition codes of each style."""

LEAST_WIDTH = 40
WIDEST_PROSE = 100
"""Longer lines of prose are hard to follow, however wide the terminal."""

DEEPEST_INDENT = 8


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the output is shown on: whether it has colours, and how many cells a line."""

    color: bool
    width: int

    def paint(self, text: str, style: Style) -> str:
        """Return the text in a style; unchanged without colours, and if there is nothing to see."""
        return f"\x1b[{SGR[style]}m{text}\x1b[0m" if self.color and text.strip() else text

    def cut(self, text: str, used: int = 0) -> str:
        """Cut a line at the width, `used` cells of which are taken, and end it in an ellipsis."""
        room = max(self.width, LEAST_WIDTH) - used
        if cells(text[: room + 1]) <= room and len(text) <= room:
            return text
        taken = 0
        for index, char in enumerate(text):
            taken += cells(char)
            if taken > room - 1:
                return text[:index] + "…"
        return text

    def wrap(self, text: str, indent: str = "", hanging: str = "") -> list[str]:
        """Wrap prose; `indent` stands before each line, `hanging` before all but the first."""
        own = text[: len(text) - len(text.lstrip())][:DEEPEST_INDENT]
        return textwrap.wrap(
            text.lstrip(),
            width=min(max(self.width, LEAST_WIDTH), WIDEST_PROSE),
            initial_indent=indent + own,
            subsequent_indent=indent + own + hanging,
            break_long_words=False,  # a path or an address that is cut cannot be copied
            break_on_hyphens=False,
        ) or [""]


def cells(text: str) -> int:
    """Return how many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
