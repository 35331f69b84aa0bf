"""The text of a section below its header becomes Hunks of Lines, and the Damage where it breaks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from reviewbot.diff.sections import Section

Side = Literal["LEFT", "RIGHT"]
Sign = Literal["+", "-", " "]

_AT = re.compile(r"^@@.*", re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d{1,18})(?:,(\d{1,18}))? \+(\d{1,18})(?:,(\d{1,18}))? @@")
_TRAILER = re.compile(r"\s*(?:-- ?\n|commit [0-9a-f]|From [0-9a-f])")
_SURPLUS = re.compile(r"(?:\\.*\n)?(?: |\n*(?!-- ?(?:\n|\Z)|-\Z|---.*\n?\Z)[-+])")
"""Behind a whole hunk: more of its lines, so its header counts too few. Two dashes part a mail
from its signature; these, or the next file's `---`, may also be where a diff is cut."""


class Line(NamedTuple):
    """One line of a hunk; `text` has neither its sign nor its newline, but may end in "\\r".

    `old` and `new` are its 1-based numbers in the two files; on the side that lacks the line,
    the number that the next line there will have. A named tuple, as one is made for each line.
    """

    sign: Sign
    text: str
    old: int
    new: int

    @property
    def side(self) -> Side:
        """The side of the diff that a comment on this line stands on."""
        return "LEFT" if self.sign == "-" else "RIGHT"

    @property
    def number(self) -> int:
        """The line's number on its side."""
        return self.old if self.sign == "-" else self.new

    @property
    def changed(self) -> bool:
        """Whether the line is added or removed."""
        return self.sign != " "


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of lines around a change, kept as text: lines are made when they are looked at.

    `body` is the diff's own text below the `@@` line; `section` is what git writes behind it.
    """

    old_start: int
    new_start: int
    section: str
    body: str
    added: int
    removed: int

    @property
    def changed(self) -> int:
        """How many of its lines are added or removed."""
        return self.added + self.removed

    def lines(self) -> Iterator[Line]:
        """Give each line once, in the order of the diff, without git's no-newline markers."""
        old, new = self.old_start, self.new_start
        for raw in self.body.removesuffix("\n").split("\n"):
            sign = raw[:1]
            if sign == "+":
                yield Line("+", raw[1:], old, new)
                new += 1
            elif sign == "-":
                yield Line("-", raw[1:], old, new)
                old += 1
            elif sign != "\\":
                # an empty line is a blank context line whose space an editor or a mail removed
                yield Line(" ", raw[1:] if sign == " " else raw, old, new)
                old += 1
                new += 1


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a file's section stops being a diff, and what was promised from there on.

    `reason` names the line of the whole diff. `lost` are the line ranges that the headers of
    the unreadable hunks claim.
    """

    reason: str
    lost: tuple[tuple[Side, int, int], ...]


def parse_hunks(section: Section, start: int) -> tuple[tuple[Hunk, ...], Damage | None]:
    """Read the hunks of a section up to the first that breaks its header's promise.

    `start` is the offset of the first `@@`. unidiff reads them; where it refuses, or passes over
    lines in silence, they are counted out line by line to find the place and the matter.
    """
    text = section.text
    heads = list(_AT.finditer(text, start))
    hunks = _read(text[start:], heads, start)
    if hunks is not None:
        return hunks, None
    sound, end, problem = _count_out(text, heads)
    until = heads[sound].start() if sound < len(heads) else end
    hunks = _read(text[start:until], heads[:sound], start) if sound else ()
    if hunks is None:
        sound, end, problem, hunks = 0, start, "these hunks cannot be read", ()
    if problem is None:
        return hunks, None
    line = section.line + text.count("\n", 0, end)
    promises = tuple(filter(None, (_HUNK.match(head[0]) for head in heads[sound:])))
    return hunks, Damage(f"line {line} of the diff: {problem}", _claimed(promises))


def _read(text: str, heads: list[re.Match[str]], start: int) -> tuple[Hunk, ...] | None:
    """Let unidiff read the hunks; None where it fails or lines are left over."""
    try:
        [patch] = PatchSet("--- a\n+++ b\n" + text, metadata_only=True)
    except (UnidiffParseError, ValueError):
        return None
    if len(patch) != len(heads):
        return None
    ends = [head.start() - start for head in heads[1:]] + [len(text)]
    hunks = []
    shared: dict[str, str] = {}  # hunks of a class share its line
    for hunk, head, end in zip(patch, heads, ends, strict=True):
        at = head.end() - start + 1
        body = _cut(text[at:end], hunk.source_length + hunk.added)
        if _SURPLUS.match(text, at + len(body)):
            return None
        section = hunk.section_header.rstrip("\r")
        section = shared.setdefault(section, section)
        # where a side has no lines, the header names the line before
        old = hunk.source_start + (hunk.source_length == 0)
        new = hunk.target_start + (hunk.target_length == 0)
        hunks.append(Hunk(old, new, section, body, hunk.added, hunk.removed))
    return tuple(hunks)


def _cut(body: str, lines: int) -> str:
    """Part a hunk's lines from what stands behind them: a mail's signature, the next commit.

    A no-newline marker goes with the line above it and is none of them.
    """
    if body.endswith("\n") and body.count("\n") - body.count("\n\\ ") == lines:
        return body
    end = 0
    while lines and end < len(body):
        lines -= body[end] != "\\"
        end = body.find("\n", end) + 1 or len(body)
    if body.startswith("\\ ", end):
        end = body.find("\n", end) + 1 or len(body)
    return body[:end]


def _count_out(text: str, heads: list[re.Match[str]]) -> tuple[int, int, str | None]:
    """Count hunks out line by line up to the first that is wrong.

    Gives how many are sound, the offset where reading stops, and what is wrong there: None
    where only text follows that belongs to no hunk.
    """
    at = heads[0].start()
    for index, head in enumerate(heads):
        if text[at : head.start()].strip():
            foreign = _TRAILER.match(text, at)
            return index, at, None if foreign else "here is text between two hunks"
        promise = _HUNK.match(head[0])
        if promise is None:
            return index, at, f"this hunk header cannot be read: {head[0][:60]!r}"
        at, problem = _count_hunk(text, head.end() + 1, promise)
        if problem:
            return index, at, problem
    return len(heads), at, None


def _count_hunk(text: str, at: int, promise: re.Match[str]) -> tuple[int, str | None]:
    """Walk one hunk; give the offset behind it, or of its first wrong line and the matter."""
    _, old, _, new = _numbers(promise)
    while old > 0 or new > 0:
        if at >= len(text) or text.startswith("@@ -", at):
            left = max(old, new)
            return max(at - 1, 0), f"the hunk `{promise[0]}` ends {left} lines too early"
        sign = text[at]
        if sign not in "+- \\\n\r":
            return at, "a hunk's line must begin with '+', '-' or a space (is this a word diff?)"
        old -= sign in "- \n\r"
        new -= sign in "+ \n\r"
        if old < 0 or new < 0:
            return at, f"the hunk `{promise[0]}` has other lines than its header says"
        at = text.find("\n", at) + 1 or len(text)
    if text.startswith("\\", at):
        at = text.find("\n", at) + 1 or len(text)
    if _SURPLUS.match(text, at):
        return at, f"the hunk `{promise[0]}` has more lines than its header says"
    return at, None


def _numbers(promise: re.Match[str]) -> tuple[int, int, int, int]:
    """Give old start, old length, new start, new length; a length that is not written is 1."""
    old, old_length, new, new_length = promise.groups()
    return int(old), int(old_length or 1), int(new), int(new_length or 1)


def _claimed(promises: tuple[re.Match[str], ...]) -> tuple[tuple[Side, int, int], ...]:
    """Give the line ranges that hunk headers claim, for those that cannot be read."""
    ranges: list[tuple[Side, int, int]] = []
    for old, old_length, new, new_length in map(_numbers, promises):
        if old_length:
            ranges.append(("LEFT", old, old + old_length - 1))
        if new_length:
            ranges.append(("RIGHT", new, new + new_length - 1))
    return tuple(ranges)
