"""What the documents say is so: each command they show is run, each setting has its row."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewbot.cli import cli
from reviewbot.environment import PREFIX
from reviewbot.service.api import STATUSES
from reviewbot.settings import Settings
from tests.fakes.model_server import Finder, ModelServer, Tgi

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ELSEWHERE = {
    "make test": "is what runs this",
    "make demo-bot": "the test below that reads what it prints",
    "pip install .": "tests/test_wheel.py",
    "reviewbot review --pr owner/repo#12": "tests/test_review_pull.py",
    "export REVIEWBOT_MODEL_URL=http://gpu.example:8080": "set to the fake's address here",
}


def shown_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (line.split("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line and line not in ELSEWHERE]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi(), Finder()) as running:
        yield running


@pytest.fixture
def environment(server: ModelServer) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    committer = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    without_make = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return {**without_make, **who, **committer, "PATH": path, "REVIEWBOT_MODEL_URL": server.url}


@pytest.fixture
def folder(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A checkout with a branch `feature`, and with what the Makefile and the example need."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    script = """
        git init -q -b main . && echo one > code.py && git add code.py && git commit -qm one
        git checkout -qb feature && echo two > code.py && git commit -qam two
        echo three > code.py
    """
    subprocess.run(["bash", "-ec", script], cwd=copy, env=environment, check=True)
    shutil.copytree(ROOT / "examples", copy / "examples")
    shutil.copytree(ROOT / "requirements", copy / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(Path(sys.executable).parents[1])
    (copy / ".venv" / "dev").touch()
    return copy


@pytest.mark.parametrize("command", shown_commands())
def test_every_command_of_the_readme_runs(
    command: str, folder: Path, environment: dict[str, str]
) -> None:
    # a terminal for the command that takes none of its input from a pipe
    typed = ["script", "-qec", command, "/dev/null"]
    done = subprocess.run(
        typed, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stdout


def test_the_demo_names_the_model_and_each_planted_bug(
    folder: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        ["make", "demo"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert "Reviewed by ibm-granite/granite-4.1-8b in" in done.stdout
    assert done.stdout.count("  missed  ") == 3


def test_the_demo_of_the_bot_reviews_again_only_what_the_fix_changed(
    folder: Path, environment: dict[str, str]
) -> None:
    with ModelServer(Tgi(), Finder(marker="total // PAGE_SIZE")) as server:
        env = environment | {"REVIEWBOT_MODEL_URL": server.url}
        done = subprocess.run(
            ["make", "demo-bot"], cwd=folder, env=env, capture_output=True, text=True, check=True
        )
    first, second = done.stdout.split("ada pushes a fix")
    assert [part.count("Review of acme/") for part in (first, second)] == [1, 1]
    # a real analyzer would find names undefined in a file that is not there as a whole
    assert "ruff" not in done.stdout
    [calls] = re.findall(r"Model calls for the second review: (\d+);", second)
    assert 0 < int(calls) < int(sum_of_calls(first))


def sum_of_calls(printed: str) -> int:
    """How many calls the review's own body says it took."""
    [calls] = re.findall(r" · (\d+) calls? \(", printed)
    return int(calls)


def test_every_setting_has_its_row_and_every_row_its_setting() -> None:
    table = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \|", table, re.MULTILINE)
    assert rows == [PREFIX + name.upper() for name in Settings.__struct_fields__]


def test_the_webhooks_answers_are_those_of_the_documents() -> None:
    page = (ROOT / "docs" / "service.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted((str(status), words) for status, words in STATUSES.values())


def test_every_command_is_named_in_the_documents() -> None:
    documents = README + "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert [name for name in cli.commands if f"reviewbot {name}" not in documents] == []
