"""Two runs over the same cases: paired, honest about noise, and never across datasets."""

from pathlib import Path

import msgspec
import pytest

from reviewbot.errors import InputError
from reviewbot.evaluation.compare import Comparison, compare
from reviewbot.evaluation.meaning import Verdicts
from reviewbot.evaluation.record import CandidateRecord, read_info, write_info
from reviewbot.evaluation.reviewed import Run, read_run, rule_by_meaning, rules_by_line
from reviewbot.evaluation.table import render_comparison, render_table
from tests.test_score import make_run, said_at

Cases = dict[str, tuple[list[int], list[CandidateRecord]]]


def cases_with(found: int, of: int = 20) -> Cases:
    """So many cases with a golden each, of which the first are found."""
    return {
        f"Go-{number:02}": ([5], [said_at(5 if number < found else 30)]) for number in range(of)
    }


def both(first: Run, second: Run) -> Comparison:
    return compare(first, second, list(zip(rules_by_line(), rules_by_line(), strict=True)))


def run_with(folder: Path, found: int) -> Run:
    return read_run(make_run(folder, cases_with(found)))


def test_a_run_that_finds_much_more_differs_by_more_than_noise(tmp_path: Path) -> None:
    comparison = both(run_with(tmp_path / "a", 5), run_with(tmp_path / "b", 15))
    assert comparison.cases == 20
    f1 = comparison.rules[-1].differences[2]
    assert (f1.figure, f1.first, f1.second) == ("F1", 0.25, 0.75)
    assert f1.change.value == 0.5
    assert f1.more_than_noise
    assert "20 cases in both runs" in render_comparison(comparison)


def test_a_run_that_finds_one_more_is_within_noise(tmp_path: Path) -> None:
    comparison = both(run_with(tmp_path / "a", 10), run_with(tmp_path / "b", 11))
    assert {one.verdict for one in comparison.rules[-1].differences} == {"within noise"}


def test_a_run_that_finds_less_differs_too(tmp_path: Path) -> None:
    comparison = both(run_with(tmp_path / "a", 15), run_with(tmp_path / "b", 5))
    [recall] = [one for one in comparison.rules[-1].differences if one.figure == "recall"]
    assert recall.verdict == "more than noise"
    assert recall.change.value == -0.5


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    run = run_with(tmp_path, 10)
    for rule in both(run, run).rules:
        assert {one.change.value for one in rule.differences} == {0}
        assert not any(one.more_than_noise for one in rule.differences)


def test_a_single_case_in_common_shows_nothing(tmp_path: Path) -> None:
    first = read_run(make_run(tmp_path / "a", cases_with(1, of=1)))
    second = read_run(make_run(tmp_path / "b", cases_with(0, of=1)))
    differences = both(first, second).rules[-1].differences
    assert differences[2].change.value == -1
    assert not differences[2].more_than_noise


def test_only_the_common_cases_are_compared_and_the_others_named(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a", cases_with(10)), run_with(tmp_path / "b", 10)
    lines = (first / "reviews.jsonl").read_bytes().splitlines(keepends=True)
    (first / "reviews.jsonl").write_bytes(b"".join(lines[2:]))
    comparison = both(read_run(first), second)
    assert comparison.cases == 18
    assert comparison.only_second == ("Go-00", "Go-01")
    assert "only in the second run, left out: 2 (Go-00, Go-01)" in render_comparison(comparison)
    (first / "reviews.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="no case in common"):
        both(read_run(first), second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "different datasets: 'made' and 'other'"),
        ({"digest": "other"}, "has changed between the two runs"),
        ({"split": "calibrate"}, "different parts: report and calibrate"),
    ],
)
def test_runs_over_other_cases_are_refused(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    first = run_with(tmp_path, 3)
    info = msgspec.convert(msgspec.to_builtins(first.info) | change, type(first.info))
    second = Run(first.folder, info, first.reviewed, ())
    with pytest.raises(InputError, match=words):
        both(first, second)


def test_runs_judged_by_different_models_are_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path, 3)
    one, other = (rule_by_meaning(Verdicts(tmp_path, judge)) for judge in ("small", "big"))
    with pytest.raises(InputError, match="different judges"):
        compare(run, run, [(one, other)])
    named = compare(run, run, [(one, one)])
    assert "judge: small (not comparable" in render_comparison(named)


def test_a_name_from_a_file_cannot_move_the_cursor_or_break_a_table(tmp_path: Path) -> None:
    folder = make_run(tmp_path, cases_with(1, of=2))
    info = read_info(folder)
    write_info(folder, msgspec.structs.replace(info, model="evil\x1b[2J\nmodel"))
    run = read_run(folder)
    printed = render_comparison(both(run, run))
    assert "\x1b" not in printed
    assert r"evil\x1b[2J model" in printed
    assert render_table(("a", "b"), [("x\ny", "1"), ("z", "22")]) == "a     b\nx y   1\nz    22"
