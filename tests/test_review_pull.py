"""`reviewbot review --pr`: a person's token, the same diff and the same review as the bot's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.forge import FakeGitHub, Pull
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.run import Run, reviewbot

BUG = "x = 1\ny = 2  # BUG\n"
TOKEN = "github_pat_of_a_person"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as running:
        running.personal_tokens[TOKEN] = "grace"
        yield running
        assert running.violations == []


@pytest.fixture
def pull(github: FakeGitHub) -> Pull:
    return github.repository().opens_pull_request({"a.py": BUG})


def review(github: FakeGitHub, *options: str, token: str = TOKEN) -> Run:
    with ModelServer(Tgi(), Finder()) as model:
        return reviewbot(
            "review", *options, model_url=model.url, github_url=github.url, github_token=token,
            github_write_interval=0,
        )  # fmt: skip


def test_a_pull_request_is_printed_and_nothing_is_posted(github: FakeGitHub, pull: Pull) -> None:
    run = review(github, "--pr", "acme/shop#1", "--format", "json")
    assert run.findings == [("a.py", "RIGHT", 2, 2)]
    assert run.code == 1
    assert pull.every_review == []


def test_posting_posts_once_however_often_it_is_asked(github: FakeGitHub, pull: Pull) -> None:
    first = review(github, "--pr", "acme/shop#1", "--post")
    again = review(github, "--pr", f"{github.root}/acme/shop/pull/1", "--post")
    [posted] = pull.every_review
    assert (posted.author, posted.commit_id) == ("grace", pull.head)
    assert f"is posted: {github.root}/acme/shop/pull/1" in first.stderr
    assert "was posted before" in again.stderr


def test_a_persons_own_draft_is_left_alone(github: FakeGitHub, pull: Pull) -> None:
    draft = pull.person_drafts_review("grace", "Still thinking.")
    run = review(github, "--pr", "acme/shop#1", "--post", "--fail-on", "never")
    assert run.code == 2
    assert "a draft review of grace" in run.stderr
    assert pull.every_review == [draft]


def test_a_token_that_is_wrong_is_told_with_the_remedy(github: FakeGitHub, pull: Pull) -> None:
    assert pull.state == "open"
    complaint = review(github, "--pr", "acme/shop#1", token="ghp_n0t_it").complaint
    assert "REVIEWBOT_GITHUB_TOKEN" in complaint
    assert "n0t_it" not in complaint


@pytest.mark.parametrize("name", ["shop#1", "acme/shop", "acme/shop#0", "acme/shop#x", "-#1"])
def test_a_name_that_is_none_is_refused(github: FakeGitHub, name: str) -> None:
    assert "owner/repo#12" in review(github, "--pr", name).complaint


def test_a_pull_request_that_is_not_there_is_told(github: FakeGitHub, pull: Pull) -> None:
    assert pull.number == 1
    assert review(github, "--pr", "acme/shop#7").code == 2


def test_posting_without_a_pull_request_is_refused(github: FakeGitHub) -> None:
    assert review(github, "-", "--post").complaint == "reviewbot: --post goes with --pr"
