"""An Alarm's rule comes in; out come the severity and category that a reader is told."""

from reviewbot.analyzers.analyzer import Alarm
from reviewbot.analyzers.bug_patterns import PATTERNS
from reviewbot.model.answer import Category, Severity

Kind = tuple[Severity, Category]

_KINDS: tuple[tuple[str, str, Kind], ...] = (
    ("ruff", "invalid-syntax", ("critical", "correctness")),
    ("ruff", "E9", ("critical", "correctness")),
    ("ruff", "F40", ("minor", "maintainability")),
    ("ruff", "F84", ("minor", "maintainability")),
    ("ruff", "F", ("major", "correctness")),
    ("ruff", "PLE", ("major", "correctness")),
    ("ruff", "ASYNC", ("major", "concurrency")),
    ("ruff", "RUF006", ("major", "concurrency")),
    ("ruff", "S11", ("minor", "errors")),
    ("ruff", "S", ("major", "security")),
    ("ruff", "B", ("major", "correctness")),
    ("shellcheck", "SC1", ("major", "correctness")),
    ("shellcheck", "SC2114", ("critical", "correctness")),
    ("shellcheck", "SC2115", ("critical", "correctness")),
    ("shellcheck", "SC2", ("minor", "correctness")),
    ("zizmor", "template-injection", ("critical", "security")),
    ("zizmor", "", ("major", "security")),
    ("hadolint", "DL1000", ("major", "correctness")),
    ("hadolint", "SC", ("minor", "correctness")),
    ("hadolint", "", ("minor", "maintainability")),
    ("yamllint", "", ("major", "correctness")),
    ("detect-secrets", "", ("critical", "security")),
)
"""Analyzer, the beginning of its rule, and the kind; the first that fits counts."""

_OF_PATTERNS: dict[str, Kind] = {row.name: (row.severity, row.category) for row in PATTERNS}


def kind_of(alarm: Alarm) -> Kind:
    """Give an alarm's severity and category; what no row knows is minor."""
    for analyzer, beginning, kind in _KINDS:
        if alarm.analyzer == analyzer and alarm.rule.startswith(beginning):
            return kind
    return _OF_PATTERNS.get(alarm.rule, ("minor", "maintainability"))
