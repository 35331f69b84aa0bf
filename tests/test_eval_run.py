"""`reviewbot eval` with a model: runs that stop and go on, judging, calibrating, our own set."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reviewbot.bootstrap import make_stages
from reviewbot.evaluation.calibrate import label
from reviewbot.evaluation.dataset import Remark, read_dataset
from reviewbot.evaluation.reviewed import parse_case, read_run, rules_by_line
from reviewbot.findings.calibration import ENOUGH_FOR_A_CATEGORY, SHIPPED, Labelled, fit
from reviewbot.servers.completion import ServerInfo
from reviewbot.settings import Settings
from tests.fakes.answers import Answer, Finder, PrintedLine, dumps, no_findings, printed_lines
from tests.fakes.faults import FROZEN, UNAVAILABLE
from tests.fakes.model_server import Call, ModelServer, Tgi
from tests.fakes.wire import JSON
from tests.run import COMMAND, Run, added, environment, on_terminal, review, reviewbot, started
from tests.test_score import make_run, said_at

ROOT = Path(__file__).parents[1]
SEEDED = ROOT / "benchmarks" / "seeded"
DOCUMENT = ROOT / "docs" / "evaluation.md"
NAME = "tgi ibm-granite/granite-4.1-8b"


def said_yes(share: float) -> Answer:
    """Say yes with this probability, in one free token."""
    chances = ((("Yes", math.log(share)), ("No", math.log1p(-share))),)
    return Answer("Yes" if share > 0.5 else "No", "length", chances)


FINDER = Finder()


@dataclass(frozen=True, slots=True)
class Model:
    """Finds what is marked, believes what is `sure`, and knows which line a golden tells of."""

    finder: Finder = FINDER

    def __call__(self, request: JSON) -> Answer:
        task = text_of(request)
        if "The known problem:" in task:
            [golden] = re.findall(r"^\| fault at (\d+)", task, re.MULTILINE)
            return said_yes(0.99 if f"on line {golden}\n" in task else 0.01)
        claim = task.rpartition("<claim>\n")[2]
        if request.get("logprobs"):
            return said_yes(0.9 if "sure" in claim else 0.2)
        if "Task `word`" in task:
            return Answer(dumps({"findings": [self._word(claim, printed_lines(request))]}))
        return self.finder(request)

    def _word(self, claim: str, lines: tuple[PrintedLine, ...]) -> JSON:
        finding = self.finder.finding_on(lines, 0)
        return finding | {"title": "Worded anew", "body": [claim.partition("\n")[0]]}


def text_of(request: JSON) -> str:
    return str(request["messages"][-1]["content"])


def case(
    name: str, bugs: tuple[int, ...] = (2,), alarms: tuple[int, ...] = (), part: str = "report"
) -> tuple[JSON, str]:
    """Make a case whose lines say what a model finds there; it is sure of the bugs."""
    marks = dict.fromkeys(bugs, "  # BUG sure") | dict.fromkeys(alarms, "  # BUG")
    diff = added(
        f"{name}.py", *(f"{name}_{n} = {name}_{n - 1}{marks.get(n, '')}" for n in range(1, 13))
    )
    golden = [
        {"path": f"{name}.py", "from_line": n, "to_line": n, "text": f"fault at {n}",
         "category": "correctness"}
        for n in bugs
    ]  # fmt: skip
    about = {"id": name, "language": "Python", "title": name, "split": part, "golden": golden}
    return about | {"diff": f"{name}.diff"}, diff


def make_data(folder: Path, *cases: tuple[JSON, str], name: str = "small") -> Path:
    """Write a dataset of cases."""
    folder.mkdir()
    about = {"name": name, "version": 1, "licence": "Apache-2.0", "description": ""}
    (folder / "dataset.json").write_text(json.dumps(about))
    (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one, _ in cases))
    for one, diff in cases:
        (folder / one["diff"]).write_text(diff)
    return folder


def lines_of(path: Path) -> list[JSON]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(calls: list[Call]) -> Counter[str]:
    """Count how often each prompt was sent."""
    return Counter(json.dumps(call.body["messages"]) for call in calls)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi(), Model()) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three cases: a bug, a bug and an alarm, and a clean change with an alarm."""
    return make_data(
        tmp_path / "data", case("one"), case("two", (3,), (9,)), case("none", (), (5,))
    )


