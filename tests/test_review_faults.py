"""What `reviewbot review` does when the model server fails: tried again, halved, or told."""

from collections.abc import Iterator

import pytest

from tests.fakes import faults
from tests.fakes.answers import Answer, CutByLength, Script, rubbish
from tests.fakes.faults import Answers, Fault, Refusal, Slow
from tests.fakes.model_server import ModelServer, Tgi, closed_port_url
from tests.fakes.wire import JSON
from tests.run import added, changed, review, reviewbot

GOOD = added("good.py", "x = 1  # BUG")
BAD = added("bad.py", "a = 1", "b = 2  # BUG", "c = 3", "d = 4  # BUG")
CUT = "the model's answer was longer than it may be"
UNREADABLE = "the model's answer could not be read"
PASSING = {
    "429": faults.OVERLOADED,
    "424": faults.GENERATION_FAILED,
    "500": faults.INCOMPLETE,
    "502": faults.BAD_GATEWAY,
    "503": faults.UNAVAILABLE,
    "504": faults.GATEWAY_TIMEOUT,
    "dropped": faults.DROPPED_MID_BODY,
    "reset": faults.RESET,
    "invalid json": faults.INVALID_JSON,
    "no choices": faults.NO_CHOICES,
}
LASTING = {
    "validation": faults.INVALID,
    "template_error": faults.TEMPLATE_ERROR,
    "tool_error": faults.TOOL_ERROR,
    "missing_template_variable": faults.MISSING_VARIABLE,
    "Failed to deserialize": faults.NOT_DESERIALIZED,
    "400": Refusal(400),
}
passing = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
lasting = pytest.mark.parametrize(("words", "fault"), LASTING.items(), ids=LASTING)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi()) as server:
        yield server


@passing
def test_a_failure_that_passes_is_tried_again(server: ModelServer, fault: Fault) -> None:
    server.fault(fault, first=2, reviews=True)
    run = review(BAD, server.url)
    assert (run.code, len(run.findings), run.stderr) == (1, 2, "")
    assert run.usage["calls"] == len(server.calls) == 4


@passing
def test_a_failure_that_lasts_costs_its_chunk_and_no_other(
    server: ModelServer, fault: Fault
) -> None:
    server.fault(fault, containing="bad.py")
    run = review(BAD + GOOD, server.url)
    assert run.code == 2
    assert run.findings == [("good.py", "RIGHT", 1, 1)]
    [entry] = run.document["not_reviewed"]
    assert (entry["path"], entry["lines"]) == ("bad.py", [["RIGHT", 1, 4]])
    assert run.document["coverage"] == {"changed_lines": 5, "reviewed_lines": 1}
    assert run.usage["calls"] == len(server.calls) == 1 + 1 + 4
    assert run.stderr == f"reviewbot: bad.py: {entry['reason']}\n"


@lasting
def test_a_refusal_is_never_tried_again(server: ModelServer, words: str, fault: Fault) -> None:
    server.fault(fault, containing="bad.py")
    run = review(BAD + GOOD, server.url)
    assert (run.code, run.findings) == (2, [("good.py", "RIGHT", 1, 1)])
    assert words in run.gaps[0][1]
    assert run.usage["calls"] == len(server.calls) == 3


def test_a_server_that_refuses_the_probe_is_told_of_in_one_line(server: ModelServer) -> None:
    server.fault(faults.NOT_DESERIALIZED)
    run = reviewbot("review", "-", stdin=BAD, model_url=server.url)
    assert run.code == 2
    assert "Failed to deserialize" in run.complaint
    assert len(server.calls) == 1


def test_a_missing_chat_template_comes_with_the_remedy() -> None:
    with ModelServer(Tgi(chat_template=False)) as server:
        run = reviewbot("review", "-", stdin=BAD, model_url=server.url)
    assert run.code == 2
    assert "422 template_error" in run.complaint
    assert "--tokenizer-config-path" in run.complaint


def test_a_missing_chat_template_shows_when_the_plan_is_counted_too() -> None:
    with ModelServer(Tgi(chat_template=False)) as server:
        run = reviewbot("review", "-", "--plan", "--exact", stdin=BAD, model_url=server.url)
    assert run.code == 2
    assert "--tokenizer-config-path" in run.complaint


