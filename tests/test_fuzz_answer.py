"""Arbitrary and truncated answers through `parse_answer`: findings that are whole, or none."""

import json
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.model.answer import (
    MAX_BODY,
    MAX_FINDINGS,
    MAX_SUGGESTION_LINES,
    MAX_TITLE,
    Answer,
    Category,
    Said,
    Severity,
    parse_answer,
)
from reviewbot.servers.completion import Finish

ANY_TEXT = st.text(max_size=12)  # lone surrogates too: JSON can spell them
FINISHES: st.SearchStrategy[Finish] = st.sampled_from(get_args(Finish))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
FINDINGS = st.fixed_dictionaries(
    {
        "start": st.sampled_from(["1.aa", "2.bc"]) | ANY_TEXT,
        "end": st.just("2.bc"),
        "severity": st.sampled_from(get_args(Severity)),
        "category": st.sampled_from(get_args(Category)),
        "title": ANY_TEXT,
        "body": st.lists(ANY_TEXT, max_size=3),
        "suggestion": st.lists(ANY_TEXT, max_size=3),
    }
)
DAMAGED = st.tuples(FINDINGS, st.sampled_from(sorted(Said.__struct_fields__)), VALUES).map(
    lambda case: case[0] | {case[1]: case[2]}
)
FRAGMENTS = st.sampled_from(
    ('{"findings": [', "{", "}", "[", "]", ",", '"', '"findings"', ":", "\\", "```json\n", "1.aa",
     '{"start": "1.aa"', "null", "9" * 40, "<think>", "\n", "-", "\ud800")
)  # fmt: skip


def is_sound(answer: Answer) -> bool:
    """Whether the bounds hold and every text can be written to a file."""
    texts = [text for one in answer.said for text in (one.title, *one.body, *one.suggestion)]
    "".join(texts).encode()
    return len(answer.said) <= MAX_FINDINGS and all(
        len(one.title) <= MAX_TITLE
        and len("\n".join(one.body)) <= MAX_BODY
        and len(one.suggestion) <= MAX_SUGGESTION_LINES
        for one in answer.said
    )


@settings(max_examples=1000)
@given(st.text(max_size=40) | st.lists(FRAGMENTS, max_size=14).map("".join), FINISHES)
def test_arbitrary_text_is_no_exception_and_never_an_empty_success(
    text: str, finish: Finish
) -> None:
    answer = parse_answer(text, finish)
    assert is_sound(answer)
    assert answer.problem or '"findings"' in text


@settings(max_examples=700)
@given(VALUES | st.fixed_dictionaries({"findings": VALUES}), FINISHES)
def test_arbitrary_json_is_no_exception(value: Any, finish: Finish) -> None:
    assert is_sound(parse_answer(json.dumps(value), finish))


@settings(max_examples=700)
@given(st.lists(FINDINGS, max_size=4), st.booleans())
def test_a_valid_answer_gives_every_finding(findings: list[dict[str, Any]], ascii_: bool) -> None:  # noqa: FBT001
    answer = parse_answer(json.dumps({"findings": findings}, ensure_ascii=ascii_), "stop")
    assert is_sound(answer)
    assert (len(answer.said), answer.malformed, answer.problem) == (len(findings), 0, None)


@settings(max_examples=500)
@given(st.lists(FINDINGS | DAMAGED, min_size=1, max_size=4))
def test_a_finding_is_said_or_counted_as_malformed(findings: list[dict[str, Any]]) -> None:
    answer = parse_answer(json.dumps({"findings": findings}), "stop")
    assert is_sound(answer)
    assert len(answer.said) + answer.malformed == len(findings)


@settings(max_examples=700)
@given(st.lists(FINDINGS, min_size=1, max_size=4), st.floats(0, 1), FINISHES)
def test_a_cut_answer_gives_the_findings_that_were_complete(
    findings: list[dict[str, Any]], share: float, finish: Finish
) -> None:
    whole = json.dumps({"findings": findings})
    cut = int(share * (len(whole) - 1))
    lengths = [len(json.dumps({"findings": findings[: n + 1]})) for n in range(len(findings))]
    complete = sum(length - 2 <= cut for length in lengths)
    answer = parse_answer(whole[:cut], finish)
    assert answer.said == parse_answer(whole, "stop").said[:complete]
    assert answer.problem == {"length": "cut", "stop": "unparsable"}[finish]
