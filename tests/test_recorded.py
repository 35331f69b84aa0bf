"""Merging, held to what people say of answers that a real small model gave.

`recorded_answers.jsonl`: a chunk of the seeded set a line, asked of Qwen2.5-Coder-1.5B five times
(the last five lines: with the lists of the looks), and which of its findings are one matter,
labelled by hand.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import msgspec

from reviewbot import engine
from reviewbot.budget import budget_for
from reviewbot.diff.parse import parse_diff
from reviewbot.findings.candidate import Heard
from reviewbot.findings.finding import build_finding
from reviewbot.findings.merge import merge
from reviewbot.model.answer import parse_answer
from reviewbot.model.prompt import restore
from reviewbot.servers.completion import Finish, ServerInfo

RECORDED = Path(__file__).parent / "recorded_answers.jsonl"
SEEDED = Path(__file__).parents[1] / "benchmarks" / "seeded"
INFO = ServerInfo("llamacpp", "qwen2.5-coder-1.5b", 8191, 8192)
ANSWER_TOKENS = 400  # what the chunks were cut for when the answers were recorded


class Answer(msgspec.Struct, frozen=True):
    look: int
    finish: Finish
    text: str


class Recorded(msgspec.Struct, frozen=True):
    """`matters` are the places of its findings, in the order in which they were said."""

    case: str
    chunk: int
    answers: tuple[Answer, ...]
    matters: tuple[tuple[int, ...], ...]


def recorded() -> list[Recorded]:
    lines = RECORDED.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Recorded) for line in lines]


def heard(one: Recorded) -> list[Heard]:
    """Place what was said on its lines, as a review does."""
    diff = (SEEDED / "diffs" / f"{one.case}.diff").read_bytes()
    chunk = engine.plan(parse_diff(diff), budget_for(INFO, ANSWER_TOKENS)).chunks[one.chunk]
    placed = (
        (answer.look, build_finding(said, chunk))
        for answer in one.answers
        for said in parse_answer(restore(answer.text), answer.finish).said
    )
    return [Heard(look, finding) for look, finding in placed if finding is not None]


def pairs(one: Recorded) -> Iterator[tuple[bool, bool]]:
    """Give of each two findings whether they were joined, and whether they are one matter."""
    said = heard(one)
    group = {
        id(each): number for number, candidate in enumerate(merge(said)) for each in candidate.heard
    }
    matter = {place: number for number, places in enumerate(one.matters) for place in places}
    for left, right in combinations(range(len(said)), 2):
        yield group[id(said[left])] == group[id(said[right])], matter[left] == matter[right]


def test_every_finding_has_one_label() -> None:
    for one in recorded():
        labelled = sorted(place for places in one.matters for place in places)
        assert labelled == list(range(len(heard(one)))), one.case


def test_merging_agrees_with_people_on_recorded_answers() -> None:
    every = [pair for one in recorded() for pair in pairs(one)]
    both = sum(joined and same for joined, same in every)
    assert len(every) >= 200
    assert both / sum(joined for joined, _ in every) >= 0.85, "precision"
    assert both / sum(same for _, same in every) >= 0.85, "recall"
