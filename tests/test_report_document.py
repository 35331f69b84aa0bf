"""The JSON document against its schema and its page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reviewbot.findings.review import Review
from reviewbot.report.document import build_document, render_json
from tests.golden_reports import REVIEWS
from tests.reviews import HOSTILE, full_review, hostile_review, plan

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = json.loads((DOCS / "review.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("review", [*REVIEWS.values(), plan()], ids=[*REVIEWS, "plan"])
def test_a_document_keeps_to_the_schema(review: Review) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(render_json(review)))


def test_the_example_of_the_page_keeps_to_the_schema() -> None:
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    Draft202012Validator(SCHEMA).validate(json.loads(example))


def test_the_schema_is_one_and_describes_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    objects = [SCHEMA, *SCHEMA["$defs"].values(), *SCHEMA["properties"].values()]
    keys = [key for each in objects for key in each.get("properties", {}).values()]
    assert len(keys) > 30
    assert [key for key in keys if "description" not in {**_target(key), **key}] == []


def _target(key: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = SCHEMA["$defs"].get(key.get("$ref", "").rpartition("/")[2], {})
    return found


def test_a_plan_is_the_same_document_without_model_and_findings() -> None:
    document = build_document(plan())
    assert list(document) == list(build_document(full_review()))
    assert (document["model"], document["findings"]) == (None, [])
    assert [chunk["tokens"] for chunk in document["chunks"]] == [2710, 1904, 861]


def test_a_reader_gets_the_text_of_the_model_back() -> None:
    [finding] = json.loads(render_json(hostile_review()))["findings"]
    assert finding["title"] == HOSTILE.title
    assert finding["body"] == HOSTILE.body.replace("\ud800", "\ufffd")


def test_letters_stay_letters() -> None:
    assert '"ＷＩＤＥ €"' in render_json(replace(full_review(), model="ＷＩＤＥ €"))
