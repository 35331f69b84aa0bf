"""A Review in, what a person reads on a terminal out."""

import re
from itertools import groupby

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.report.escape import one_line, visible, visible_lines, without_commands
from reviewbot.report.excerpt import Row, excerpt_rows, suggestion_rows
from reviewbot.report.terminal import Style, Terminal
from reviewbot.report.words import (
    counted,
    coverage,
    gaps,
    hidden,
    left_out,
    missed_lines,
    place,
    ranges,
    reason_and_remedy,
    tally,
    without,
)

LISTED_FILES = 5
"""How many files that policy leaves out for one reason are named before they are counted."""

SIGN_STYLE: dict[str, Style] = {"+": "added", "-": "removed", "…": "dim"}
LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")


def render_text(review: Review, *, color: bool, width: int) -> str:
    """Render a review for a person; the last line is its coverage.

    `color` adds ANSI colours, which carry nothing that the characters don't say; `width` is the
    terminal's. Text from the diff and from the model is made visible: it never reaches the
    terminal as a control sequence.
    """
    terminal = Terminal(color=color, width=width)
    blocks = [
        *(_finding(finding, terminal) for finding in review.findings),
        exclusions(review, terminal),
        _summary(review),
    ]
    return page(blocks)


def page(blocks: list[list[str]]) -> str:
    """Join blocks of lines with a blank line between them."""
    return without_commands("\n\n".join("\n".join(block) for block in blocks if block) + "\n")


def exclusions(review: Review, terminal: Terminal) -> list[str]:
    """Return the lines that list what is not reviewed: gaps with their remedies, then policy's."""
    found, chosen = gaps(review), left_out(review)
    lines: list[str] = []
    if found:
        lines += [terminal.paint("Not reviewed", "gap")]
        lines += [line for entry in found for line in _gap(entry, review, terminal)]
    if found and chosen:
        lines += [""]
    if chosen:
        lines += [terminal.paint("Left out by policy", "strong")]
        lines += _policy(chosen, terminal)
    return lines


def _finding(finding: Finding, terminal: Terminal) -> list[str]:
    severity: Style = finding.severity
    tags = [finding.category] if finding.source == "model" else [finding.category, finding.source]
    where = terminal.paint(place(finding), "strong")
    if finding.side == "LEFT":
        where += " " + terminal.paint("(removed)", "removed")
    title = terminal.wrap(one_line(finding.title), indent="  ")
    return [
        " · ".join([where, terminal.paint(severity, severity), *map(one_line, tags)]),
        *(terminal.paint(line, "strong") for line in title),
        *_excerpt(finding, terminal),
        *_body(finding.told, terminal),
        *_suggestion(finding, terminal),
    ]


def _excerpt(finding: Finding, terminal: Terminal) -> list[str]:
    rows = excerpt_rows(finding)
    if not rows:
        return []
    digits = max(len(row.number) for row in rows)
    return ["", *(_excerpt_row(row, digits, finding, terminal) for row in rows)]


def _excerpt_row(row: Row, digits: int, finding: Finding, terminal: Terminal) -> str:
    mark = terminal.paint(">" if row.anchored else " ", finding.severity)
    number = row.number.rjust(digits)
    gutter = f"  {mark} {terminal.paint(f'{number} │', 'dim')}"
    text = terminal.cut(row.text, used=digits + 9)
    sign = terminal.paint(row.sign, SIGN_STYLE.get(row.sign, "dim"))
    return f"{gutter} {sign} {text}".rstrip() if row.sign.strip() or text else gutter


def _body(body: str, terminal: Terminal) -> list[str]:
    lines: list[str] = []
    fenced = False
    for line in visible_lines(body.strip()):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if fenced or fence:
            lines.append(f"  {terminal.cut(line, used=2)}".rstrip())
        else:
            item = LIST_ITEM.match(line)
            hanging = " " * len(item[0].lstrip()) if item else ""
            lines += terminal.wrap(line, indent="  ", hanging=hanging)
    return ["", *lines] if any(lines) else []


def _suggestion(finding: Finding, terminal: Terminal) -> list[str]:
    rows = suggestion_rows(finding)
    if not rows:
        return []
    return [
        "",
        "  Suggestion" if finding.suggestion else "  Suggestion: delete",
        *(
            terminal.paint(f"    {row.sign} {terminal.cut(row.text, used=6)}", SIGN_STYLE[row.sign])
            for row in rows
        ),
    ]


def _gap(entry: NotReviewed, review: Review, terminal: Terminal) -> list[str]:
    reason, remedy = reason_and_remedy(entry)
    size = missed_lines(entry, review)
    whole = counted(size, "changed line") if size else ""
    detail = ranges(entry.lines) if entry.lines else whole
    head = f"{visible(entry.path)}: {reason}" + (f" ({detail})" if detail else "")
    lines = terminal.wrap(head, indent="  ", hanging="  ")
    return [*lines, *terminal.wrap(f"→ {remedy}", "    ", "  ")] if remedy else lines


def _policy(entries: list[NotReviewed], terminal: Terminal) -> list[str]:
    lines: list[str] = []
    by_reason = sorted(entries, key=reason_and_remedy)
    for (reason, remedy), group in groupby(by_reason, key=reason_and_remedy):
        names = list(dict.fromkeys(visible(entry.path) for entry in group))
        more = len(names) - LISTED_FILES
        listed = ", ".join(names[:LISTED_FILES]) + (f" and {more} more" if more > 0 else "")
        lines += terminal.wrap(f"{reason}: {listed}", indent="  ", hanging="  ")
        lines += terminal.wrap(f"→ {remedy}", "    ", "  ") if remedy else []
    return lines


def _summary(review: Review) -> list[str]:
    if not review.files and not review.not_reviewed:
        return [coverage(review)]
    lines = (review.caution, tally(review), hidden(review), *without(review), coverage(review))
    return [line for line in lines if line]
