"""What a model said of a Chunk becomes Findings: line ids turned into lines that exist."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reviewbot.diff.chunk import Chunk, PrintedLine, print_lines
from reviewbot.diff.hunks import Line, Side
from reviewbot.model.answer import Category, Said, Severity

SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor")
"""Gravest first."""

_ID = re.compile(r"(?<![0-9])([0-9]{1,4})\.([a-z]{2})(?![a-z])")
_AROUND = 2  # lines of the hunk shown before and after those that a finding stands on


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say, on lines of the diff that a forge accepts a comment on.

    `start_line` to `line` are 1-based numbers on `side` (LEFT: the old file, RIGHT: the new
    one), both within one hunk. `body` is plain text, lines joined by a newline. `suggestion` is
    the text that would replace those lines, without a newline at its end; "" deletes them, None
    suggests nothing. `source` names who found it: "model", later an analyzer. `excerpt` is the
    anchored lines with a little of the hunk around them, in diff order. `right_line` is the
    nearest right-side line of the hunk, for formats that know no left side. `order` is the place
    of the first anchored line among those that the model was shown. `link` is where the rule of an
    analyzer is described, "" elsewhere: the one address that may be shown as a link.
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
    order: int = 0
    link: str = ""

    @property
    def told(self) -> str:
        """The body and the link below it, for formats of plain text."""
        return f"{self.body}\n{self.link}".strip()

    def anchors(self, line: Line) -> bool:
        """Say whether a line of the excerpt is one that the finding stands on."""
        return line.side == self.side and self.start_line <= line.number <= self.line


def build_finding(said: Said, chunk: Chunk) -> Finding | None:
    """Put what a model said on the lines it named; None where it named no line of the chunk.

    An end that is no line, or stands in another hunk, on the other side or before the start,
    leaves the start line alone.
    """
    printed = print_lines(chunk)
    start = _anchor(said.start, printed)
    if start is None:
        return None
    end = _anchor(said.end, printed)
    if end is None or not _follows(start, end):
        end = start
    hunk = [item.line for item in printed if item.hunk == start.hunk]
    first, last = hunk.index(start.line), hunk.index(end.line)
    return Finding(
        path=chunk.path,
        side=start.line.side,
        start_line=start.line.number,
        line=end.line.number,
        severity=said.severity,
        category=said.category,
        title=said.title or "Untitled",
        body="\n".join(said.body).strip(),
        suggestion=_suggestion(said.suggestion, hunk[first : last + 1]),
        source="model",
        excerpt=excerpt(hunk, first, last),
        right_line=_nearest_right(hunk, last),
        order=printed.index(start),
    )


def excerpt(hunk: Sequence[Line], first: int, last: int) -> tuple[Line, ...]:
    """Give the lines of a hunk from one index to another, with a little of what is around them."""
    return tuple(hunk[max(0, first - _AROUND) : last + 1 + _AROUND])


def reworded(finding: Finding, said: Said, chunk: Chunk) -> Finding:
    """Give a finding other words, on the lines that it stands on."""
    lines = [one.line for one in print_lines(chunk) if finding.anchors(one.line)]
    return replace(
        finding,
        severity=said.severity,
        title=said.title or finding.title,
        body="\n".join(said.body).strip() or finding.body,
        suggestion=_suggestion(said.suggestion, lines),
    )


def line_ids(finding: Finding, chunk: Chunk) -> tuple[str, str]:
    """Give the ids, in a chunk, of the first and the last line that a finding stands on."""
    ids = [one.id for one in print_lines(chunk) if finding.anchors(one.line)]
    return ids[0], ids[-1]


def _anchor(text: str, printed: tuple[PrintedLine, ...]) -> PrintedLine | None:
    """Find the line that the first id in a text names.

    Number and letters agree: that line. Otherwise the letters decide, if they fit exactly one
    line of the chunk: a weak model miscounts, but it copies.
    """
    found = _ID.search(text)
    if found is None:
        return None
    number = int(found[1])
    if 1 <= number <= len(printed) and printed[number - 1].id == f"{number}.{found[2]}":
        return printed[number - 1]
    fitting = [item for item in printed if item.id.endswith(f".{found[2]}")]
    return fitting[0] if len(fitting) == 1 else None


def _follows(start: PrintedLine, end: PrintedLine) -> bool:
    return (
        start.hunk == end.hunk
        and start.line.side == end.line.side
        and start.line.number <= end.line.number
    )


def _nearest_right(hunk: list[Line], at: int) -> int:
    """Give the number of the right-side line nearest to a place in a hunk.

    A hunk that only removes has none: then the line that follows it, and 1 in an empty file.
    """
    near = sorted(
        (abs(index - at), line.new) for index, line in enumerate(hunk) if line.side == "RIGHT"
    )
    return max(1, near[0][1] if near else hunk[at].new)


def _suggestion(lines: list[str], anchored: list[Line]) -> str | None:
    """Join a suggestion's lines, with the indentation and line ends of what they replace.

    TGI's strings hold no tabs, and a model often leaves the common indentation out. A
    suggestion that repeats what stands there suggests nothing.
    """
    if not lines or anchored[0].sign == "-":
        return None
    present = [line.text for line in anchored if line.sign != "-"]
    end = "\r" if all(text.endswith("\r") for text in present) else ""
    indent, given = _first_indent(present), _first_indent(lines)
    if given != indent and len(given.expandtabs()) < len(indent.expandtabs()):
        bare = (line.removeprefix(given) for line in lines)
        lines = [indent + _retab(line, indent) if line.strip() else "" for line in bare]
    elif "\t" in indent:
        lines = [_retab(line, indent) for line in lines]
    lines = [line.removesuffix("\r") + end for line in lines]
    return None if lines == present else "\n".join(lines)


def _first_indent(lines: list[str]) -> str:
    """Give the indentation of the first line that is not blank."""
    text = next((line for line in lines if line.strip()), "")
    return text[: len(text) - len(text.lstrip(" \t"))]


def _retab(text: str, indent: str) -> str:
    """Turn leading runs of four spaces into tabs where the file is indented with tabs."""
    if "\t" not in indent:
        return text
    spaces = len(text) - len(text.lstrip(" "))
    return "\t" * (spaces // 4) + text[spaces - spaces % 4 :]