def run_over(data: Path, out: Path, server: ModelServer, *options: str, **settings: Any) -> Run:
    return reviewbot("eval", "run", data, "--out", out, *options, model_url=server.url, **settings)


def fates(out: Path) -> dict[str, list[tuple[str, str | None]]]:
    """Fate and reason of each candidate, by its case."""
    return {
        record["case"]: [(one["fate"], one["reason"]) for one in record["candidates"]]
        for record in lines_of(out / "reviews.jsonl")
    }


def test_every_prompt_and_every_answer_is_kept(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run = run_over(data, tmp_path / "run", server, looks=2, judge="true", wording="true")
    assert (run.code, run.stderr) == (0, "")
    assert f"{tmp_path / 'run'}: 3 cases reviewed" in run.stdout
    kept = lines_of(tmp_path / "run" / "calls.jsonl")
    assert Counter(json.dumps(call["messages"]) for call in kept) == asked(server.reviews)
    assert {call["case"] for call in kept} == {"one", "two", "none"}
    [worded] = [
        call["completion"]["text"]
        for call in kept
        if call["case"] == "one" and "Task `word`" in call["messages"][-1]["content"]
    ]
    assert "Worded anew" in worded
    [record] = [one for one in lines_of(tmp_path / "run" / "reviews.jsonl") if one["case"] == "one"]
    calls = {stage: spent["calls"] for stage, spent in record["usage"].items()}
    assert calls == {"first look": 1, "other looks": 1, "judge": 1, "wording": 1}
    assert len(record["prompt_tokens_by_look"]) == 2
    assert min(record["prompt_tokens_by_look"]) > 0


def stray(findings: list[JSON], lines: object) -> list[JSON]:  # noqa: ARG001
    """Add a finding on no line at all, and one that a look-up refutes."""
    lost = {"start": "99.zz", "end": "99.zz"}
    refuted = {"title": "`one_1` is not defined", "body": ["`one_1` is undefined."]}
    return findings + [one | added for one in findings[:1] for added in (lost, refuted)]


def test_every_candidate_has_its_fate_and_the_reason(tmp_path: Path) -> None:
    about, diff = case("one", (2, 10), (6,))
    data = make_data(tmp_path / "data", (about, diff))
    text = "".join(f"{line[1:]}\n" for line in diff.splitlines() if line.startswith("+one"))
    head = {"case": "one", "path": "one.py", "at": "head", "text": text}
    (data / "files.jsonl").write_text(json.dumps(head) + "\n")
    with ModelServer(Tgi(), Model(Finder(damage=stray))) as server:
        settings = {"judge": "true", "claim_checks": "true", "merge": "false"}
        run = run_over(data, tmp_path / "run", server, threshold=0.4, max_findings=1, **settings)
    assert run.code == 0
    assert Counter(fates(tmp_path / "run")["one"]) == {
        ("shown", None): 1,
        ("capped", "likelier ones are shown: see --max-findings"): 1,
        ("unlikely", "unlikely: 0.05 is below 0.40"): 1,
        ("unplaced", "names no line of its chunk: '99.zz'"): 1,
        ("refuted", "`one_1` is defined on line 1"): 1,
    }


def wait_for_lines(path: Path, least: int) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_bytes().count(b"\n") >= least):
        assert time.monotonic() < deadline, f"{path} gets no {least} lines"
        time.sleep(0.01)


