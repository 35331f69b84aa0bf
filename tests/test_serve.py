"""`reviewbot serve`: one command, its children, and how they end."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot import eventually, free_port
from tests.fakes.forge import FakeGitHub, Pull
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.models import smollm2_path
from tests.run import COMMAND, variables

BUG = "x = 1\ny = 2  # BUG\n"


class Serve:
    """`reviewbot serve` in a folder; it may be killed and started again."""

    def __init__(self, folder: Path, github: FakeGitHub, **settings: str | float | Path) -> None:
        key = folder / "key.pem"
        key.write_text(github.private_key)
        port = free_port()
        github.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"
        home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        self.env = home | variables(
            github_app_id=4242, github_private_key_file=key, github_webhook_secret=github.secret,
            github_url=github.url, github_write_interval=0, port=port, data_dir=folder / "data",
            lease_seconds=2, log_format="json", retry_seconds=0.01,
        ) | variables(**settings)  # fmt: skip
        self.log = folder / "serve.log"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        before = self.log.read_text().count("ready: ") if self.log.exists() else 0
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [COMMAND, "serve"], env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        eventually(lambda: self.log.read_text().count("ready: ") > before)
        return self.process

    def children(self) -> dict[str, int]:
        """The children's process ids, by a word of their commands."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                words = (path / "cmdline").read_bytes().decode().replace("\0", " ")
            except (OSError, ValueError):
                continue
            names = [one for one in ("valkey", "celery", "api", "embedded") if one in words]
            if parent == self.process.pid and names:
                found[names[0]] = int(path.name)
        return found

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path, github: FakeGitHub) -> Iterator[Serve]:
    with ModelServer(Tgi(), Finder()) as model:
        running = Serve(tmp_path, github, model_url=model.url)
        yield running
        running.process.kill()
        running.process.wait()


def is_reviewed(pull: Pull) -> bool:
    return len(pull.reviews) == 1 and all(one.status == "completed" for one in pull.checks)


def is_gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True


def test_one_command_reviews_and_ends_all_it_started(serve: Serve, github: FakeGitHub) -> None:
    pull = github.repository().opens_pull_request({"a.py": BUG})
    eventually(lambda: is_reviewed(pull))
    children = serve.children()
    assert sorted(children) == ["api", "celery", "valkey"]
    assert serve.end() == 0
    assert all(is_gone(pid) for pid in children.values())


@pytest.mark.parametrize("name", ["celery", "api", "valkey"])
def test_a_child_that_dies_is_started_again(serve: Serve, github: FakeGitHub, name: str) -> None:
    before = serve.children()[name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: serve.children().get(name, before) != before)
    pull = github.repository().opens_pull_request({"a.py": BUG})
    eventually(lambda: is_delivered(github) and is_reviewed(pull))


def is_delivered(github: FakeGitHub) -> bool:
    """Whether the last event arrived, at a repeated attempt at the latest."""
    last = github.deliveries[-1]
    return last.well or github.delivers_again(last) < 300


def test_killed_it_leaves_no_orphan_and_goes_on_where_it_was(
    serve: Serve, github: FakeGitHub
) -> None:
    children = serve.children()
    hold = github.holds("compare")
    pull = github.repository().opens_pull_request({"a.py": BUG})
    hold.wait()
    serve.process.kill()
    serve.process.wait()
    eventually(lambda: all(is_gone(pid) for pid in children.values()), 5)
    hold.released.set()
    serve.start()
    eventually(lambda: is_reviewed(pull))


def test_a_second_one_on_the_same_folder_is_refused(serve: Serve) -> None:
    second = subprocess.run(
        [COMMAND, "serve"], env=serve.env, capture_output=True, text=True, check=False, timeout=30
    )
    assert second.returncode == 2
    assert f"process {serve.process.pid}" in second.stderr


def test_ctrl_c_ends_it_soon(serve: Serve) -> None:
    started = time.monotonic()
    serve.process.send_signal(signal.SIGINT)
    assert serve.process.wait(20) == 0
    assert time.monotonic() - started < 10


def test_without_a_model_server_it_runs_a_real_model_beside_the_worker(
    tmp_path: Path, github: FakeGitHub
) -> None:
    cache = smollm2_path().parents[1]
    serve = Serve(
        tmp_path, github, model="smollm2-135m", cache_dir=cache, answer_tokens=64, context=2048
    )
    try:
        before = serve.children()["embedded"]
        os.kill(before, signal.SIGKILL)
        eventually(lambda: serve.children().get("embedded", before) != before)
        pull = github.repository().opens_pull_request({"a.py": BUG})
        eventually(lambda: [check.status for check in pull.checks] == ["completed"], 120)
        assert "smollm2-135m" in pull.checks[0].summary
    finally:
        assert serve.end() == 0
