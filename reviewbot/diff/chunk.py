"""A FileDiff comes in; out come Chunks within a budget, every changed line in exactly one."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from reviewbot.diff.hunks import Hunk, Line
from reviewbot.diff.parse import FileDiff
from reviewbot.diff.tokens import LINE_TOKENS, estimate_lines, estimate_tokens
from reviewbot.diff.triage import NotReviewed, Range

MAX_CHANGED_LINES = 150
"""Changed lines a model is shown at once: F1 falls from .657 below ten lines to .043 above 150
(arXiv 2606.15689)."""


_LEAST_COST = LINE_TOKENS + 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one call shows of one file: whole hunks, or pieces of a hunk that is too large.

    `tokens` estimates its printed hunks alone, without the prompt around them.
    """

    path: str
    hunks: tuple[Hunk, ...]
    tokens: int

    @property
    def changed(self) -> int:
        """How many of its lines are added or removed."""
        return sum(hunk.changed for hunk in self.hunks)

    def ranges(self) -> tuple[Range, ...]:
        """Give its changed lines as ranges, in the order of the diff."""
        return changed_ranges(line for hunk in self.hunks for line in hunk.lines())


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line as a model is shown it, with the id that it answers with, and its hunk's index."""

    id: str
    hunk: int
    line: Line


@lru_cache(maxsize=8)  # for the prompt, and for each finding of its answer
def print_lines(chunk: Chunk) -> tuple[PrintedLine, ...]:
    """Give each line of a chunk its id: a number that counts up, and two letters of its content.

    The letters catch a number that was copied wrong. The content's sign takes part, as a line
    is often removed and added again.
    """
    printed: list[PrintedLine] = []
    for index, hunk in enumerate(chunk.hunks):
        for line in hunk.lines():
            name = f"{len(printed) + 1}.{_letters(line)}"
            printed.append(PrintedLine(name, index, line))
    return tuple(printed)


def _letters(line: Line) -> str:
    first, second = divmod(
        zlib.crc32(f"{line.sign}{line.text}".encode("utf-8", "replace")) % 676, 26
    )
    return chr(97 + first) + chr(97 + second)


def changed_ranges(lines: Iterable[Line]) -> tuple[Range, ...]:
    """Join the changed ones among lines to ranges of numbers that follow each other on a side."""
    ranges: list[Range] = []
    for line in lines:
        if not line.changed:
            continue
        if ranges and ranges[-1][0] == line.side and ranges[-1][2] + 1 == line.number:
            ranges[-1] = (line.side, ranges[-1][1], line.number)
        else:
            ranges.append((line.side, line.number, line.number))
    return tuple(ranges)


def split_file(
    file: FileDiff, max_tokens: int, max_lines: int = MAX_CHANGED_LINES
) -> tuple[list[Chunk], list[NotReviewed]]:
    """Cut a file's hunks into chunks of at most so many estimated tokens and changed lines.

    Whole hunks stay together where they fit. A changed line that alone is longer than the
    budget is in no chunk, and is given back as not reviewed; runs of unchanged lines too far
    from any change to fit beside it are left out, and so is a header that takes too much room.
    """
    units: list[tuple[Hunk, int]] = []
    too_long: list[Line] = []
    for whole in file.hunks:
        hunk = whole if _header_cost(whole) * 4 <= max_tokens else replace(whole, section="")
        cost = _cost(hunk)
        if hunk.changed <= max_lines and cost <= max_tokens:
            units.append((hunk, cost))
        else:
            pieces = _split_hunk(hunk, max_tokens, max_lines, too_long)
            units.extend((piece, _cost(piece)) for piece in pieces)
    chunks = list(_pack(file.path, units, max_tokens, max_lines))
    if not too_long:
        return chunks, []
    reason = "line longer than the model reads"
    return chunks, [NotReviewed(file.path, changed_ranges(too_long), reason, policy=False)]


def halve(chunk: Chunk) -> tuple[Chunk, ...]:
    """Cut a chunk in two of about as many changed lines; a single changed line stays whole."""
    room = chunk.changed // 2
    first: list[Hunk] = []
    second: list[Hunk] = []
    for hunk in chunk.hunks:
        if second or not room:
            second.append(hunk)
        elif hunk.changed <= room:
            first.append(hunk)
            room -= hunk.changed
        else:
            lines = list(hunk.lines())
            cut = _cut_after(lines, room)
            first.append(_piece(hunk, lines[:cut]))
            second.append(_piece(hunk, lines[cut:]))
    return tuple(
        Chunk(chunk.path, tuple(half), sum(map(_cost, half))) for half in (first, second) if half
    )


