"""The coverage contract, for any diff and budget: no changed line is lost or shown twice."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.budget import Budget
from reviewbot.diff.chunk import Chunk, halve, split_file
from reviewbot.diff.hunks import Hunk
from reviewbot.diff.triage import NotReviewed, Range
from reviewbot.engine import plan
from tests.diffs import Made, Mutate, data_of, git_diffs, modified, mutations, read
from tests.test_fuzz_diff import outcome

BUDGETS = st.builds(
    Budget, prompt=st.just(16_384), diff=st.integers(60, 5000), lines=st.integers(1, 150)
) | st.builds(Budget, prompt=st.just(16_384), diff=st.integers(60, 150), lines=st.integers(1, 9))

Place = tuple[str, str, int]


def changed(path: str, hunks: Iterable[Hunk]) -> list[Place]:
    lines = (line for hunk in hunks for line in hunk.lines())
    return [(path, line.side, line.number) for line in lines if line.changed]


def spread(path: str, ranges: Iterable[Range]) -> list[Place]:
    return [(path, side, at) for side, first, last in ranges for at in range(first, last + 1)]


def listed(gaps: Iterable[NotReviewed]) -> list[Place]:
    return [place for gap in gaps for place in spread(gap.path, gap.lines or ())]


@settings(max_examples=800)
@given(git_diffs(least=1), BUDGETS)
def test_every_changed_line_is_in_one_chunk_or_listed_as_not_reviewed(
    made: list[Made], budget: Budget
) -> None:
    files = read(made)
    result = plan(files, budget)
    whole = {gap.path for gap in result.not_reviewed if gap.lines is None}
    shown = [place for chunk in result.chunks for place in changed(chunk.path, chunk.hunks)]
    all_lines = [place for file in files for place in changed(file.path, file.hunks)]
    assert Counter(shown + listed(result.not_reviewed)) == Counter(
        place for place in all_lines if place[0] not in whole
    )
    assert not whole & {chunk.path for chunk in result.chunks}
    assert result.changed_lines == len(all_lines)


@settings(max_examples=800)
@given(git_diffs(least=1), BUDGETS)
def test_no_chunk_is_above_the_budget_or_without_a_change(made: list[Made], budget: Budget) -> None:
    chunks = plan(read(made), budget).chunks
    assert all(1 <= chunk.changed <= budget.lines for chunk in chunks)
    assert all(chunk.tokens <= budget.diff for chunk in chunks)
    assert all(spread("", chunk.ranges()) == changed("", chunk.hunks) for chunk in chunks)


@settings(max_examples=300)
@given(git_diffs(least=1, most=2), mutations(), BUDGETS)
def test_a_damaged_diff_is_planned_and_the_damage_listed(
    made: list[Made], mutate: Mutate, budget: Budget
) -> None:
    files = [file for file in outcome(mutate(data_of(made))) if not isinstance(file, str)]
    result = plan(files, budget)
    told = {gap.path for gap in result.not_reviewed}
    assert {file.path for file in files if file.damage} <= told


def whole_chunks(made: Made) -> list[Chunk]:
    [file] = read([made])
    return split_file(file, 5000)[0]


@settings(max_examples=300)
@given(modified().map(whole_chunks).filter(bool))
def test_halving_a_chunk_loses_no_line_and_shares_out_the_changes(chunks: list[Chunk]) -> None:
    [chunk] = chunks
    halves = halve(chunk)
    assert [line for half in halves for hunk in half.hunks for line in hunk.lines()] == [
        line for hunk in chunk.hunks for line in hunk.lines()
    ]
    assert len(halves) == min(2, chunk.changed)
    assert all(half.changed for half in halves)
    assert halves[0].changed <= max(1, chunk.changed // 2)
