"""What a model's text is read as, whole, cut, damaged and out of bounds."""

import json
from typing import Any

import jsonschema
import pytest

from reviewbot.model.answer import (
    MAX_BODY,
    MAX_FINDINGS,
    MAX_SUGGESTION_LINES,
    MAX_TITLE,
    SCHEMA,
    parse_answer,
)

ONE = {
    "start": "3.fe", "end": "3.fe", "severity": "major", "category": "correctness",
    "title": 'A } brace, a ] bracket and a \\" quote', "body": ["One [line].", "Another, \\n."],
    "suggestion": ["    return {}"],
}  # fmt: skip
TWO = ONE | {"start": "4.aa", "title": "Second", "suggestion": []}
WHOLE = json.dumps({"findings": [ONE, TWO]})
ENDS = [len(json.dumps({"findings": [ONE]})) - 2, len(WHOLE) - 2]


def answer_of(*findings: Any) -> str:
    return json.dumps({"findings": findings})


def test_a_whole_answer_gives_its_findings_in_order() -> None:
    answer = parse_answer(WHOLE, "stop")
    assert [one.start for one in answer.said] == ["3.fe", "4.aa"]
    assert (answer.malformed, answer.problem) == (0, None)
    assert answer.said[0].body == ["One [line].", "Another, \\n."]


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_an_answer_cut_anywhere_gives_what_was_complete_and_never_a_part(at: int) -> None:
    answer = parse_answer(WHOLE[:at], "length")
    complete = sum(end <= at for end in ENDS)
    assert answer.said == parse_answer(WHOLE, "stop").said[:complete]
    assert (answer.malformed, answer.problem) == (0, "cut")


def test_an_answer_that_was_closed_is_whole_though_its_length_stopped_what_followed() -> None:
    answer = parse_answer(WHOLE + " " * 900, "length")
    assert (len(answer.said), answer.problem) == (2, None)


def test_no_findings_is_an_answer_and_not_a_problem() -> None:
    assert parse_answer('{"findings": []}', "stop").problem is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "null", "[]", "{}", '"findings"', "I found no problems.", '{"findings": {}}',
        '{"findings": null}', '{"finding": []}', "{" * 5000, "[" * 100_000, '{"findings": [' * 3000,
        '{"findings": [1e999, NaN]}', '{"findings": [' + "9" * 5000 + "]}", '{"findings": ["a"',
    ],
)  # fmt: skip
def test_rubbish_is_unparsable_and_never_an_empty_success(text: str) -> None:
    answer = parse_answer(text, "stop")
    assert (answer.said, answer.problem) == ((), "unparsable")


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{WHOLE}\n```",
        f"Here you are:\n{WHOLE}\nThat is all.",
        f"\ufeff{WHOLE}",
        f"{WHOLE}{WHOLE}",
        json.dumps(json.loads(WHOLE), indent="\t"),
    ],
)
def test_text_around_an_answer_is_passed_over(text: str) -> None:
    answer = parse_answer(text, "stop")
    assert ([one.start for one in answer.said], answer.problem) == (["3.fe", "4.aa"], None)


@pytest.mark.parametrize(
    "damage",
    [
        {"severity": "blocker"}, {"category": "style"}, {"start": None}, {"body": "a text"},
        {"body": [1]}, {"suggestion": None}, {"title": ["a"]}, {"severity": "Major"},
        {"severity": "\ud800"},
    ],
)  # fmt: skip
def test_a_finding_that_breaks_the_schema_is_counted_and_the_others_stay(
    damage: dict[str, Any],
) -> None:
    answer = parse_answer(answer_of(ONE | damage, TWO), "stop")
    assert ([one.start for one in answer.said], answer.malformed, answer.problem) == (
        ["4.aa"],
        1,
        None,
    )


def test_an_answer_of_nothing_but_malformed_findings_is_unparsable() -> None:
    answer = parse_answer(answer_of(ONE | {"severity": "x"}, "text", None), "stop")
    assert (answer.said, answer.malformed, answer.problem) == ((), 3, "unparsable")


def test_a_missing_field_is_malformed_and_an_unknown_one_is_passed_over() -> None:
    missing = {name: value for name, value in ONE.items() if name != "suggestion"}
    answer = parse_answer(answer_of(missing, ONE | {"confidence": 3}), "stop")
    assert (len(answer.said), answer.malformed) == (1, 1)


def test_lengths_are_held_and_a_cut_is_marked() -> None:
    long = ONE | {"title": "t" * 500, "body": ["b" * 1500, "c" * 1500]}
    [said] = parse_answer(answer_of(long), "stop").said
    assert said.title == "t" * (MAX_TITLE - 1) + "\u2026"
    body = "\n".join(said.body)
    assert len(body) == MAX_BODY
    assert body.endswith("c\u2026")


def test_a_title_is_one_line() -> None:
    [said] = parse_answer(answer_of(ONE | {"title": "  two\n lines\t"}), "stop").said
    assert said.title == "two lines"


@pytest.mark.parametrize("lines", [["x"] * (MAX_SUGGESTION_LINES + 1), ["x\n" * 100]])
def test_a_huge_suggestion_is_dropped_and_its_finding_stays(lines: list[str]) -> None:
    [said] = parse_answer(answer_of(ONE | {"suggestion": lines}), "stop").said
    assert said.suggestion == []


def test_more_findings_than_anybody_reads_are_counted_as_malformed() -> None:
    answer = parse_answer(answer_of(*[ONE] * (MAX_FINDINGS + 5)), "stop")
    assert (len(answer.said), answer.malformed, answer.problem) == (MAX_FINDINGS, 5, None)


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_written() -> None:
    text = answer_of(ONE | {"title": "\ud800", "body": ["a\udfff"], "suggestion": ["\ud83d"]})
    [said] = parse_answer(text, "stop").said
    assert (said.title, said.body, said.suggestion) == ("\ufffd", ["a\ufffd"], ["\ufffd"])
    [whole] = parse_answer(answer_of(ONE | {"title": "\U0001f600"}), "stop").said
    assert whole.title == "\U0001f600"


def test_the_schema_admits_our_answers_and_stays_plain() -> None:
    jsonschema.validate(json.loads(WHOLE), SCHEMA)
    words = json.dumps(SCHEMA)
    refused = ("maxLength", "maxItems", "minItems", "anyOf", "oneOf", "$ref", "null", "additional")
    assert [word for word in refused if word in words] == []
