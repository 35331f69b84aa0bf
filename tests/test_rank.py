"""The calibrated probability decides what is shown; severity only orders it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.engine import Stages
from reviewbot.findings.calibration import SHIPPED, Calibration, Labelled, fit
from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.judge import log_odds
from reviewbot.findings.rank import rank, shown, weigh
from reviewbot.model.answer import Severity
from reviewbot.servers.completion import TokenChance
from tests.reviews import RACE


def candidate(probability: float, severity: Severity = "major", order: int = 0) -> Candidate:
    finding = replace(RACE, severity=severity, order=order)
    heard = (Heard(1, finding),)
    return Candidate(
        "a.py", "a title", finding, heard, judged=True, log_odds=0.0, probability=probability
    )


def fates(candidates: list[Candidate]) -> list[str]:
    return [one.fate for one in candidates]


def test_the_likeliest_are_shown_and_the_rest_have_their_reason() -> None:
    decided = rank([candidate(0.3), candidate(0.9), candidate(0.1), candidate(0.6)], 0.2, 2)
    assert fates(decided) == ["capped", "shown", "unlikely", "shown"]
    assert decided[2].dropped == "unlikely: 0.10 is below 0.20"
    assert decided[0].dropped == "likelier ones are shown: see --max-findings"


def test_a_refuted_one_takes_no_place() -> None:
    refuted = replace(candidate(0.99), refuted="`x` is defined in line 3")
    decided = rank([refuted, candidate(0.5)], 0.2, 1)
    assert fates(decided) == ["refuted", "shown"]
    assert decided[0].dropped == "`x` is defined in line 3"


def test_severity_orders_what_passed_and_lets_nothing_pass() -> None:
    decided = rank(
        [candidate(0.8, "minor", 1), candidate(0.7, "critical", 2), candidate(0.1, "critical", 3)],
        0.2,
        5,
    )
    assert [finding.severity for finding in shown(decided)] == ["critical", "minor"]


@pytest.mark.parametrize(("most", "count"), [(-1, 0), (0, 0), (1, 1), (4, 2)])
def test_the_cap_shows_at_most_so_many(most: int, count: int) -> None:
    decided = rank([candidate(0.5), candidate(0.5)], 0.0, most)
    assert len(shown(decided)) == count


def chances(**tokens: float) -> list[TokenChance]:
    return [TokenChance(token, math.log(mass)) for token, mass in tokens.items()]


def test_yes_and_no_count_in_every_case_and_spacing() -> None:
    said = [
        TokenChance(" Yes", math.log(0.5)),
        TokenChance("YES", math.log(0.25)),
        TokenChance("▁no", math.log(0.125)),
        TokenChance("No", math.log(0.125)),
    ]
    assert log_odds(said) == pytest.approx(math.log(3), abs=1e-4)


def test_a_token_that_is_not_among_the_likeliest_counts_as_what_is_unknown() -> None:
    assert log_odds(chances(Yes=0.9)) == pytest.approx(math.log(0.95 / 0.05))


def test_a_model_that_talks_of_something_else_abstains() -> None:
    assert log_odds(chances(Yes=0.3, The=0.6)) is None
    assert log_odds([]) is None


def test_a_sure_verdict_stays_finite() -> None:
    assert log_odds(chances(No=1.0)) == pytest.approx(math.log(1e-6), abs=0.01)


@given(st.lists(st.tuples(st.text(max_size=5), st.floats(allow_nan=True)), max_size=5))
def test_no_tokens_make_the_judge_fail(tokens: list[tuple[str, float]]) -> None:
    verdict = log_odds(TokenChance(*one) for one in tokens)
    assert verdict is None or math.isfinite(verdict)


def test_an_abstention_alone_drops_nothing() -> None:
    once = replace(candidate(0), probability=None, log_odds=None)
    [decided] = rank([weigh(once, SHIPPED)], Stages().threshold, 5)
    assert decided.fate == "shown"


def test_more_support_and_a_surer_judge_make_a_candidate_likelier() -> None:
    grid = [[SHIPPED.probability(odds, support) for odds in (-3, 0, 3)] for support in (1, 2, 3)]
    assert all(row == sorted(row) for row in grid)
    assert all(list(column) == sorted(column) for column in zip(*grid, strict=True))


def test_a_judge_that_is_a_million_times_surer_counts_no_more_than_one_that_is_sure() -> None:
    assert SHIPPED.probability(1e6, 1) == SHIPPED.probability(12, 1)


def test_what_is_known_of_candidates_is_fitted() -> None:
    known = [Labelled(odds, 1, odds > 0) for odds in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)] * 5
    known += [Labelled(-0.5, 1, right=True), Labelled(0.5, 1, right=False)]
    made = fit(known, "a test")
    assert made.probability(2.0, 1) > 0.9
    assert made.probability(-2.0, 1) < 0.1
    assert made.made_with == "a test"


@pytest.mark.parametrize(
    ("odds", "slips", "trusts"),
    [((1.5, -1.5), 18, False), ((0.5, 0.5), 0, False), ((-1.5, 1.5), 4, False),
     ((1.5, -1.5), 4, True)],
    ids=["of a coin", "of one word", "the wrong way", "that knows"],
)  # fmt: skip
def test_a_judge_has_weight_only_where_its_verdicts_tell(
    odds: tuple[float, float], slips: int, *, trusts: bool
) -> None:
    known = [Labelled(odds[wrong], 1 + n % 3, not wrong) for n in range(20) for wrong in (0, 1)]
    known += [Labelled(odds[1], 3, right=True), Labelled(odds[0], 2, right=False)] * slips
    made = fit(known, "a test")
    assert made.trusts_judge == trusts
    assert (made.probability(2.0, 1) == made.probability(-2.0, 1)) != trusts
    assert (made.probability(None, 1) == made.probability(0.0, 1)) or trusts


def test_abstentions_that_tell_do_not_make_a_judge_trusted() -> None:
    known = [Labelled(0.5, 1, right=True), Labelled(None, 1, right=False)] * 20
    known += [Labelled(0.5, 1, right=False), Labelled(None, 1, right=True)] * 5
    assert not fit(known, "a test").trusts_judge


def test_without_both_kinds_nothing_is_fitted() -> None:
    with pytest.raises(ValueError, match="3 of 3 candidates are right"):
        fit([Labelled(1.0, 1, right=True)] * 3, "a test")


@given(st.lists(st.tuples(st.none() | st.floats(-50, 50), st.integers(1, 5), st.booleans()),
                min_size=2, max_size=30))  # fmt: skip
def test_whatever_is_fitted_gives_probabilities(
    rows: list[tuple[float | None, int, bool]],
) -> None:
    known = [Labelled(1.0, 1, right=True), Labelled(1.0, 1, right=False)]
    made = fit([*known, *(Labelled(*row) for row in rows)], "a test")
    assert isinstance(made, Calibration)
    assert all(0 <= made.probability(odds, support) <= 1 for odds, support, _ in rows)
