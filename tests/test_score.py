"""Scores of runs whose every finding is known, worked out by hand."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.errors import InputError
from reviewbot.evaluation.chance import chance_floor, random_comments
from reviewbot.evaluation.counts import Counts, add_up, f1, precision, rates, recall, resample
from reviewbot.evaluation.meaning import Verdicts
from reviewbot.evaluation.record import (
    CandidateRecord,
    CaseRecord,
    Member,
    RunInfo,
    Spent,
    append_record,
    write_info,
)
from reviewbot.evaluation.replay import Replay, choose, said
from reviewbot.evaluation.reviewed import (
    Run,
    questions,
    read_run,
    rule_by_meaning,
    rules_by_line,
    size_name,
)
from reviewbot.evaluation.score import Score, score
from reviewbot.findings.calibration import Calibration
from reviewbot.findings.candidate import Fate

PLAIN = Calibration(intercept=-1.0, log_odds=1.0, support=1.0)
LINES = 40


def diff(path: str, lines: int = LINES) -> str:
    added = "".join(f"+line {number}\n" for number in range(1, lines + 1))
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{added}"


def remark(line: int, category: str = "correctness") -> dict[str, object]:
    return {
        "path": "a.py", "side": "RIGHT", "from_line": line, "to_line": line,
        "severity": None, "category": category, "text": f"fault at {line}",
    }  # fmt: skip


def said_at(
    line: int, fate: Fate = "shown", log_odds: float | None = 3.0, looks: tuple[int, ...] = (1,)
) -> CandidateRecord:
    return CandidateRecord(
        "a.py", "RIGHT", line, line, "major", "correctness", f"Title {line}", f"Body {line}",
        looks=looks, judged=log_odds is not None, log_odds=log_odds, fate=fate,
        refuted="it is defined" if fate == "refuted" else None,
    )  # fmt: skip


def make_run(
    folder: Path,
    cases: dict[str, tuple[list[int], list[CandidateRecord]]],
    *,
    cap: int | None = 5,
    looks: int = 3,
    known_bad: Iterable[int] = (),
) -> Path:
    """Write a dataset of cases (golden lines, candidates) and a run over it."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "a.diff").write_text(diff("a.py"), encoding="utf-8")
    about = {"name": "made", "version": "1", "licence": "Apache-2.0", "description": ""}
    (data / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    run = folder / "run"
    info = RunInfo(str(data), "made", "report", "scripted", "fake", looks, 0.5, cap, "0.1.0")
    write_info(run, info)
    with (data / "cases.jsonl").open("w", encoding="utf-8") as file:
        for name, (goldens, candidates) in cases.items():
            case = {
                "id": name, "language": name.partition("-")[0], "title": name, "split": "report",
                "diff": "a.diff", "golden": [remark(line) for line in goldens],
                "known_bad": [remark(line) for line in known_bad],
            }  # fmt: skip
            file.write(json.dumps(case) + "\n")
            usage = {"find": Spent(3, 300, 30, 200)}
            record = CaseRecord(
                name, "scripted", "fake", looks, tuple(candidates), usage,
                prompt_tokens_by_look=(100, 50, 50)[:looks],
            )  # fmt: skip
            append_record(run, record)
    return run


def replay_of(run: Run) -> Replay:
    return Replay(PLAIN, run.info.looks, run.info.threshold, run.info.cap)


def score_of(folder: Path) -> Score:
    run = read_run(folder)
    return score(run, rules_by_line(), replay_of(run))


CASES: dict[str, tuple[list[int], list[CandidateRecord]]] = {
    "Go-1": ([5, 20], [said_at(5), said_at(6), said_at(30)]),
    "Python-1": ([10], [said_at(12), said_at(10, "capped", 2.0)]),
    "Python-clean": ([], [said_at(1), said_at(2)]),
    "Go-clean": ([], []),
}


def test_precision_recall_and_f1_are_summed_over_cases_both_ways(tmp_path: Path) -> None:
    exact, _, near = score_of(make_run(tmp_path, CASES)).rules
    assert (exact.rule, near.rule) == ("by line, k=0", "by line, k=3")
    assert exact.shown.goldens == 3
    assert exact.shown.comments == 6
    assert exact.shown.one_to_one.precision.value == pytest.approx(1 / 6)
    assert exact.shown.one_to_one.recall.value == pytest.approx(1 / 3)
    assert near.shown.one_to_one.precision.value == pytest.approx(2 / 6)
    assert near.shown.one_to_one.recall.value == pytest.approx(2 / 3)
    assert near.shown.one_to_one.f1.value == pytest.approx(4 / 9)
    assert near.shown.many_to_one.precision.value == pytest.approx(3 / 6)
    assert near.shown.many_to_one.recall.value == pytest.approx(2 / 3)
    assert near.shown.many_to_one.f1.value == pytest.approx(4 / 7)


def test_recall_is_told_without_the_cap_too_and_what_the_cap_allows(tmp_path: Path) -> None:
    result = score_of(make_run(tmp_path, CASES, cap=1))
    assert result.rules[0].uncapped.one_to_one.recall.value == pytest.approx(2 / 3)
    assert result.best_recall_at_cap == pytest.approx(2 / 3)


def test_findings_of_clean_cases_are_false_and_all_are_counted(tmp_path: Path) -> None:
    result = score_of(make_run(tmp_path, CASES))
    assert result.per_case.value == pytest.approx(6 / 4)
    assert (result.clean_cases, result.per_clean_case.value) == (2, 1.0)
    assert result.usage["find"] == Spent(12, 1200, 120, 800)


def test_comments_near_a_rejected_one_are_repeats(tmp_path: Path) -> None:
    repeats = score_of(make_run(tmp_path, CASES, known_bad=[9, 33])).repeats
    assert (repeats.comments, repeats.known_bad) == (3, 8)


def test_rows_by_language_size_and_category_are_sorted(tmp_path: Path) -> None:
    result = score_of(make_run(tmp_path, CASES))
    assert [(row.name, row.cases, row.comments) for row in result.by_language] == [
        ("Go", 2, 3), ("Python", 2, 3),
    ]  # fmt: skip
    assert [(row.name, row.cases) for row in result.by_size] == [("10 to 49 lines", 4)]
    [row] = result.by_category
    assert (row.name, row.cases, row.goldens) == ("correctness", 2, 3)
    assert row.one_to_one.recall.value == pytest.approx(2 / 3)
    assert row.one_to_one.precision.value is None


@pytest.mark.parametrize(
    ("lines", "name"),
    [(0, "under 10 lines"), (10, "10 to 49 lines"), (149, "50 to 149 lines"),
     (150, "150 lines and more")],
)  # fmt: skip
def test_sizes_have_names(lines: int, name: str) -> None:
    assert size_name(lines) == name


def test_a_failed_review_misses_its_goldens_and_a_missing_one_is_named(tmp_path: Path) -> None:
    folder = make_run(tmp_path, CASES)
    kept = (folder / "reviews.jsonl").read_bytes().splitlines(keepends=True)[1:-1]
    (folder / "reviews.jsonl").write_bytes(b"".join(kept))
    append_record(folder, CaseRecord("Python-1", "scripted", "fake", 3, failure="server gone"))
    result = score_of(folder)
    assert result.missing == ("Go-1", "Go-clean")
    assert result.failed == ("Python-1",)
    assert result.rules[-1].shown.goldens == 1
    assert result.rules[-1].shown.one_to_one.recall.value == 0


def test_a_run_over_another_dataset_or_with_strange_cases_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", CASES)
    other = make_run(tmp_path / "b", {"Go-2": ([1], [])})
    with pytest.raises(InputError, match="no case 'Go-1' in this part of made"):
        read_run(folder, other.parent / "data")
    info = msgspec.json.decode((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(msgspec.json.encode(info | {"digest": "another"}))
    with pytest.raises(InputError, match="is not the dataset that"):
        read_run(folder)


def test_by_meaning_the_main_rule_names_its_judge(tmp_path: Path) -> None:
    folder = make_run(tmp_path, {"Go-1": ([5, 20], [said_at(30), said_at(31, "unplaced")])})
    run = read_run(folder)
    assert list(questions(run)) == [
        ("fault at 5", "Title 30\nBody 30"), ("fault at 20", "Title 30\nBody 30"),
    ]  # fmt: skip
    verdicts = Verdicts(folder, "judge-8b")
    verdicts.keep(("fault at 5", "Title 30\nBody 30"), same=True)
    result = score(run, [*rules_by_line(), rule_by_meaning(verdicts)], replay_of(run))
    assert (result.main, result.rules[-1].judge) == ("by meaning", "judge-8b")
    assert result.rules[-1].shown.one_to_one.recall.value == 0.5
    assert result.rules[-1].at_random is None


MIXED = CaseRecord(
    "one", "scripted", "fake", 3,
    (
        said_at(1, "shown", 3.0, (1, 2, 3)),
        said_at(2, "refuted", 5.0, (2, 3)),
        said_at(3, "unlikely", -4.0, (1,)),
        said_at(4, "capped", 1.5, (2,)),
        said_at(5, "shown", None, (1, 2, 3)),
        said_at(6, "unplaced", 9.0, (1, 2, 3)),
        said_at(7, "malformed", 9.0, (1, 2, 3)),
    ),
)  # fmt: skip
ALL = Replay(PLAIN, looks=3, threshold=0.5, cap=2)


def lines_of(replay: Replay) -> list[int]:
    return [comment.line for comment in choose(MIXED, replay)]


def test_the_stages_show_the_likeliest_above_the_threshold_within_the_cap() -> None:
    assert lines_of(ALL) == [1, 4]
    assert lines_of(replace(ALL, cap=9)) == [1, 4, 5]


def test_each_stage_can_be_left_out_of_a_review_that_is_over() -> None:
    left_out = {name: lines_of(stages) for name, stages in ALL.left_out().items()}
    assert left_out == {
        "claim checks": [2, 1],
        "judge": [1, 5],
        "several looks": [1],
        "merging": [1, 4],
        "analyzers' proofs": [1, 4],
        "threshold": [1, 4],
        "cap": [1, 4, 5],
    }
    assert lines_of(replace(ALL, threshold=0.0, cap=None)) == [1, 4, 5, 3]


def test_without_merging_each_look_makes_a_comment_of_its_own_where_it_stood() -> None:
    members = tuple(
        Member(look, "RIGHT", line, line, "minor", "other", "Other words", "")
        for look, line in ((1, 8), (2, 9), (3, 10))
    )
    one = msgspec.structs.replace(said_at(9, looks=(1, 2, 3)), members=members)
    record = CaseRecord("one", "scripted", "fake", 3, (one,))
    apart = choose(record, replace(ALL, merge=False, cap=None, looks=2))
    assert [comment.line for comment in apart] == [8, 9]
    assert {comment.text for comment in apart} == {"Title 9\nBody 9"}


def test_what_analyzers_found_needs_no_look() -> None:
    rule = msgspec.structs.replace(said_at(9, looks=()), source="ruff")
    record = CaseRecord("one", "scripted", "fake", 3, (rule,))
    assert [comment.line for comment in choose(record, ALL)] == [9]
    assert [comment.line for comment in said(record, 1)] == [9]
    assert choose(record, ALL.left_out()["analyzers' proofs"]) == []
    heard = msgspec.structs.replace(rule, looks=(1,), probability=0.95, judged=False, log_odds=-9.0)
    also = CaseRecord("one", "scripted", "fake", 3, (heard,))
    assert len(choose(also, ALL)) == 1
    assert choose(also, ALL.left_out()["analyzers' proofs"]) == [], "as likely as one look makes it"


def test_a_replay_orders_equals_by_severity_as_the_run_did() -> None:
    minor = msgspec.structs.replace(said_at(1), severity="minor")
    strange = msgspec.structs.replace(said_at(2), severity="blocker")
    record = CaseRecord("one", "scripted", "fake", 3, (strange, minor, said_at(3)))
    assert [one.line for one in choose(record, replace(ALL, cap=9))] == [3, 1, 2]


def test_what_an_analyzers_rule_proves_keeps_its_own_probability() -> None:
    rule = msgspec.structs.replace(
        said_at(9, log_odds=None, looks=()), source="ruff", probability=0.95
    )
    record = CaseRecord("one", "scripted", "fake", 3, (said_at(1, log_odds=2.0), rule))
    assert [one.line for one in choose(record, replace(ALL, cap=1))] == [9]


def test_a_replay_that_differs_from_what_the_run_showed_is_told(tmp_path: Path) -> None:
    cases = {"Go-1": ([5], [said_at(5), said_at(6, "unlikely", 3.0)]), "Go-2": ([5], [said_at(5)])}
    assert score_of(make_run(tmp_path, cases)).replayed_otherwise == ("Go-1",)


def test_the_table_says_what_leaving_a_stage_out_changes(tmp_path: Path) -> None:
    refuted = [said_at(30, "refuted", 9.0), said_at(31, "refuted", 9.0)]
    cases = {f"Go-{number}": ([5], [said_at(5), *refuted]) for number in range(8)}
    result = score_of(make_run(tmp_path, cases))
    assert result.all_stages.one_to_one.precision.value == 1
    by_name = {row.without: row for row in result.stages}
    claims = by_name["claim checks"]
    assert claims.row.comments == 24
    assert claims.precision.value == pytest.approx(-2 / 3)
    assert claims.precision.high == pytest.approx(-2 / 3)
    assert claims.recall.value == 0
    assert by_name["merging"].f1.value == 0


def test_the_curve_sets_recall_against_the_tokens_of_each_look(tmp_path: Path) -> None:
    cases = {
        "Go-1": ([5, 15, 25], [said_at(5), said_at(15, looks=(2,)), said_at(25, looks=(3,))]),
        "Go-2": ([5], [said_at(5, looks=(2, 3))]),
    }
    curve = score_of(make_run(tmp_path, cases, cap=2)).curve
    assert [(point.looks, point.prompt_tokens) for point in curve] == [(1, 100), (2, 150), (3, 200)]
    assert [point.said.value for point in curve] == [0.25, 0.75, 1.0]
    assert [point.shown.value for point in curve] == [0.25, 0.75, 0.75]


def test_random_comments_reach_what_can_be_worked_out(tmp_path: Path) -> None:
    folder = make_run(tmp_path, {"Go-1": ([10], [said_at(1), said_at(2)])})
    run = read_run(folder)
    rule = rules_by_line()[-1]
    assert chance_floor(run.reviewed, [2], rule) == pytest.approx(7 / LINES)
    one, many = random_comments(run.reviewed, [2], rule)
    found = 1 - (1 - 7 / LINES) ** 2
    assert many.recall.value == pytest.approx(found)
    assert many.precision.value == pytest.approx(7 / LINES)
    assert one.recall.value == pytest.approx(found, abs=0.1)
    assert one.precision.value == pytest.approx(found / 2, abs=0.05)


def test_no_comments_have_no_floor_and_no_precision(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path, {"Go-1": ([10], [])}))
    rule = rules_by_line()[0]
    assert chance_floor(run.reviewed, [0], rule) is None
    one, many = random_comments(run.reviewed, [0], rule)
    assert one.precision.value is None
    assert many.precision.value is None
    assert many.recall.value == 0


counts = st.builds(
    lambda both, goldens, comments: Counts(both + goldens, both + comments, both, both, both),
    st.integers(0, 9), st.integers(0, 9), st.integers(0, 9),
)  # fmt: skip


@given(st.lists(counts, max_size=6))
def test_every_rate_lies_in_its_interval_of_draws_and_between_none_and_all(
    cases: list[Counts],
) -> None:
    one, many = rates(cases)
    assert (one.precision, one.recall) == (many.precision, many.recall)
    assert one.f1.value == pytest.approx(many.f1.value)
    for figure in (one.precision, one.recall, one.f1):
        assert figure.value is None or 0 <= figure.value <= 1
        assert figure.low is None or figure.high is None or 0 <= figure.low <= figure.high <= 1
    assert add_up(cases).paired == sum(case.paired for case in cases)


def test_the_interval_of_many_alike_cases_is_narrow_and_of_few_different_ones_wide() -> None:
    alike = [Counts(2, 2, 1, 1, 1)] * 30
    [narrow] = resample(alike, [recall])
    assert (narrow.value, narrow.low, narrow.high) == (0.5, 0.5, 0.5)
    [wide] = resample([Counts(2, 2, 2, 2, 2), Counts(2, 2, 0, 0, 0)], [recall])
    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)
    [single] = resample([Counts(2, 2, 1, 1, 1)], [recall])
    assert (single.value, single.low, single.high) == (0.5, None, None)


def test_the_interval_is_about_as_wide_as_theory_says() -> None:
    cases = [Counts(1, 1, number % 2, 0, 0) for number in range(100)]
    [figure] = resample(cases, [recall])
    assert figure.low == pytest.approx(0.5 - 1.645 * 0.05, abs=0.02)
    assert figure.high == pytest.approx(0.5 + 1.645 * 0.05, abs=0.02)


def test_what_cannot_be_divided_is_none() -> None:
    nothing = Counts()
    assert (precision(nothing), recall(nothing), f1(nothing)) == (None, None, None)
    assert f1(Counts(goldens=1)) == 0