@pytest.mark.parametrize("fault", [faults.OVERLOADED, faults.SERVER_ERROR, faults.RESET])
def test_a_server_that_fails_from_the_start_is_told_of_in_one_line(
    server: ModelServer, fault: Fault
) -> None:
    server.fault(fault)
    run = reviewbot("review", "-", stdin=BAD, model_url=server.url)
    assert run.code == 2
    assert server.url in run.complaint
    assert len(server.calls) == 4


def test_a_proxys_page_is_told_by_its_title(server: ModelServer) -> None:
    server.fault(faults.BAD_GATEWAY)
    run = reviewbot("review", "-", stdin=BAD, model_url=server.url)
    assert run.complaint == f"reviewbot: {server.url} answered 502: 502 Bad Gateway"


def test_a_wrong_key_names_the_setting_and_never_the_key() -> None:
    with ModelServer(Tgi(), api_key="right") as server:
        run = reviewbot("review", "-", stdin=BAD, model_url=server.url, model_key="wr0ng")
        assert run.code == 2
        assert "401" in run.complaint
        assert "REVIEWBOT_MODEL_KEY" in run.complaint
        assert "wr0ng" not in run.complaint
        assert review(BAD, server.url, model_key="right").code == 1


def test_a_key_that_no_longer_holds_stops_the_review_at_once() -> None:
    diff = "".join(added(f"{n}.py", "x") for n in range(20))
    with ModelServer(Tgi(), api_key="right") as server:
        review(GOOD, server.url, model_key="right")
        run = reviewbot(
            "review", "-", stdin=diff, model_url=server.url, model_key="old", concurrency=2
        )
        assert run.code == 2
        assert "REVIEWBOT_MODEL_KEY" in run.complaint
        assert len(server.calls) < 12


def test_a_request_too_large_for_a_proxy_is_halved_once_and_then_told(server: ModelServer) -> None:
    server.fault(faults.TOO_LARGE, containing="bad.py")
    run = review(BAD + GOOD, server.url)
    assert (run.code, run.findings) == (2, [("good.py", "RIGHT", 1, 1)])
    assert len(server.calls) == 1 + 1 + 3


def test_an_answer_that_takes_too_long_is_given_up(server: ModelServer) -> None:
    server.fault(Slow(30), containing="bad.py")
    run = review(BAD + GOOD, server.url, call_seconds=0.5)
    assert (run.code, run.findings) == (2, [("good.py", "RIGHT", 1, 1)])
    assert "REVIEWBOT_CALL_SECONDS" in run.gaps[0][1]
    assert server.disconnects == 1
    assert len(server.calls) == 3


def test_an_answer_cut_by_its_length_is_asked_for_as_two_halves_that_replace_it(
    server: ModelServer,
) -> None:
    server.fault(Answers(CutByLength(complete=3)), first=1, reviews=True)
    run = review(BAD, server.url)
    assert (run.code, run.gaps) == (1, [])
    assert run.findings == [("bad.py", "RIGHT", 2, 2), ("bad.py", "RIGHT", 4, 4)]
    assert run.document["coverage"]["reviewed_lines"] == 4
    whole, *halves = server.reviews
    assert len(halves) == 2
    assert "b = 2" in whole.prompt
    assert ["b = 2" in half.prompt for half in halves].count(True) == 1
    assert len(run.document["chunks"]) == 1


def test_where_a_half_is_cut_again_its_complete_findings_stay_and_its_lines_do_not_count(
    server: ModelServer,
) -> None:
    server.fault(Answers(CutByLength(complete=1)), reviews=True)
    run = review(BAD, server.url)
    assert run.code == 2
    assert run.findings == [("bad.py", "RIGHT", 2, 2), ("bad.py", "RIGHT", 4, 4)]
    assert run.gaps == [("bad.py", CUT), ("bad.py", CUT)]
    assert run.document["coverage"] == {"changed_lines": 4, "reviewed_lines": 0}
    assert len(server.reviews) == 3


def test_where_one_half_is_cut_again_the_other_half_is_reviewed(server: ModelServer) -> None:
    server.fault(Answers(CutByLength(complete=1)), containing="d = 4")
    run = review(BAD, server.url)
    assert run.code == 2
    assert run.findings == [("bad.py", "RIGHT", 2, 2), ("bad.py", "RIGHT", 4, 4)]
    assert run.document["not_reviewed"] == [
        {"path": "bad.py", "lines": [["RIGHT", 3, 4]], "reason": CUT}
    ]
    assert run.document["coverage"] == {"changed_lines": 4, "reviewed_lines": 2}


