"""`reviewbot review` at a terminal: progress, colours, and Ctrl-C."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import faults
from tests.fakes.model_server import ModelServer, Tgi
from tests.run import added, environment, on_terminal, review, reviewbot, started

DIFF = "".join(added(f"{n}.py", f"x = {n}  # BUG") for n in range(4))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi()) as server:
        yield server


@pytest.fixture
def diff(tmp_path: Path) -> Path:
    path = tmp_path / "change.diff"
    path.write_text(DIFF)
    return path


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_candidates_are_named_live_above_a_bar(server: ModelServer, diff: Path) -> None:
    server.fault(faults.Slow(1.0), containing="x = 3")
    run, shown = on_terminal("review", diff, streams="stderr", model_url=server.url)
    assert run.code == 1
    assert run.stdout.startswith("0.py:1 · major · correctness\n")
    assert "\x1b" not in run.stdout
    assert "0/4 chunks" in shown
    assert "3/4 chunks, 3 candidates" in shown
    assert [f"{n}.py:1  BUG on line 1" in shown for n in range(4)] == [True] * 4
    assert shown.index("0.py:1  BUG") < shown.index("3.py:1  BUG")


def test_a_failed_chunk_is_named_live_too(server: ModelServer, diff: Path) -> None:
    server.fault(faults.INVALID, containing="x = 2")
    run, shown = on_terminal("review", diff, streams="stderr", model_url=server.url)
    assert run.code == 2
    assert "2.py: " in shown
    assert "422 validation" in shown


def test_what_the_model_says_cannot_move_the_cursor(server: ModelServer, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.diff"
    hostile.write_text(added('"a\\033[2Jb.py"', "x  # BUG"))
    _, shown = on_terminal("review", hostile, streams="stderr", model_url=server.url)
    assert "\x1b[2J" not in shown


def test_without_a_terminal_nothing_is_on_stderr_when_all_went_well(
    server: ModelServer, diff: Path
) -> None:
    run = reviewbot("review", diff, model_url=server.url)
    assert (run.code, run.stderr) == (1, "")


def test_results_are_coloured_on_a_terminal_alone(server: ModelServer, diff: Path) -> None:
    _, shown = on_terminal("review", diff, streams="stdout", model_url=server.url)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
    assert plain != shown
    assert plain.startswith("0.py:1 · major · correctness\n")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, shown = on_terminal("review", diff, streams="stdout", model_url=server.url, env=env)
        assert "\x1b" not in shown


def test_ctrl_c_ends_the_calls_and_a_rerun_asks_only_what_was_not_answered(
    server: ModelServer, diff: Path
) -> None:
    server.fault(faults.FROZEN, containing="x = 1")
    server.fault(faults.FROZEN, containing="x = 2")
    with started("review", diff, env=environment(model_url=server.url)) as process:
        wait_until(lambda: [call.status for call in server.reviews].count(200) == 2)
        wait_until(lambda: server.in_flight == 2)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, b"")
    assert err.strip() == b"reviewbot: interrupted"
    wait_until(lambda: server.disconnects == 2)
    server.recover()
    run = review(DIFF, server.url)
    assert (run.code, len(run.findings), run.usage["calls"]) == (1, 4, 2)


def test_ctrl_c_while_a_call_waits_for_its_next_try_ends_at_once(
    server: ModelServer, diff: Path
) -> None:
    server.fault(faults.SERVER_ERROR, reviews=True)
    environment_ = environment(model_url=server.url, retry_seconds=30)
    with started("review", diff, env=environment_) as process:
        wait_until(lambda: len(server.reviews) == 4)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_ctrl_c_leaves_no_half_written_result(server: ModelServer, diff: Path) -> None:
    server.fault(faults.FROZEN)
    out = diff.parent / "result.txt"
    words = ("review", diff, "--output", out)
    with started(*words, env=environment(model_url=server.url)) as process:
        wait_until(lambda: server.in_flight == 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130
    assert [path for path in diff.parent.iterdir() if path.is_file()] == [diff]
