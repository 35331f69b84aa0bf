"""A Review in, reviewdog's rdjson out: one DiagnosticResult.

https://github.com/reviewdog/reviewdog/tree/master/proto/rdf
"""

from typing import Any

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.model.answer import Severity
from reviewbot.report.escape import to_json
from reviewbot.report.words import (
    first_right_lines,
    gaps,
    gravest,
    message_lines,
    missed_message,
    replacement,
    right_lines,
)

SEVERITY: dict[Severity, str] = {"critical": "ERROR", "major": "WARNING", "minor": "INFO"}


def render_rdjson(review: Review) -> str:
    """Render a review for `reviewdog -f=rdjson`.

    A finding on removed lines stands on the nearest line of the new file, and its message names
    them. What should have been reviewed and was not is a WARNING with the code `not-reviewed`.
    """
    findings = [_diagnostic(finding) for finding in review.findings]
    missed = [_gap(entry) for entry in gaps(review)]
    worst = gravest(review.findings)
    overall = SEVERITY[worst] if worst else "INFO"
    return to_json(
        {
            "source": {"name": "reviewbot"},
            "severity": "WARNING" if missed and overall == "INFO" else overall,
            "diagnostics": findings + missed,
        }
    )


def _diagnostic(finding: Finding) -> dict[str, Any]:
    start, end = right_lines(finding)
    where = _whole_lines(start, end)
    text = replacement(finding)
    suggestions = [] if text is None else [{"range": where, "text": text}]
    return {
        "message": "\n".join(message_lines(finding)),
        "location": {"path": finding.path, "range": where},
        "severity": SEVERITY[finding.severity],
        "code": {"value": finding.category},
        "suggestions": suggestions,
    }


def _gap(entry: NotReviewed) -> dict[str, Any]:
    lines = first_right_lines(entry)
    where = {"range": _whole_lines(*lines)} if lines else {}
    return {
        "message": missed_message(entry),
        "location": {"path": entry.path, **where},
        "severity": "WARNING",
        "code": {"value": "not-reviewed"},
    }


def _whole_lines(start: int, end: int) -> dict[str, Any]:
    # Without columns a range takes whole lines, the last one included.
    return {"start": {"line": start}, "end": {"line": end}}
