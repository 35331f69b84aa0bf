"""What a person who runs the service types: doctor, jobs, db; and what bad settings get."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewbot.github.webhook import Delivery, Repository, ReviewPull
from reviewbot.service import jobs, schema
from reviewbot.service.database import Database, open_database
from reviewbot.service.inbox import Received, record
from tests.fakes.forge import FakeGitHub
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.run import reviewbot

NOW = 1_790_000_000.0
SHOP = Repository(5, "acme", "shop")


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as running:
        yield running


@pytest.fixture
def complete(tmp_path: Path, github: FakeGitHub) -> dict[str, Any]:
    """All that the service needs to be set."""
    key = tmp_path / "app.pem"
    key.write_text(github.private_key)
    return {
        "github_app_id": 4242, "github_private_key_file": key, "github_url": github.url,
        "github_webhook_secret": "a long secret", "data_dir": tmp_path / "data",
    }  # fmt: skip


@pytest.fixture
def failed(tmp_path: Path) -> Database:
    """A database with one job, which has failed."""
    folder = tmp_path / "data"
    database = open_database(None, folder)
    schema.prepare(database, folder)
    hint = ReviewPull(SHOP, 12, "main", "a" * 40)
    received = Received(Delivery("guid", "pull_request", "opened", 1, hint), b"{}", "digest")
    with database.write() as connection:
        record(connection, [received], NOW)
        job = jobs.claim(connection, 1, "worker", NOW, 60)
        assert job is not None
        jobs.finish(connection, job, "failed", "the App lacks a permission", NOW)
    return database


def test_doctor_looks_at_the_app_the_database_and_the_broker(
    complete: dict[str, Any],
) -> None:
    with ModelServer(Tgi(), Finder()) as model:
        run = reviewbot("doctor", model_url=model.url, **complete)
    assert run.code == 0, run.stdout
    assert "ok    github    the App reviewbot-of-the-tests of acme has all that" in run.stdout
    assert "ok    database  an SQLite file" in run.stdout
    assert "ok    broker    `reviewbot serve` brings its own" in run.stdout


def test_doctor_names_what_the_app_lacks(complete: dict[str, Any], github: FakeGitHub) -> None:
    github.permissions["checks"] = "read"
    with ModelServer(Tgi(), Finder()) as model:
        run = reviewbot("doctor", model_url=model.url, **complete)
    assert run.code == 1
    assert "lacks: permission checks: write" in run.stdout


def test_a_failed_job_is_listed_shown_and_replayed(tmp_path: Path, failed: Database) -> None:
    folder = tmp_path / "data"
    listed = reviewbot("jobs", "list", data_dir=folder)
    assert "acme/shop#12" in listed.stdout
    assert "the App lacks a permission" in listed.stdout
    assert "head          " + "a" * 40 in reviewbot("jobs", "show", "1", data_dir=folder).stdout
    assert "is new again" in reviewbot("jobs", "replay", "1", data_dir=folder).stdout
    with failed.read() as connection:
        assert jobs.due(connection, NOW * 2, 10) == [1]
    assert "job 1 is new" in reviewbot("jobs", "replay", "1", data_dir=folder).complaint


def test_nothing_stuck_is_said(tmp_path: Path) -> None:
    assert "no job is" in reviewbot("jobs", "list", data_dir=tmp_path / "data").stdout


def test_a_job_that_is_not_there_is_told(tmp_path: Path) -> None:
    complaint = reviewbot("jobs", "show", "7", data_dir=tmp_path / "data").complaint
    assert complaint == "reviewbot: there is no job 7 (any more): see `reviewbot jobs list`"


def test_the_database_is_upgraded_by_a_command(tmp_path: Path) -> None:
    run = reviewbot("db", "upgrade", data_dir=tmp_path / "data")
    assert run.stdout == f"the database was of revision none and is of {schema.HEAD}\n"


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("github_app_id", "REVIEWBOT_GITHUB_APP_ID"),
        ("github_webhook_secret", "REVIEWBOT_GITHUB_WEBHOOK_SECRET"),
        ("github_private_key_file", "REVIEWBOT_GITHUB_PRIVATE_KEY"),
    ],
)
def test_the_service_refuses_to_start_without_what_it_needs(
    complete: dict[str, Any], command: str, missing: str, named: str
) -> None:
    del complete[missing]
    assert named in reviewbot(command, **complete).complaint


def test_an_api_alone_wants_a_broker(complete: dict[str, Any]) -> None:
    assert "REVIEWBOT_BROKER_URL" in reviewbot("api", **complete).complaint


def test_a_key_that_is_none_is_told_and_not_shown(complete: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text("-----BEGIN RSA PRIVATE KEY-----\nabcdef\n")
    complaint = reviewbot("serve", **complete).complaint
    assert "REVIEWBOT_GITHUB_PRIVATE_KEY" in complaint
    assert "abcdef" not in complaint


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", "sqlite:///x"])
def test_another_database_is_refused(complete: dict[str, Any], url: str) -> None:
    complaint = reviewbot("api", broker_url="redis://127.0.0.1:1", database_url=url, **complete)
    assert "REVIEWBOT_DATABASE_URL" in complaint.complaint
