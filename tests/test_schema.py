"""Upgrades that meet: several processes at once, on a server and on a file with jobs in it.

What the migrations make, and which revisions are refused, is in `test_migrations`.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from reviewbot.service import schema
from reviewbot.service.database import Database, open_database
from tests import postgres
from tests.deliveries import Inbox, push

UPGRADES = """
import sys
from pathlib import Path
from reviewbot.service import schema
from reviewbot.service.database import open_database
folder = Path(sys.argv[1])
database = open_database(sys.argv[2] or None, folder)
schema.revision(database)
import alembic.command
print("ready", flush=True)
sys.stdin.readline()
{call}
print(schema.revision(database))
"""
PROCESSES = 3


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    database = open_database(None, tmp_path)
    yield database
    database.close()


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.fresh_address("postgresql", template=None) as url:
        assert url is not None
        yield url


@pytest.fixture
def on_server(address: str, tmp_path: Path) -> Iterator[Database]:
    database = open_database(address, tmp_path)
    yield database
    database.close()


def is_of_the_first_schema(database: Database, jobs: int) -> None:
    """Make the first tables, with jobs that wait, as the first version wrote them."""
    with database.write() as connection:
        config = Config()
        folder = Path(schema.__file__).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for number in range(1, jobs + 1):
            connection.execute(
                text(
                    "INSERT INTO job (kind, installation, repository_id, owner_login, repository,"
                    " number, base, head, state, created_at) VALUES ('review', 7, 1, 'acme',"
                    " 'shop', :number, 'main', :head, 'new', 5.0)"
                ),
                {"number": number, "head": "a" * 40},
            )


def at_once(call: str, folder: Path, url: str) -> list[tuple[str, int]]:
    """Run a call in processes that begin when all are ready: what they say, and how they end."""
    line = [sys.executable, "-c", UPGRADES.format(call=call), str(folder), url]
    started = [
        subprocess.Popen(line, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    return [(out, process.returncode) for out, process in zip(said, started, strict=True)]


def test_several_upgrades_of_an_empty_server_at_once_all_go_well(
    address: str, tmp_path: Path
) -> None:
    said = at_once("schema.upgrade(database)", tmp_path, address)
    assert said == [(schema.HEAD, 0)] * PROCESSES


def test_several_upgrades_of_an_older_server_at_once_keep_its_jobs(
    on_server: Database, address: str, tmp_path: Path
) -> None:
    is_of_the_first_schema(on_server, jobs=20)
    said = at_once("schema.upgrade(database)", tmp_path, address)
    assert said == [(schema.HEAD, 0)] * PROCESSES
    inbox = Inbox(on_server)
    assert [inbox.claims(job).state for job in inbox.due()] == ["running"] * 20


def test_several_starts_on_an_older_file_at_once_keep_its_jobs(
    file: Database, tmp_path: Path
) -> None:
    is_of_the_first_schema(file, jobs=20)
    said = at_once("schema.prepare(database, folder)", tmp_path, "")
    assert said == [(schema.HEAD, 0)] * PROCESSES
    inbox = Inbox(file)
    assert [inbox.claims(job).state for job in inbox.due()] == ["running"] * 20


def test_a_job_of_the_first_schema_gives_way_to_a_newer_head(file: Database) -> None:
    is_of_the_first_schema(file, jobs=1)
    schema.upgrade(file)
    inbox = Inbox(file)
    inbox.takes(push("b"))
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "new")]


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(on_server: Database) -> None:
    schema.upgrade(on_server)
    Inbox(on_server).takes(push("a"))
    assert schema.upgrade(on_server) == schema.HEAD
    schema.prepare(on_server, Path())
    assert Inbox(on_server).states == [("a", 0, "new")]
