"""What a review came to goes in; out comes what its check run shows on the commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reviewbot.findings.finding import SEVERITIES, Finding
from reviewbot.findings.review import Review
from reviewbot.github.comments import MOST_CHARACTERS, facts, fitted, shortened, unreviewed
from reviewbot.model.answer import Severity
from reviewbot.report.escape import one_line, visible
from reviewbot.report.safe_markdown import safe_line
from reviewbot.report.words import coverage, message_lines, right_lines, tally

Level = Literal["notice", "warning", "failure"]
Conclusion = Literal["neutral", "success", "failure", "cancelled"]

MOST_SUMMARY = MOST_CHARACTERS - 1
MOST_TITLE = 255
_LONG_NOTES = 40_000
MOST_MESSAGE = 16_000  # GitHub takes 64 KB, and a character has at most four bytes
_LEVEL: Mapping[Severity, Level] = {"critical": "failure", "major": "warning", "minor": "notice"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note on lines of the new file, beside the diff."""

    path: str
    start_line: int
    end_line: int
    level: Level
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """What a completed check run shows, and what it concludes."""

    title: str
    summary: str
    conclusion: Conclusion
    annotations: tuple[Annotation, ...] = ()


def reviewed(review: Review, fail_on: str, *, seconds: float) -> CheckOutput:
    """Show a review. It fails for findings of the severity `fail_on` or graver, else is neutral."""
    grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()
    failed = any(finding.severity in grave for finding in review.findings)
    missed = unreviewed(review, _LONG_NOTES)
    tail = [f"**{safe_line(coverage(review))}**", facts(review, seconds)]
    return CheckOutput(
        title=shortened(one_line(tally(review)) or coverage(review), MOST_TITLE),
        summary=fitted([], [(missed, "note")] if missed else [], tail, MOST_SUMMARY),
        conclusion="failure" if failed else "neutral",
        annotations=tuple(_annotation(finding) for finding in review.findings),
    )


def superseded(reason: str) -> CheckOutput:
    """Show that this commit is not reviewed any more, and why."""
    return CheckOutput("Not reviewed", f"This review was ended: {safe_line(one_line(reason))}.",
                       "neutral")  # fmt: skip


def failed(reason: str, job_id: int) -> CheckOutput:
    """Show that there is no review, why, and how to get one."""
    return CheckOutput(
        "The review failed",
        f"{safe_line(shortened(one_line(reason), 2_000))}\n\n"
        "Nothing was posted. Re-run this check to try again; who runs reviewbot finds it with"
        f" `reviewbot jobs show {job_id}`.",
        "neutral",
    )


def merge_queue() -> CheckOutput:
    """Let a merge queue go on: what it merges was reviewed in its pull request."""
    return CheckOutput("Reviewed in the pull request",
                       "reviewbot reviews pull requests, and not what a queue makes of them.",
                       "neutral")  # fmt: skip


def _annotation(finding: Finding) -> Annotation:
    start, end = right_lines(finding)
    title = visible(f"{finding.severity}: {finding.category}")
    message = shortened("\n".join(message_lines(finding)), MOST_MESSAGE)
    return Annotation(finding.path, start, end, _LEVEL[finding.severity], title, message)
