"""What several looks say of the same matter becomes one candidate, however it is worded."""

from dataclasses import replace

from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.finding import Finding
from reviewbot.findings.merge import keep_apart, merge
from tests.reviews import RACE, right

ZERO = replace(
    RACE, path="a.py", start_line=10, line=10, severity="major", category="correctness",
    title="Division by zero for an empty list",
    body="An empty `prices` makes `len(prices)` 0, and the division raises ZeroDivisionError.",
)  # fmt: skip
WORDED_ANEW = replace(
    ZERO, start_line=11, line=12, category="errors",
    title="ZeroDivisionError when `prices` has no element",
    body="Before, `prices` without elements gave 0; `len(prices)` is the divisor now.",
)  # fmt: skip
NEXT_DOOR = replace(
    ZERO, start_line=11, line=11,
    title="The currency is dropped",
    body="`convert` was given `currency`; without it every amount is taken as euros.",
)  # fmt: skip


def heard(*findings: Finding) -> list[Heard]:
    """Each from a look of its own."""
    return [Heard(look, finding) for look, finding in enumerate(findings, 1)]


def supports(candidates: list[Candidate]) -> list[int]:
    return [candidate.support for candidate in candidates]


def test_another_wording_two_lines_away_is_the_same_matter() -> None:
    [candidate] = merge(heard(ZERO, WORDED_ANEW))
    assert candidate.looks == (1, 2)
    assert candidate.support == 2


def test_another_defect_on_the_next_line_is_another_matter() -> None:
    assert supports(merge(heard(ZERO, NEXT_DOOR))) == [1, 1]


def test_the_same_words_far_away_are_another_matter() -> None:
    assert supports(merge(heard(ZERO, replace(ZERO, start_line=20, line=20)))) == [1, 1]


def test_the_same_words_in_another_file_or_on_the_other_side_are_another_matter() -> None:
    assert supports(merge(heard(ZERO, replace(ZERO, path="b.py")))) == [1, 1]
    assert supports(merge(heard(ZERO, replace(ZERO, side="LEFT")))) == [1, 1]


def test_other_words_on_the_same_line_are_another_matter() -> None:
    other = replace(ZERO, title="The currency is dropped", body="`convert` has no unit.")
    assert supports(merge(heard(ZERO, other))) == [1, 1]


def test_wordings_that_name_the_code_of_one_line_belong_together() -> None:
    code = right(18, "const price = await load(item);")
    left = replace(RACE, excerpt=(code,), title="`price` may be stale", body="Two calls race.")
    other = replace(left, start_line=20, line=20, title="`item` is used twice", body="It hangs.")
    assert supports(merge(heard(left, other))) == [1, 1]
    assert supports(merge(heard(left, replace(other, title="`load` is stale, not guarded")))) == [2]


def test_one_look_that_says_the_same_forty_times_supports_it_once() -> None:
    [candidate] = merge([Heard(1, ZERO)] * 40)
    assert candidate.support == 1
    assert len(candidate.heard) == 40


def test_the_severity_is_the_one_given_most_often_and_of_equals_the_gravest() -> None:
    minor, critical = replace(ZERO, severity="minor"), replace(ZERO, severity="critical")
    [often] = merge(heard(minor, critical, minor))
    [equal] = merge(heard(minor, critical))
    assert often.finding is not None
    assert equal.finding is not None
    assert (often.finding.severity, equal.finding.severity) == ("minor", "critical")


def test_candidates_stand_in_the_order_of_the_diff() -> None:
    late, early = replace(ZERO, order=7), replace(NEXT_DOOR, order=2)
    candidates = merge(heard(late, early))
    assert [one.finding for one in candidates] == [early, late]


def test_without_merging_each_stands_alone() -> None:
    assert supports(keep_apart(heard(ZERO, WORDED_ANEW))) == [1, 1]
