"""A Finding in, the rows of its excerpt and of its suggestion out, not yet coloured or cut."""

from typing import NamedTuple

from reviewbot.diff.hunks import Line
from reviewbot.findings.finding import Finding
from reviewbot.report.escape import visible_source
from reviewbot.report.words import counted, replacement

HEAD = 8
"""Rows kept above a cut: the lines before the anchor, and enough of it to know it again."""
TAIL = 5
LONGEST_LINE = 400
"""Characters of a line that are shown at most: a minified file has lines of 240 kB."""


class Row(NamedTuple):
    """One row to show. `sign` is "+", "-" or " " as in a diff; "…" where rows were left out.

    `anchored` says that the finding stands on this line; `number` is "" where there is none.
    """

    anchored: bool
    number: str
    sign: str
    text: str


def excerpt_rows(finding: Finding) -> list[Row]:
    """Return the excerpt in diff order, a long one cut in the middle."""
    rows = [
        Row(finding.anchors(line), str(line.number), line.sign, text)
        for line, text in zip(finding.excerpt, _source(finding.excerpt), strict=True)
    ]
    return _elided(rows)


def suggestion_rows(finding: Finding) -> list[Row]:
    """Return the suggestion as a small diff: the anchored lines go, its own lines come.

    Empty where nothing is suggested, or where it stands on removed lines.
    """
    text = replacement(finding)
    if text is None:
        return []
    old = [
        source
        for line, source in zip(finding.excerpt, _source(finding.excerpt), strict=True)
        if finding.anchors(line)
    ]
    new = [_shown(line.removesuffix("\r")) for line in text.split("\n")] if text else []
    return [
        *_elided([Row(anchored=False, number="", sign="-", text=line) for line in old]),
        *_elided([Row(anchored=False, number="", sign="+", text=line) for line in new]),
    ]


def _source(lines: tuple[Line, ...]) -> list[str]:
    # A file with CRLF endings is no oddity that each line must show; a stray CR is.
    crlf = all(line.text.endswith("\r") for line in lines)
    return [_shown(line.text.removesuffix("\r") if crlf else line.text) for line in lines]


def _shown(text: str) -> str:
    cut = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "…"
    return visible_source(cut)


def _elided(rows: list[Row]) -> list[Row]:
    cut = len(rows) - HEAD - TAIL
    if cut < 2:
        return rows
    middle = Row(any(row.anchored for row in rows[HEAD:-TAIL]), "", "…", counted(cut, "line"))
    return [*rows[:HEAD], middle, *rows[-TAIL:]]
