"""rdjson against a schema of what we write of reviewdog's format."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.report.rdjson import render_rdjson
from tests.golden_reports import REVIEWS
from tests.reviews import (
    INJECTION,
    LEFT_OVER,
    LOST_CLEANUP,
    RACE,
    clean_review,
    full_review,
    plan,
)

SCHEMA = json.loads(
    (Path(__file__).parent / "schemas" / "rdjson.schema.json").read_text(encoding="utf-8")
)


def diagnostics(*findings: Finding) -> list[dict[str, Any]]:
    review = replace(clean_review(), findings=findings)
    found: list[dict[str, Any]] = json.loads(render_rdjson(review))["diagnostics"]
    return found


@pytest.mark.parametrize("review", [*REVIEWS.values(), plan()], ids=[*REVIEWS, "plan"])
def test_a_result_keeps_to_the_schema(review: Review) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(render_rdjson(review)))


def test_a_range_takes_whole_lines() -> None:
    [diagnostic] = diagnostics(INJECTION)
    whole = {"start": {"line": 41}, "end": {"line": 43}}
    assert diagnostic["location"] == {"path": "app/orders.py", "range": whole}
    assert diagnostic["suggestions"] == [{"range": whole, "text": INJECTION.suggestion}]


def test_a_deletion_is_a_suggestion_without_text() -> None:
    [diagnostic] = diagnostics(LEFT_OVER)
    assert [each["text"] for each in diagnostic["suggestions"]] == [""]


def test_a_finding_on_removed_lines_stands_on_the_nearest_line_and_names_them() -> None:
    [diagnostic] = diagnostics(LOST_CLEANUP)
    assert diagnostic["location"]["range"]["start"] == {"line": 52}
    assert diagnostic["message"].startswith("On removed lines 44-45: ")


def test_the_gravest_finding_gives_the_severity_of_all() -> None:
    assert [each["severity"] for each in diagnostics(LEFT_OVER, RACE, INJECTION)] == [
        "INFO",
        "WARNING",
        "ERROR",
    ]
    assert json.loads(render_rdjson(full_review()))["severity"] == "ERROR"
    assert json.loads(render_rdjson(clean_review()))["severity"] == "INFO"


def test_gaps_are_diagnostics_of_their_file() -> None:
    *_, chunk, combined = json.loads(render_rdjson(full_review()))["diagnostics"]
    assert chunk["location"]["range"]["start"] == {"line": 40}
    assert combined["location"] == {"path": "app/merge.py"}
    assert combined["code"] == {"value": "not-reviewed"}
