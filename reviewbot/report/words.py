"""A Review in, the words that every format uses for it out: places, counts, coverage."""

from collections import Counter
from collections.abc import Iterable

from reviewbot.diff.triage import NotReviewed, Range
from reviewbot.findings.finding import SEVERITIES, Finding
from reviewbot.findings.review import Review, Usage
from reviewbot.model.answer import Severity
from reviewbot.report.escape import one_line, visible, visible_lines

NAMED_FILES = 3
"""How many files the coverage line names before it counts."""


def counted(number: int, noun: str) -> str:
    """Say "1 finding", "2 findings"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place(finding: Finding) -> str:
    """Say `path:line` or `path:start-line`, numbered on the side that the finding stands on."""
    return f"{visible(finding.path)}:{_span(finding.start_line, finding.line)}"


def removed_lines(finding: Finding) -> str:
    """Say "removed line 12" or "removed lines 12-14"; "" for a finding on the new file."""
    if finding.side == "RIGHT":
        return ""
    noun = "line" if finding.start_line == finding.line else "lines"
    return f"removed {noun} {_span(finding.start_line, finding.line)}"


def right_lines(finding: Finding) -> tuple[int, int]:
    """Return first and last line in the new file, for formats that know no other.

    A finding on removed lines stands on the nearest line that is left; line 1 where none is.
    """
    if finding.side == "RIGHT":
        return finding.start_line, finding.line
    nearest = max(1, finding.right_line)
    return nearest, nearest


def replacement(finding: Finding) -> str | None:
    """Return the suggestion where it can be applied: removed lines cannot be replaced."""
    return finding.suggestion if finding.side == "RIGHT" else None


def message_lines(finding: Finding) -> list[str]:
    """Return title, blank line, body; the title names the removed lines where it stands on some.

    For formats that show a finding on a line of the new file.
    """
    removed = removed_lines(finding)
    title = one_line(finding.title)
    head = f"On {removed}: {title}" if removed else title
    return [head, "", *visible_lines(finding.told)] if finding.told else [head]


def gravest(findings: Iterable[Finding]) -> Severity | None:
    """Return the gravest severity among the findings, None without any."""
    return min((each.severity for each in findings), key=SEVERITIES.index, default=None)


def tally(review: Review) -> str:
    """Say "3 findings: 1 critical, 2 minor" or "No findings."."""
    if not review.findings:
        return "" if review.hidden_findings else "No findings."
    each = Counter(finding.severity for finding in review.findings)
    parts = ", ".join(f"{each[severity]} {severity}" for severity in SEVERITIES if each[severity])
    return f"{counted(len(review.findings), 'finding')}: {parts}"


def hidden(review: Review) -> str:
    """Say how many findings were too unlikely, or beyond the cap; "" if none."""
    if not review.hidden_findings:
        return ""
    if not review.findings:
        return f"{counted(review.hidden_findings, 'finding')}, not shown: see --all"
    return f"{review.hidden_findings} more, less likely than these, not shown: see --all"


def without(review: Review) -> list[str]:
    """Say what the review went without, a line each: parts that failed and cost no line."""
    return [f"Without {one_line(text)}" for text in review.went_without]


def stage_calls(usage: Usage) -> str:
    """Say " (first look 3, judge 2)"; "" where a review has one stage."""
    stages = [one for one in usage.stages if one.calls]
    if len(stages) < 2:
        return ""
    return f" ({', '.join(f'{one.stage} {one.calls}' for one in stages)})"


def stage_costs(usage: Usage) -> list[str]:
    """Say what each stage cost, a line each. Where the server does not tell what it had cached,
    what calls about the same chunk share is given as an estimate.
    """
    lines: list[str] = []
    for one in usage.stages:
        cached = f"{one.cached_tokens:,} of them cached"
        if not usage.cached_tokens and one.shared_tokens:
            cached = f"about {one.shared_tokens:,} of them shared (an estimate)"
        lines.append(
            f"{one.stage}: {counted(one.calls, 'call')}, {one.prompt_tokens:,} prompt tokens"
            f" ({cached}), {one.completion_tokens:,} written"
        )
    return lines


def ranges(lines: tuple[Range, ...] | None) -> str:
    """Say "lines 12-40, 55; removed lines 13-14", or "whole file" for None."""
    if lines is None:
        return "whole file"
    right = [(start, end) for side, start, end in lines if side == "RIGHT"]
    left = [(start, end) for side, start, end in lines if side == "LEFT"]
    return "; ".join(
        f"{noun}{'' if len(spans) == 1 and spans[0][0] == spans[0][1] else 's'} "
        + ", ".join(_span(*span) for span in spans)
        for noun, spans in (("line", right), ("removed line", left))
        if spans
    )


def counted_lines(lines: Iterable[Range]) -> int:
    """Return how many lines the ranges hold."""
    return sum(end - start + 1 for _, start, end in lines)


def missed_lines(entry: NotReviewed, review: Review) -> int:
    """Return how many changed lines a not reviewed entry stands for."""
    if entry.lines is not None:
        return counted_lines(entry.lines)
    return sum(file.added + file.removed for file in review.files if file.path == entry.path)


def gaps(review: Review) -> list[NotReviewed]:
    """Return what should have been reviewed and was not, in the order of the diff."""
    return [entry for entry in review.not_reviewed if not entry.policy]


def left_out(review: Review) -> list[NotReviewed]:
    """Return what policy leaves out, in the order of the diff."""
    return [entry for entry in review.not_reviewed if entry.policy]


def missed_message(entry: NotReviewed) -> str:
    """Say "Not reviewed: " with reason and remedy, for formats that give an entry one message."""
    return f"Not reviewed: {one_line(entry.reason)}"


def first_right_lines(entry: NotReviewed) -> tuple[int, int] | None:
    """Return the first range in the new file that an entry names, to stand a message on."""
    spans = ((start, end) for side, start, end in entry.lines or () if side == "RIGHT")
    return next(spans, None)


def reason_and_remedy(entry: NotReviewed) -> tuple[str, str]:
    """Split a reason at its first semicolon: what is the matter, what to do about it ("")."""
    reason, _, remedy = one_line(entry.reason).partition(";")
    return reason.strip(), remedy.strip()


def coverage(review: Review, verb: str = "reviewed") -> str:
    """Say "212 of 214 changed lines reviewed; 2 not: package-lock.json (lock file)".

    Gaps come before what policy leaves out, and then the most lines first: whoever reads three
    names reads those that matter. `verb` is what a plan says instead.
    """
    total, done = review.coverage.changed_lines, review.coverage.reviewed_lines
    names = _uncovered(review)
    if not total:
        return f"Nothing {verb}; not: {names}" if names else "Nothing to review."
    line = f"{done} of {counted(total, 'changed line')} {verb}"
    if total == done:
        return f"{line}; not: {names}" if names else line
    return f"{line}; {total - done} not: {names}" if names else f"{line}; {total - done} not"


def _uncovered(review: Review) -> str:
    sizes: Counter[tuple[bool, str]] = Counter()
    for entry in review.not_reviewed:
        name = f"{visible(entry.path)} ({reason_and_remedy(entry)[0]})"
        sizes[entry.policy, name] += missed_lines(entry, review)
    order = sorted(sizes, key=lambda key: (key[0], -sizes[key]))
    named = ", ".join(name for _, name in order[:NAMED_FILES])
    more = len(order) - NAMED_FILES
    return f"{named} and {more} more" if more > 0 else named


def _span(start: int, end: int) -> str:
    return str(start) if start == end else f"{start}-{end}"