def _cut_after(lines: list[Line], changed: int) -> int:
    """Give the best place to cut with at least one, at most so many changed lines before it."""
    at = [index for index, line in enumerate(lines) if line.changed]
    return max(
        range(at[0] + 1, at[changed] + 1),
        key=lambda cut: (_cut_merit(lines[cut - 1], lines[cut]), cut),
    )


def _cost(hunk: Hunk) -> int:
    """Estimate the tokens of a hunk as it is printed."""
    return _header_cost(hunk) + estimate_lines(hunk.body)


def _header_cost(hunk: Hunk) -> int:
    return estimate_tokens(f"@@ {hunk.section}") + 1


def _pack(
    path: str, units: list[tuple[Hunk, int]], max_tokens: int, max_lines: int
) -> Iterator[Chunk]:
    """Put hunks that follow each other into as few chunks as hold them."""
    held: list[Hunk] = []
    changed = tokens = 0
    for unit, cost in units:
        if not unit.changed:
            continue
        if held and (changed + unit.changed > max_lines or tokens + cost > max_tokens):
            yield Chunk(path, tuple(held), tokens)
            held, changed, tokens = [], 0, 0
        held.append(unit)
        changed, tokens = changed + unit.changed, tokens + cost
    if held:
        yield Chunk(path, tuple(held), tokens)


def _split_hunk(
    hunk: Hunk, max_tokens: int, max_lines: int, too_long: list[Line]
) -> Iterator[Hunk]:
    """Cut one hunk into pieces within the limits, at the most sensible places.

    Only the lines of the piece at hand are held, so that a hunk of a million lines costs little.
    """
    max_tokens -= _header_cost(hunk)
    run: list[Line] = []
    changed = tokens = 0  # `tokens` is at least what the run costs
    for line in hunk.lines():
        counts = line.sign != " "
        cost = 2 * len(line.text) + _LEAST_COST  # no character is more than two tokens
        if cost > max_tokens and (cost := _lines_cost([line])) > max_tokens:
            if counts:
                too_long.append(line)
            if run:
                yield _piece(hunk, run)
            run, tokens, changed = [], 0, 0
            continue
        while run and (changed + counts > max_lines or tokens + cost > max_tokens):
            if changed + counts <= max_lines:
                tokens, cost = _lines_cost(run), _lines_cost([line])
                if tokens + cost <= max_tokens:
                    break
            cut = _best_cut([*run, line])
            yield _piece(hunk, run[:cut])
            run = run[cut:]
            tokens, changed = _lines_cost(run), sum(left.changed for left in run)
        run.append(line)
        tokens += cost
        changed += counts
    if run:
        yield _piece(hunk, run)


def _lines_cost(lines: list[Line]) -> int:
    """Estimate lines as `_cost` does the hunk that they make, or a little higher."""
    text = "\n".join(line.text for line in lines)
    return estimate_tokens(text) + (LINE_TOKENS + 1) * len(lines)


def _best_cut(lines: list[Line]) -> int:
    """Choose where to cut, in the second half and before the last line at the latest: the place
    that splits no thought.
    """
    end = len(lines) - 1
    earliest = max(1, end // 2)
    merits = [_cut_merit(lines[at - 1], lines[at]) for at in range(earliest, end + 1)]
    return end - merits[::-1].index(max(merits))


def _cut_merit(above: Line, below: Line) -> float:
    """How well two lines can be parted: blank lines and the edges of a change are good places."""
    text = below.text
    indent = len(text) - len(text.lstrip())
    merit = -min(indent, 40) / 8
    if not above.text or above.text.isspace():
        merit += 3
    if above.sign != below.sign:
        if " " in (above.sign, below.sign):
            merit += 2
        elif below.sign == "+":
            merit -= 6  # the old and the new form of the same lines belong together
    return merit


def _piece(hunk: Hunk, lines: list[Line]) -> Hunk:
    body = "".join(f"{line.sign}{line.text}\n" for line in lines)
    signs = [line.sign for line in lines]
    return Hunk(lines[0].old, lines[0].new, hunk.section, body, signs.count("+"), signs.count("-"))
