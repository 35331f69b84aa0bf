"""A Review that asked no model (`--plan`) in, what it would ask, for a person to read, out."""

from reviewbot.findings.review import Review, ReviewedChunk
from reviewbot.report.escape import visible
from reviewbot.report.terminal import Terminal
from reviewbot.report.text import exclusions, page
from reviewbot.report.words import counted, counted_lines, coverage, ranges


def render_plan_text(review: Review, *, color: bool, width: int) -> str:
    """Render a plan: the requests that a review would send, what is left out and why, totals.

    Token counts that the server did not make are marked `~`; arguments as in `render_text`.
    """
    terminal = Terminal(color=color, width=width)
    return page([_table(review.chunks, terminal), exclusions(review, terminal), _totals(review)])


def _table(chunks: tuple[ReviewedChunk, ...], terminal: Terminal) -> list[str]:
    if not chunks:
        return []
    rows = [("request", "lines", "tokens")] + [
        (str(number), str(counted_lines(chunk.lines)), _tokens([chunk]))
        for number, chunk in enumerate(chunks, start=1)
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    figures = [
        "  ".join(cell.rjust(room) for cell, room in zip(row, wide, strict=True)) for row in rows
    ]
    used = len(figures[0]) + 2
    where = [f"{visible(chunk.path)}: {ranges(chunk.lines)}" for chunk in chunks]
    return [
        terminal.paint(f"{figures[0]}  where", "strong"),
        *(
            f"{left}  {terminal.cut(right, used=used)}"
            for left, right in zip(figures[1:], where, strict=True)
        ),
    ]


def _totals(review: Review) -> list[str]:
    line = coverage(review, verb="to review")
    if not review.chunks:
        return [line]
    requests = counted(len(review.chunks), "request")
    return [f"{requests}, {_tokens(review.chunks)} tokens in all", line]


def _tokens(chunks: tuple[ReviewedChunk, ...] | list[ReviewedChunk]) -> str:
    estimate = "" if all(chunk.exact for chunk in chunks) else "~"
    return f"{estimate}{sum(chunk.tokens for chunk in chunks):,}"
