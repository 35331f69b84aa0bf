"""What could be mistaken for a clean review is told: conflicts, gaps of a plan, hostile words."""

import subprocess
from pathlib import Path

import pytest

from tests.fakes import faults
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.run import added, reviewbot

COMBINED = "diff --cc a.py\nindex 1,2..3\n--- a/a.py\n+++ b/a.py\n@@@ -1,1 -1,1 +1,1 @@@\n++a\n"


def test_a_conflict_is_no_clean_review_of_what_is_staged(tmp_path: Path) -> None:
    script = """
        git init -q -b main . && git config user.name A && git config user.email a@example.org
        echo one > a.py && git add . && git commit -qm one
        git checkout -qb side && echo two > a.py && git commit -qam two
        git checkout -q main && echo three > a.py && git commit -qam three
        git merge -q side || true
    """
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, check=True)
    run = reviewbot("review", "--staged", folder=tmp_path)
    assert run.code == 2
    assert "a.py: unmerged" in run.stdout
    assert "`git add` it" in run.stderr


@pytest.mark.parametrize("option", ["--plan", "--show-prompt"])
def test_a_gap_shows_in_the_exit_code_of_a_plan_and_of_the_prompts_too(option: str) -> None:
    run = reviewbot("review", "-", option, stdin=COMBINED)
    assert run.code == 2
    assert "combined diff" in run.stderr


@pytest.mark.parametrize("form", ["sarif", "rdjson", "markdown", "github"])
def test_a_plan_is_never_printed_as_if_it_were_a_review(form: str) -> None:
    run = reviewbot("review", "-", "--plan", "--format", form, stdin=added("a.py", "x"))
    assert run.code == 2
    assert f"not as {form}" in run.complaint


def test_no_finding_is_claimed_where_all_are_hidden() -> None:
    with ModelServer(Tgi(), Finder()) as server:
        diff = added("a.py", "x  # BUG:critical")
        run = reviewbot("review", "-", "--max-findings", "0", stdin=diff, model_url=server.url)
    assert run.code == 0
    assert "No findings" not in run.stdout
    assert "1 finding, not shown: see --all" in run.stdout


def test_words_of_a_server_can_neither_move_the_cursor_nor_command_a_runner() -> None:
    hostile = faults.Refusal(422, "\x1b]0;title\x07", "\x1b[2J\n::error::pwned")
    with ModelServer(Tgi()) as server:
        server.fault(hostile)
        run = reviewbot("review", "-", stdin=added("a.py", "x"), model_url=server.url)
    assert run.code == 2
    assert "\x1b" not in run.stdout + run.stderr
    assert "\n::error" not in run.stdout + run.stderr


@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"])
def test_a_proxy_that_cannot_be_used_does_not_matter_for_ones_own_machine(name: str) -> None:
    with ModelServer(Tgi()) as server:
        env = {name: "socks5://127.0.0.1:1"}
        run = reviewbot("review", "-", stdin=added("a.py", "x"), model_url=server.url, env=env)
    assert run.code == 0, run.stderr


def test_a_key_that_no_header_can_hold_is_told_and_not_printed() -> None:
    run = reviewbot("review", "-", stdin="", model_key="clé-secret")
    assert run.code == 2
    assert "REVIEWBOT_MODEL_KEY in the environment" in run.complaint
    assert "secret" not in run.complaint


def test_a_key_in_the_address_is_refused_and_not_printed() -> None:
    url = "http://127.0.0.1:1/v1?api_key=secret"
    run = reviewbot("review", "-", stdin=added("a.py", "x"), model_url=url)
    assert run.code == 2
    assert "REVIEWBOT_MODEL_KEY" in run.complaint
    assert "secret" not in run.complaint


def test_doctor_does_not_ask_for_what_is_not_wanted() -> None:
    with ModelServer(Tgi()) as server:
        run = reviewbot("doctor", model_url=server.url, schema="parse")
        assert server.calls == []
    assert run.code == 0
    assert "not checked (REVIEWBOT_SCHEMA=parse)" in run.stdout


def test_a_private_result_stays_private(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.touch(mode=0o600)
    reviewbot("review", "-", "--plan", "-o", target, stdin=added("a.py", "x"))
    assert target.stat().st_mode & 0o777 == 0o600
    assert "1 of 1 changed line to review" in target.read_text("utf-8")
