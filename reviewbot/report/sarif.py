"""A Review in, a SARIF 2.1.0 log out: for code scanning and for editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import hashlib
from collections import Counter
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.model.answer import Category, Severity
from reviewbot.report.escape import LONE_SURROGATE, to_json
from reviewbot.report.words import (
    coverage,
    first_right_lines,
    message_lines,
    missed_message,
    replacement,
    right_lines,
    without,
)

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVEL: dict[Severity, str] = {"critical": "error", "major": "warning", "minor": "note"}
RULES: dict[Category, str] = {
    "correctness": "The code does not do what it is meant to do",
    "security": "The code can be abused",
    "concurrency": "The code breaks when things happen at the same time",
    "resources": "Something is leaked, or held for too long",
    "errors": "A failure is swallowed, or handled wrongly",
    "performance": "The code does more work than it needs to",
    "contract": "A caller, an interface or a stored format is broken",
    "maintainability": "The code is hard to read or to change",
}
NOT_REVIEWED, LACKING, COVERAGE = "not-reviewed", "went-without", "coverage"


def render_sarif(review: Review) -> str:
    """Render a review as a SARIF log with one run; each category is a rule.

    A finding on removed lines stands on the nearest line of the new file, and its message names
    them. `executionSuccessful` is false where something that should have been reviewed was not;
    notifications say what. A suggestion is a fix.
    """
    run = {
        "tool": {"driver": _driver()},
        "invocations": [_invocation(review)],
        "columnKind": "unicodeCodePoints",
        "results": _results(review.findings),
    }
    return to_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver() -> dict[str, Any]:
    return {
        "name": "reviewbot",
        "semanticVersion": version("reviewbot"),
        "rules": [
            {"id": category, "shortDescription": {"text": text}} for category, text in RULES.items()
        ],
        "notifications": [
            {"id": NOT_REVIEWED, "shortDescription": {"text": "A part of the diff not reviewed"}},
            {"id": LACKING, "shortDescription": {"text": "A part of the review that failed"}},
            {"id": COVERAGE, "shortDescription": {"text": "How much of the diff was reviewed"}},
        ],
    }


def _results(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    results = []
    for finding in findings:
        digest = _digest(finding)
        seen[digest] += 1
        results.append(_result(finding, f"{digest}:{seen[digest]}"))
    return results


def _result(finding: Finding, fingerprint: str) -> dict[str, Any]:
    start, end = right_lines(finding)
    text = replacement(finding)
    fix = {} if text is None else {"fixes": [_fix(finding.path, start, end, text)]}
    region = {"startLine": start, "endLine": end}
    return {
        "ruleId": finding.category,
        "ruleIndex": list(RULES).index(finding.category),
        "level": LEVEL[finding.severity],
        "message": _message("\n".join(message_lines(finding))),
        "locations": [
            {"physicalLocation": {"artifactLocation": _artifact(finding.path), "region": region}}
        ],
        "partialFingerprints": {"reviewbotFinding/v1": fingerprint},
        **fix,
        "properties": {"severity": finding.severity, "source": finding.source},
    }


def _fix(path: str, start: int, end: int, text: str) -> dict[str, Any]:
    # A region of whole lines stops before the last line's end. A deletion takes that too,
    # so it reaches to the first column of the line after.
    region = (
        {"startLine": start, "endLine": end}
        if text
        else {"startLine": start, "startColumn": 1, "endLine": end + 1, "endColumn": 1}
    )
    replaced = {"deletedRegion": region, "insertedContent": {"text": text}}
    return {"artifactChanges": [{"artifactLocation": _artifact(path), "replacements": [replaced]}]}


def _invocation(review: Review) -> dict[str, Any]:
    missed = [_missed(entry) for entry in review.not_reviewed]
    lacking = [
        {"descriptor": {"id": LACKING}, "level": "warning", "message": _message(text)}
        for text in without(review)
    ]
    covered = {
        "descriptor": {"id": COVERAGE},
        "level": "note",
        "message": _message(coverage(review)),
    }
    return {
        "executionSuccessful": review.complete,
        "toolExecutionNotifications": [*missed, *lacking, covered],
    }


def _missed(entry: NotReviewed) -> dict[str, Any]:
    where: dict[str, Any] = {"artifactLocation": _artifact(entry.path)}
    if lines := first_right_lines(entry):
        where["region"] = {"startLine": lines[0], "endLine": lines[1]}
    return {
        "descriptor": {"id": NOT_REVIEWED},
        "level": "note" if entry.policy else "error",
        "message": _message(missed_message(entry)),
        "locations": [{"physicalLocation": where}],
    }


def _message(text: str) -> dict[str, str]:
    # "[words](address)" in a message is a link, and a model's text must not make one.
    return {"text": text.replace("](", "] (")}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(LONE_SURROGATE.sub("\ufffd", path)), "uriBaseId": "%SRCROOT%"}


def _digest(finding: Finding) -> str:
    # Neither line numbers nor the title: the finding stays the same one when lines move above
    # it, and when the model words it in another way.
    anchored = [line.text.strip() for line in finding.excerpt if finding.anchors(line)]
    key = "\n".join([finding.path, finding.category, finding.side, *anchored])
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