def test_a_single_line_whose_answer_is_cut_is_told_at_once(server: ModelServer) -> None:
    server.fault(Answers(CutByLength(complete=1)), reviews=True)
    run = review(GOOD, server.url)
    assert (run.code, run.gaps) == (2, [("good.py", CUT)])
    assert run.findings == [("good.py", "RIGHT", 1, 1)]
    assert len(server.reviews) == 1


def test_an_unreadable_answer_is_asked_for_once_more_in_another_way(server: ModelServer) -> None:
    server.fault(Answers(rubbish), first=1, reviews=True)
    run = review(BAD, server.url)
    assert (run.code, len(run.findings)) == (1, 2)
    first, second = (call.body for call in server.reviews)
    assert (first["temperature"], second["temperature"]) == (0, 0.4)
    assert first["seed"] != second["seed"]
    assert first["messages"] == second["messages"]


def test_what_was_read_at_the_second_try_is_not_asked_for_again(server: ModelServer) -> None:
    server.fault(Answers(rubbish), first=1, reviews=True)
    review(BAD, server.url)
    run = review(BAD, server.url)
    assert (run.code, len(run.findings), run.usage["calls"]) == (1, 2, 0)


def test_a_model_that_answers_rubbish_is_no_empty_success(server: ModelServer) -> None:
    server.fault(Answers(rubbish), reviews=True)
    run = review(BAD + GOOD, server.url)
    assert (run.code, run.findings) == (2, [])
    assert run.gaps == [("bad.py", UNREADABLE), ("good.py", UNREADABLE)]
    assert run.document["coverage"]["reviewed_lines"] == 0
    assert len(server.reviews) == 4


class InTurn:
    """Answers of several scripts, one after the other."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = iter(scripts)

    def __call__(self, request: JSON) -> Answer:
        return next(self._scripts)(request)


@pytest.mark.parametrize(
    "scripts",
    [
        (rubbish, CutByLength(), rubbish),
        (CutByLength(), rubbish, rubbish),
        (CutByLength(), CutByLength(), rubbish),
        (CutByLength(), CutByLength(0), CutByLength(0)),
        (rubbish, rubbish, rubbish),
    ],
)
def test_whatever_a_model_answers_a_chunk_costs_at_most_three_calls(
    server: ModelServer, scripts: tuple[Script, ...]
) -> None:
    server.fault(Answers(InTurn(*scripts)), reviews=True)
    run = review(BAD, server.url)
    assert run.code == 2
    assert len(server.reviews) <= 3


def test_answers_of_a_failed_review_are_kept_for_the_next(server: ModelServer) -> None:
    server.fault(faults.SERVER_ERROR, containing="bad.py")
    review(BAD + GOOD, server.url)
    server.recover()
    run = review(BAD + GOOD, server.url)
    assert (run.code, run.usage["calls"]) == (1, 1)


def test_no_answer_is_asked_to_be_longer_than_a_grammar_lasts(server: ModelServer) -> None:
    server.fault(Answers(rubbish), first=1, reviews=True)
    server.fault(Answers(CutByLength()), first=1, reviews=True)
    review(BAD + GOOD, server.url)
    assert max(call.body["max_tokens"] for call in server.calls) == 1024


def test_fewer_calls_are_sent_to_an_overloaded_server() -> None:
    diff = "".join(added(f"{n}.py", f"x = {n}") for n in range(24))
    with ModelServer(Tgi(max_concurrent=100), seconds=0.03) as server:
        server.fault(faults.OVERLOADED, first=8, reviews=True)
        run = review(diff, server.url, concurrency=8, retry_seconds=0.1)
        assert run.code == 0
        assert run.usage["calls"] == 1 + 24 + 8
        first, *others = server.reviews[8:]
        beside = [call for call in others if call.arrived < (first.left or 0)]
        assert len(beside) <= 3  # of eight at once, four are left


def test_nothing_listening_is_told_within_five_seconds() -> None:
    url = closed_port_url()
    run = reviewbot("review", "-", stdin=GOOD, model_url=url)
    assert run.code == 2
    assert run.complaint == (
        f"reviewbot: {url}: nothing answers there; is the model server running?"
    )


def test_a_removed_line_counts_as_not_reviewed_on_its_side(server: ModelServer) -> None:
    server.fault(faults.INVALID, reviews=True)
    diff = changed("a.py", " a", "-b", "-c", "+d", " e", at=7)
    [entry] = review(diff, server.url).document["not_reviewed"]
    assert entry["lines"] == [["LEFT", 8, 9], ["RIGHT", 8, 8]]
