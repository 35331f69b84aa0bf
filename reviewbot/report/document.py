"""A Review in, the JSON document of version 1 out: docs/json.md explains it."""

from collections.abc import Iterable
from typing import Any

from reviewbot.diff.triage import Range
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review, Usage
from reviewbot.report.escape import to_json

VERSION = 1
"""Rises only when a reader of the old document would break: new keys don't raise it."""


def render_json(review: Review) -> str:
    """Render a review or a plan as JSON text; `docs/review.schema.json` describes it."""
    return to_json(build_document(review))


def build_document(review: Review) -> dict[str, Any]:
    """Build the document as plain dicts and lists, keys in the order of the documentation."""
    return {
        "version": VERSION,
        "model": review.model,
        "files": [
            {
                "path": file.path,
                "old_path": file.old_path,
                "status": file.status,
                "added": file.added,
                "removed": file.removed,
            }
            for file in review.files
        ],
        "chunks": [
            {"path": chunk.path, "lines": _ranges(chunk.lines), "tokens": chunk.tokens}
            for chunk in review.chunks
        ],
        "findings": [_finding(finding) for finding in review.findings],
        "not_reviewed": [
            {
                "path": entry.path,
                "lines": None if entry.lines is None else _ranges(entry.lines),
                "reason": entry.reason,
            }
            for entry in review.not_reviewed
        ],
        "coverage": {
            "changed_lines": review.coverage.changed_lines,
            "reviewed_lines": review.coverage.reviewed_lines,
        },
        "usage": _usage(review.usage),
        "hidden_findings": review.hidden_findings,
        "went_without": list(review.went_without),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "dropped_findings": usage.dropped_findings,
        "stages": [
            {
                "stage": one.stage,
                "calls": one.calls,
                "prompt_tokens": one.prompt_tokens,
                "completion_tokens": one.completion_tokens,
                "cached_tokens": one.cached_tokens,
                "shared_tokens": one.shared_tokens,
            }
            for one in usage.stages
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "side": finding.side,
        "start_line": finding.start_line,
        "line": finding.line,
        "severity": finding.severity,
        "category": finding.category,
        "title": finding.title,
        "body": finding.told,
        "suggestion": finding.suggestion,
        "source": finding.source,
    }


def _ranges(lines: Iterable[Range]) -> list[list[str | int]]:
    return [[side, start, end] for side, start, end in lines]