def tear(path: Path) -> None:
    """Leave what a crash leaves of a line."""
    with path.open("ab") as file:
        file.write(b'{"case":"torn","key":"')


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_was_stopped_goes_on_and_asks_nothing_again(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    data = make_data(tmp_path / "data", *(case(f"case_{n}", (2, 8)) for n in range(8)))
    out = tmp_path / "run"
    with ModelServer(Tgi(), Model(), slots=2, seconds=0.1) as server:
        env = environment(model_url=server.url, judge="true", concurrency=2)
        with started("eval", "run", data, "--out", out, env=env) as process:
            wait_for_lines(out / "reviews.jsonl", 2)
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
        assert process.returncode == code
        assert b"Traceback" not in err
        before = asked(server.reviews)
        kept = {json.dumps(call["messages"]) for call in lines_of(out / "calls.jsonl")}
        done = [record["case"] for record in lines_of(out / "reviews.jsonl")]
        tear(out / "calls.jsonl")
        tear(out / "reviews.jsonl")
        server.seconds = 0
        run = reviewbot("eval", "run", data, "--out", out, env=env)
        after = asked(server.reviews) - before
    assert len(done) < 8, "it was not stopped in the middle"
    assert (run.code, run.stderr) == (0, "")
    assert f"{8 - len(done)} cases reviewed" in run.stdout
    assert not kept & after.keys()
    assert len(kept) + after.total() == 8 * (1 + 2)
    records = [record["case"] for record in lines_of(out / "reviews.jsonl")]
    assert records[: len(done)] == done
    assert sorted(records) == [f"case_{n}" for n in range(8)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("File: two.py", {"two"}), ("Task `word`", {"one", "two", "none"})],
)
def test_a_case_whose_model_is_down_waits_for_the_next_run(
    tmp_path: Path, data: Path, server: ModelServer, words: str, expected: set[str]
) -> None:
    server.fault(UNAVAILABLE, containing=words, reviews=True)
    run = run_over(data, tmp_path / "run", server, wording="true")
    assert run.code == 2
    assert set(re.findall(r"reviewbot: (\w+) waits for another try: .*503", run.stderr)) == expected
    assert "score it by" not in run.stdout
    scored = reviewbot("eval", "score", tmp_path / "run").stdout
    assert f"not reviewed yet, and not counted: {len(expected)} (" in scored
    server.recover()
    before = asked(server.reviews)
    run = run_over(data, tmp_path / "run", server, wording="true")
    assert (run.code, run.stderr) == (0, "")
    assert f"{len(expected)} cases reviewed" in run.stdout
    assert fates(tmp_path / "run").keys() == {"one", "two", "none"}
    anew = asked(server.reviews) - before
    assert all("Task `word`" in prompt or "File: two.py" in prompt for prompt in anew)


def test_a_diff_that_is_none_is_a_failure_told_once(tmp_path: Path, server: ModelServer) -> None:
    about, _ = case("one")
    data = make_data(tmp_path / "data", (about, "this is no diff"), case("two"))
    assert run_over(data, tmp_path / "run", server).code == 0
    printed = reviewbot("eval", "score", tmp_path / "run")
    assert printed.code == 2  # nobody can match lines of a diff that cannot be read
    assert "case 'one', one.diff" in printed.complaint


