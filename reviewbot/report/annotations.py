"""A Review in, workflow commands that GitHub Actions shows as annotations out.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.model.answer import Severity
from reviewbot.report.escape import visible
from reviewbot.report.words import (
    coverage,
    gaps,
    hidden,
    message_lines,
    ranges,
    reason_and_remedy,
    right_lines,
)

LEVEL: dict[Severity, str] = {"critical": "error", "major": "warning", "minor": "notice"}


def render_github(review: Review) -> str:
    """Render a review as workflow commands, one a line; the last is a notice with the coverage.

    A finding on removed lines stands on the nearest line of the new file, and its message names
    them. What should have been reviewed and was not is a warning on its file.
    """
    lines = [_annotation(finding) for finding in review.findings]
    lines += [_gap(entry) for entry in gaps(review)]
    notices = (review.caution, hidden(review), coverage(review))
    lines += [f"::notice::{_data(line)}" for line in notices if line]
    return "\n".join(lines) + "\n"


def _annotation(finding: Finding) -> str:
    start, end = right_lines(finding)
    title = _property(f"{finding.severity}: {finding.category}")
    where = f"file={_property(finding.path)},line={start},endLine={end},title={title}"
    message = _data("\n".join(message_lines(finding)))
    return f"::{LEVEL[finding.severity]} {where}::{message}"


def _gap(entry: NotReviewed) -> str:
    reason, remedy = reason_and_remedy(entry)
    parts = [reason, ranges(entry.lines) if entry.lines else "", remedy]
    message = _data("; ".join(part for part in parts if part))
    return f"::warning file={_property(entry.path)},title=Not reviewed::{message}"


def _data(text: str) -> str:
    # Percent first: the runner turns %0A back into a newline, never into a command.
    return visible(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
