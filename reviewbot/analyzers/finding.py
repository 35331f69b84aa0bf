"""An Alarm and the FileDiff it stands in come in; out comes the Finding to post alone."""

import re

from reviewbot.analyzers.alarm_kinds import kind_of
from reviewbot.analyzers.analyzer import Alarm
from reviewbot.diff.hunks import Line
from reviewbot.diff.parse import FileDiff
from reviewbot.errors import ReviewbotError
from reviewbot.findings.finding import Finding, excerpt
from reviewbot.model.answer import MAX_TITLE

_PLAIN_LINK = re.compile(r"https://[\w.-]+(?:/[\w./-]*)?(?:#[\w-]+)?", re.ASCII)
"""An address in which no format of ours reads anything else."""
_MOST_LINES = 10  # a longer comment range says no more than its first line


class NotInDiffError(ReviewbotError):
    """An alarm stands on no line of the new file that the diff shows."""


def to_finding(alarm: Alarm, file: FileDiff) -> Finding:
    """Put an alarm on its lines; those beyond the hunk, or many, leave the first alone.

    Raises `NotInDiffError` where the diff does not show its first line.
    """
    order, hunk = _hunk_around(alarm.line, file)
    right = {line.new: index for index, line in enumerate(hunk) if line.side == "RIGHT"}
    end = alarm.end_line
    if end not in right or not 0 <= end - alarm.line < _MOST_LINES:
        end = alarm.line
    first, last = right[alarm.line], right[end]
    severity, category = kind_of(alarm)
    return Finding(
        path=file.path,
        side="RIGHT",
        start_line=alarm.line,
        line=end,
        severity=severity,
        category=category,
        title=_title(alarm),
        body=alarm.message,
        suggestion=None,
        source=alarm.analyzer,
        excerpt=excerpt(hunk, first, last),
        right_line=end,
        order=order + first,
        link=alarm.link if _PLAIN_LINK.fullmatch(alarm.link) else "",
    )


def _hunk_around(number: int, file: FileDiff) -> tuple[int, list[Line]]:
    """Give the hunk that shows a line of the new file, and how many lines stand above it."""
    above = 0
    for hunk in file.hunks:
        lines = list(hunk.lines())
        if any(line.side == "RIGHT" and line.new == number for line in lines):
            return above, lines
        above += len(lines)
    raise NotInDiffError(f"{file.path}: the diff does not show line {number}")


def _title(alarm: Alarm) -> str:
    """Give the message with the rule behind it; the rule is never cut."""
    rule = f" ({alarm.analyzer}: {alarm.rule})"
    room = MAX_TITLE - len(rule)
    message = alarm.message.rstrip(".")
    return (message if len(message) <= room else message[: room - 1] + "…") + rule