def test_a_run_that_was_made_otherwise_is_refused_by_what_differs(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    calls = len(server.calls)
    changes: list[dict[str, str | float]] = [
        {"looks": 2}, {"judge": "true", "wording": "true"}, {"threshold": 0.5, "max_findings": 5},
    ]  # fmt: skip
    refusals = [run_over(data, tmp_path / "run", server, **change) for change in changes]
    refusals.append(run_over(data, tmp_path / "run", server, "--part", "report"))
    (data / "one.diff").write_text(case("two")[1])
    with ModelServer(Tgi(model="other-8b"), Model()) as other:
        refusals.append(run_over(data, tmp_path / "run", other))
    named = [re.findall(r"made otherwise \((.+)\): name another", one.complaint)
             for one in refusals]  # fmt: skip
    assert named == [["looks"], ["judge, wording"], ["threshold, cap"], ["split"],
                     ["model, digest"]]  # fmt: skip
    assert {one.code for one in refusals} == {2}
    assert len(server.calls) == calls


def test_a_run_is_not_gone_on_with_under_other_prompts(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    file = tmp_path / "run" / "run.json"
    info = json.loads(file.read_text())
    info["settings"]["prompts"] = "of an older version"
    file.write_text(json.dumps(info))
    refused = run_over(data, tmp_path / "run", server)
    assert "made otherwise (prompts): name another folder" in refused.complaint


def test_a_folder_that_cannot_be_one_is_named(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    (tmp_path / "file").write_text("in the way")
    complaint = run_over(data, tmp_path / "file", server).complaint
    assert str(tmp_path / "file") in complaint
    assert "cannot be written" in complaint


def test_two_processes_never_write_one_run(tmp_path: Path, data: Path, server: ModelServer) -> None:
    server.fault(FROZEN, reviews=True)
    env = environment(model_url=server.url)
    with started("eval", "run", data, "--out", tmp_path / "run", env=env):
        deadline = time.monotonic() + 30
        while not server.reviews:  # from its first call on it holds the folder
            assert time.monotonic() < deadline
            time.sleep(0.01)
        second = run_over(data, tmp_path / "run", server)
        assert "another `reviewbot eval` works on" in second.complaint
    server.recover()
    assert run_over(data, tmp_path / "run", server).code == 0


def test_a_stage_is_made_again_without_the_ones_before_it(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    run_over(data, first, server)
    looks = len(server.reviews)
    second.mkdir()
    shutil.copy(first / "calls.jsonl", second)
    assert run_over(data, second, server, judge="true").code == 0
    new = server.reviews[looks:]
    assert len(new) == 4
    assert all(call.body.get("logprobs") for call in new)
    used = {r["case"]: {k: v["calls"] for k, v in r["usage"].items()}
            for r in lines_of(second / "reviews.jsonl")}  # fmt: skip
    assert used["two"] == {"first look": 1, "judge": 2}
    third.mkdir()
    shutil.copy(second / "calls.jsonl", third)
    calls = len(server.calls)
    run_over(data, third, server)
    assert len(server.calls) == calls
    assert lines_of(third / "reviews.jsonl")[0]["usage"].keys() == {"first look"}


@pytest.mark.parametrize(("places", "most"), [(8, 3), (1, 1)])
def test_as_many_cases_as_calls_are_under_way_at_once(
    tmp_path: Path, data: Path, places: int, most: int
) -> None:
    with ModelServer(Tgi(), Model(), seconds=0.3) as server:
        assert run_over(data, tmp_path / "run", server, concurrency=places).code == 0
    assert server.max_in_flight == most
    assert len(server.calls) - len(server.reviews) == 1, "the schema is probed once"


def test_a_terminal_shows_how_far_it_is(tmp_path: Path, data: Path, server: ModelServer) -> None:
    arguments = ("eval", "run", data, "--out", tmp_path / "run")
    run, shown = on_terminal(*arguments, streams="stderr", model_url=server.url)
    assert run.code == 0
    assert re.search(r"cases: 100%\|.*\| 3/3", shown)
    _, shown = on_terminal(
        "eval", "judge", tmp_path / "run", streams="stderr", model_url=server.url
    )
    assert re.search(r"verdicts: 100%\|.*\| 3/3", shown)


def test_a_server_that_lets_no_key_in_ends_the_run(tmp_path: Path, data: Path) -> None:
    with ModelServer(Tgi(), Model(), api_key="secret") as server:
        run = run_over(data, tmp_path / "run", server)
    assert run.code == 2
    assert "REVIEWBOT_MODEL_KEY" in run.complaint
    assert not (tmp_path / "run" / "reviews.jsonl").exists()


def test_a_server_that_ignores_the_schema_is_told_of_once(tmp_path: Path, data: Path) -> None:
    with ModelServer(Tgi(), lambda _: Answer("Hello!")) as server:
        run = run_over(data, tmp_path / "run", server)
    assert run.code == 2
    assert "does not hold its answers to the schema" in run.complaint
    assert len(server.calls) == 1


def test_the_judge_of_meaning_is_asked_of_each_pair_once(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    calls = len(server.calls)
    run = reviewbot("eval", "judge", tmp_path / "run", model_url=server.url)
    assert (run.code, run.stderr) == (0, "")
    assert "3 verdicts of ibm-granite/granite-4.1-8b" in run.stdout
    assert "not comparable with published figures: no known judgements (--known)" in run.stdout
    new = server.calls[calls:]
    assert asked(new).total() == len(asked(new)) == 3  # one golden and one comment; one and two
    assert all(call.body["max_tokens"] == 1 for call in new)
    again = reviewbot("eval", "judge", tmp_path / "run", model_url=server.url)
    assert "0 verdicts" in again.stdout
    assert len(server.calls) == calls + 3
    score = json.loads(reviewbot("eval", "score", tmp_path / "run", "--json").stdout)
    meaning = score["rules"][-1]
    assert (meaning["rule"], meaning["judge"]) == ("by meaning", "ibm-granite/granite-4.1-8b")
    assert meaning["shown"]["one_to_one"]["recall"]["value"] == 1.0
    assert meaning["shown"]["one_to_one"]["precision"]["value"] == 0.5


def test_a_judge_that_is_stopped_goes_on_where_it_was(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    server.fault(UNAVAILABLE, containing="fault at 3")
    run = reviewbot("eval", "judge", tmp_path / "run", model_url=server.url)
    assert run.code == 2
    assert "503" in run.complaint
    server.recover()
    calls = len(server.calls)
    assert reviewbot("eval", "judge", tmp_path / "run", model_url=server.url).code == 0
    assert all("fault at 3" in text_of(call.body) for call in server.calls[calls:])


def test_figures_compare_only_where_the_judge_agrees_with_what_is_known(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    path = tmp_path / "known.jsonl"
    told: list[str] = []
    for wrong, pairs in ((2, 60), (30, 60), (0, 20)):
        known = [
            {"golden": f"fault at {n}", "comment": f"BUG on line {n + n % 2}\nIt breaks {n}.",
             "same": (n % 2 == 0) != (n < wrong)}
            for n in range(pairs)
        ]  # fmt: skip
        path.write_text("".join(json.dumps(one) + "\n" for one in known))
        run = reviewbot("eval", "judge", tmp_path / "run", "--known", path, model_url=server.url)
        told.append(run.stdout.splitlines()[-1].replace("ibm-granite/granite-4.1-8b", "MODEL"))
    wanted = "0.80 on at least 50 is asked for"
    agrees = "agrees with the known judgements"
    assert told == [
        f"comparable: judge MODEL {agrees} (kappa 0.93, 97% of 60 verdicts agree)",
        f"not comparable: judge MODEL (kappa 0.00, 50% of 60 verdicts agree; {wanted})",
        f"not comparable: judge MODEL (kappa 1.00, 100% of 20 verdicts agree; {wanted})",
    ]


def test_known_judgements_that_are_none_are_named_by_line(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run_over(data, tmp_path / "run", server)
    path = tmp_path / "known.jsonl"
    for line in (b'{"golden": "a"}', b"no JSON", b'{"golden": "\xff"}'):
        path.write_bytes(b'{"golden": "a", "comment": "b", "same": true}\n' + line + b"\n")
        run = reviewbot("eval", "judge", tmp_path / "run", "--known", path, model_url=server.url)
        assert f"{path}, line 2: " in run.complaint


def calibrating(folder: Path, part: str = "calibrate") -> Path:
    """Twelve cases with a bug of which the judge is sure, and an alarm of which it is not."""
    return make_data(folder, *(case(f"case_{n}", (2,), (9,), part) for n in range(12)))


def test_a_calibration_is_made_and_changes_what_is_shown(
    tmp_path: Path, server: ModelServer
) -> None:
    out, file = tmp_path / "run", tmp_path / "weights.json"
    run_over(calibrating(tmp_path / "data"), out, server, "--part", "calibrate", judge="true")
    file.write_text('{"vllm other": {"intercept": 1, "log_odds": 2, "support": 3}}')
    made = reviewbot("eval", "calibrate", out, "--out", file)
    assert (made.code, made.stderr) == (0, "")
    assert "24 candidates, 12 right by line, k=3: " in made.stdout
    assert f"use it by REVIEWBOT_CALIBRATION={file}" in made.stdout
    weights = json.loads(file.read_text())
    assert weights.keys() == {"vllm other", NAME}
    assert weights[NAME]["log_odds"] > 1
    diff = case("one", (2,), (9,))[1]
    settings: dict[str, str | float] = {"judge": "true", "threshold": 0.04}
    assert len(review(diff, server.url, **settings).findings) == 2
    shown = review(diff, server.url, calibration=file, **settings)
    assert shown.titles == ["BUG on line 2"]
    # one of another model alone leaves this one with what is shipped
    del weights[NAME]
    file.write_text(json.dumps(weights))
    assert len(review(diff, server.url, calibration=file, **settings).findings) == 2


def test_a_judge_that_told_nothing_is_asked_by_the_instrument_alone(
    tmp_path: Path, server: ModelServer
) -> None:
    file = tmp_path / "weights.json"
    file.write_text(json.dumps({NAME: {"intercept": 0.1, "log_odds": 0, "support": 1}}))
    run = review(case("one")[1], server.url, calibration=file, judge="true")
    assert (run.titles, judged(server)) == (["BUG on line 2"], 0)
    data = calibrating(tmp_path / "data")
    run_over(data, tmp_path / "run", server, judge="true", calibration=file)
    assert judged(server) == 24


def test_a_small_model_that_says_yes_to_everything_is_no_judge_by_default() -> None:
    info = ServerInfo("llamacpp", "qwen2.5-coder-1.5b", max_prompt=6000, max_total=8192)
    stages = make_stages(Settings(), info)
    assert not stages.judge
    made_with = stages.calibration.made_with
    assert stages.calibration == replace(SHIPPED, log_odds=0.0, made_with=made_with)
    assert make_stages(Settings(), info, for_the_record=True).judge
    assert make_stages(Settings(), replace(info, model="granite-4.1-3b")).judge


def judged(server: ModelServer) -> int:
    return sum(bool(call.body.get("logprobs")) for call in server.reviews)


def test_what_is_right_is_told_by_meaning_where_there_are_verdicts(
    tmp_path: Path, server: ModelServer
) -> None:
    out, file = tmp_path / "run", tmp_path / "weights.json"
    run_over(calibrating(tmp_path / "data"), out, server, "--part", "calibrate", judge="true")
    reviewbot("eval", "judge", out, model_url=server.url)
    made = reviewbot("eval", "calibrate", out, "--out", file)
    assert "12 right by meaning, judge ibm-granite/granite-4.1-8b" in made.stdout


def test_nothing_is_calibrated_on_what_is_reported(tmp_path: Path, server: ModelServer) -> None:
    data = calibrating(tmp_path / "data", "report")
    file = tmp_path / "weights.json"
    for part in ((), ("--part", "report")):
        out = tmp_path / f"run{len(part)}"
        run_over(data, out, server, *part, judge="true")
        refused = reviewbot("eval", "calibrate", out, "--out", file)
        assert "is no run over the part that calibrates" in refused.complaint
    assert not file.exists()


def test_too_little_or_no_judge_is_no_calibration(tmp_path: Path, server: ModelServer) -> None:
    file = tmp_path / "weights.json"
    few = make_data(tmp_path / "few", case("one", (2,), (9,), "calibrate"))
    run_over(few, tmp_path / "run", server, "--part", "calibrate", judge="true")
    refused = reviewbot("eval", "calibrate", tmp_path / "run", "--out", file)
    assert "2 candidates, 1 of them right, are too few to fit" in refused.complaint
    data = calibrating(tmp_path / "data")
    run_over(data, tmp_path / "unjudged", server, "--part", "calibrate")
    refused = reviewbot("eval", "calibrate", tmp_path / "unjudged", "--out", file)
    assert "was made without the judge: set REVIEWBOT_JUDGE=true" in refused.complaint
    assert not file.exists()


def test_what_a_claim_check_refuted_is_not_fitted(tmp_path: Path) -> None:
    folder = make_run(tmp_path, {"one": ([2], [said_at(2), said_at(9, "refuted"), said_at(20)])})
    labelled = label(read_run(folder), rules_by_line()[-1])
    assert [one.right for one in labelled] == [True, False]


def test_a_calibration_is_put_into_no_file_of_another_kind(
    tmp_path: Path, server: ModelServer
) -> None:
    out, file = tmp_path / "run", tmp_path / "weights.json"
    run_over(calibrating(tmp_path / "data"), out, server, "--part", "calibrate", judge="true")
    file.write_bytes(b'{"precious": "\xff"}')
    refused = reviewbot("eval", "calibrate", out, "--out", file)
    assert f"{file} holds no calibrations: " in refused.complaint
    assert file.read_bytes() == b'{"precious": "\xff"}'
    nowhere = reviewbot("eval", "calibrate", out, "--out", tmp_path / "none" / "weights.json")
    assert "weights.json cannot be written: No such file" in nowhere.complaint


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"\xff\xfe", b'{"\xff": 1}', b'{"a": {"intercept": 1}}',
        b'{"a": {"intercept": 1e999, "log_odds": 1, "support": 1}}',
    ],
)  # fmt: skip
def test_a_calibration_that_cannot_be_read_names_the_setting(
    tmp_path: Path, server: ModelServer, content: bytes
) -> None:
    file = tmp_path / "weights.json"
    file.write_bytes(content)
    run = review(case("one")[1], server.url, calibration=file)
    assert run.code == 2
    assert run.complaint.startswith(f"reviewbot: REVIEWBOT_CALIBRATION: {file} cannot be read: ")


def test_a_calibration_that_is_not_there_names_the_setting(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    run = run_over(data, tmp_path / "run", server, calibration=tmp_path / "none.json")
    assert run.complaint.startswith("reviewbot: REVIEWBOT_CALIBRATION: ")


@pytest.mark.parametrize(("count", "known"), [(0, set()), (2, {"security"})])
def test_a_category_is_weighed_on_its_own_only_above_a_hundred(count: int, known: set[str]) -> None:
    def labelled(category: str, number: int, right: int) -> list[Labelled]:
        return [Labelled(1.0 if n % 2 else -1.0, 1, n % 10 < right, category)
                for n in range(number)]  # fmt: skip

    of_it = labelled("security", ENOUGH_FOR_A_CATEGORY + count, 8)
    made = fit([*of_it, *labelled("contract", 100, 2), *labelled("", 300, 3)], "test")
    assert made.categories.keys() == known
    plain = made.probability(1.0, 1, "contract")
    assert (made.probability(1.0, 1, "security") > plain + 0.1) == bool(known)


def test_a_run_is_scored_with_baseline_stages_and_curve(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    out, page = tmp_path / "run", tmp_path / "page.html"
    run_over(data, out, server, looks=3, judge="true", threshold=0.5, max_findings=5)
    run = reviewbot("eval", "score", out, "--html", page)
    assert (run.code, run.stderr) == (0, "")
    for words in (
        "small, all parts: 3 cases reviewed by ibm-granite/granite-4.1-8b (tgi)",
        "false findings per clean case: 0.000", "as many at random", "chance floor",
        "all stages", "without judge", "without several looks", "Tokens against recall",
        "calibration from a simulation",
    ):  # fmt: skip
        assert words in run.stdout
    assert re.findall(r"^([123]) +[\d,]+ +1\.000", run.stdout, re.MULTILINE) == ["1", "2", "3"]
    assert "the run showed something else" not in run.stdout
    html = page.read_text()
    for words in ("two_3 = two_2", "fault at 3", "BUG on line 9", "unlikely: 0.", 'id="case-3"'):
        assert words in html


def test_two_runs_are_compared_case_by_case(
    tmp_path: Path, data: Path, server: ModelServer
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    run_over(data, one, server)
    run_over(data, other, server, judge="true", threshold=0.3)
    run = reviewbot("eval", "compare", one, other)
    assert (run.code, run.stderr) == (0, "")
    assert "3 cases in both runs" in run.stdout
    assert re.search(r"precision +0\.500 +1\.000 +\+0\.500", run.stdout)


def test_the_commands_of_the_document_run_in_their_order(tmp_path: Path) -> None:
    [script] = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "benchmarks").symlink_to(SEEDED.parent)
    alarm = FINDER.finding_on([PrintedLine(1, "aa", "+", "")], 0) | {"title": "An alarm"}
    with ModelServer(Tgi(), Expert(alarm)) as server:
        env = environment(model_url=server.url, judge="true", threshold=0.05)
        env["PATH"] = f"{COMMAND.parent}{os.pathsep}{env['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "right by meaning, judge ibm-granite/granite-4.1-8b: " in done.stdout
    assert "part 'report': 41 cases in both runs" in done.stdout
    assert re.search(r"precision .* \+0\.\d+ .*more than noise", done.stdout)
    assert (tmp_path / "after.html").exists()


def test_every_golden_of_our_own_set_is_shown() -> None:
    run = reviewbot("eval", "context", SEEDED)
    assert re.search(r"^goldens +59$", run.stdout, re.MULTILINE)
    assert re.search(r"^in a reviewed hunk, and shown +59$", run.stdout, re.MULTILINE)
    assert re.search(r"^not shown +0$", run.stdout, re.MULTILINE)


Seen = tuple[str, tuple[tuple[str, str], ...]]
"""A file of a change as a prompt shows it: its path, and each line's sign and text."""


class Expert:
    """Reports every golden of our own set on its lines, and as often an alarm of its own."""

    def __init__(self, *alarms: JSON) -> None:
        self.alarms = alarms
        dataset = read_dataset(SEEDED)
        self.goldens: dict[Seen, list[tuple[int, int, Remark]]] = {}
        for one in dataset.cases:
            for file in parse_case(dataset, one):
                lines = [line for hunk in file.hunks for line in hunk.lines()]
                numbers = [(line.side, line.number) for line in lines]
                self.goldens[file.path, tuple((line.sign, line.text) for line in lines)] = [
                    (
                        numbers.index((golden.side, golden.from_line)),
                        numbers.index((golden.side, golden.to_line)),
                        golden,
                    )
                    for golden in one.golden
                    if golden.path == file.path
                ]

    def __call__(self, request: JSON) -> Answer:
        task = text_of(request)
        if "The known problem:" in task:
            known, _, comment = task.partition("A reviewer's comment:")
            golden = known.partition("\n| ")[2].partition("\n")[0]
            return said_yes(0.99 if golden in comment else 0.01)
        if request.get("logprobs"):
            return said_yes(0.2 if "alarm" in task.rpartition("<claim>\n")[2] else 0.9)
        lines = printed_lines(request)
        path = "".join(re.findall(r"^File: (.+)$", task, re.MULTILINE)[:1])
        seen = path, tuple((line.sign, line.text) for line in lines)
        ends = [line.id for line in lines[:1] + lines[-1:]]
        findings = [
            {
                "start": lines[first].id, "end": lines[last].id, "severity": golden.severity,
                "category": golden.category, "title": golden.text.split(". ")[0][:120],
                "body": [golden.text], "suggestion": [],
            }
            for first, last, golden in self.goldens.get(seen, [])
        ]  # fmt: skip
        alarms = [alarm | {"start": end, "end": end} for alarm in self.alarms for end in ends]
        return Answer(dumps({"findings": findings + alarms}))


def test_who_says_all_that_is_known_of_our_own_set_has_a_recall_of_one(tmp_path: Path) -> None:
    with ModelServer(Tgi(), Expert()) as server:
        run = run_over(SEEDED, tmp_path / "run", server, judge="true", claim_checks="true")
    assert "82 cases reviewed" in run.stdout
    score = json.loads(reviewbot("eval", "score", tmp_path / "run", "--json").stdout)
    exact = score["rules"][0]
    assert exact["rule"] == "by line, k=0"
    assert (exact["uncapped"]["goldens"], exact["uncapped"]["comments"]) == (59, 59)
    rates = exact["uncapped"]["one_to_one"]
    assert (rates["recall"]["value"], rates["precision"]["value"]) == (1.0, 1.0)
    assert (score["per_clean_case"]["value"], score["clean_cases"]) == (0.0, 24)
    assert exact["chance"] < 0.5


def test_who_says_nothing_of_our_own_set_finds_nothing_and_nothing_false(tmp_path: Path) -> None:
    with ModelServer(Tgi(), no_findings) as server:
        run_over(SEEDED, tmp_path / "run", server)
    score = json.loads(reviewbot("eval", "score", tmp_path / "run", "--json").stdout)
    assert score["per_clean_case"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert score["clean_cases"] == 24
    assert score["rules"][0]["shown"]["one_to_one"]["recall"]["value"] == 0.0
