"""The schema: from nothing and from the first one to this version's; another one is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from reviewbot.errors import DatabaseError
from reviewbot.service import schema
from reviewbot.service.database import Database, open_database
from reviewbot.service.tables import job, metadata
from tests import postgres
from tests.deliveries import Inbox, push

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"
STARTS = """
import sys
from pathlib import Path
from reviewbot.service import schema
from reviewbot.service.database import open_database
database = open_database(None, Path(sys.argv[1]))
schema.prepare(database, Path(sys.argv[1]))
print(schema.revision(database), "alembic" in sys.modules)
"""


@pytest.fixture(params=postgres.KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any tables."""
    with postgres.fresh_address(request.param, template=None) as url:
        database = open_database(url, tmp_path)
        yield database
        database.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    database = open_database(None, tmp_path)
    yield database
    database.close()


def upgrades_to(database: Database, revision: str) -> None:
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_of_revision(database: Database, revision: str) -> None:
    with database.write() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))


def has_jobs_of_the_first_schema(database: Database) -> None:
    rows = [("a", "new"), ("b", "posting"), ("c", "done"), ("d", "failed")]
    with database.write() as connection:
        for number, (head, state) in enumerate(rows, 1):
            connection.execute(
                text(
                    "INSERT INTO job (kind, installation, repository_id, owner_login, repository,"
                    " number, base, head, state, attempts, created_at, delivery) VALUES ('review',"
                    " 7, 1, 'acme', 'shop', :number, 'main', :head, :state, 2, 5.0, 'guid')"
                ),
                {"number": number, "head": head * 40, "state": state},
            )


def starts(folder: Path) -> "subprocess.Popen[str]":
    command_line = [sys.executable, "-c", STARTS, str(folder)]
    return subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_migrations_make_the_tables_that_the_program_works_with(empty: Database) -> None:
    assert schema.upgrade(empty) is None
    with empty.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    assert schema.revision(empty) == schema.HEAD


def test_the_last_file_is_the_revision_that_the_program_works_with() -> None:
    assert max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py")) == schema.HEAD


def test_jobs_of_the_first_schema_go_on_after_the_upgrade(empty: Database) -> None:
    upgrades_to(empty, "0001")
    has_jobs_of_the_first_schema(empty)
    assert schema.upgrade(empty) == "0001"
    inbox = Inbox(empty)
    assert inbox.states == [("a", 0, "new"), ("b", 0, "posting"), ("c", 0, "done"),
                            ("d", 0, "failed")]  # fmt: skip
    claimed = [inbox.claims(job_id) for job_id in inbox.due()]
    assert [one.state for one in claimed] == ["running", "posting"]
    assert {one.attempts for one in claimed} == {3}


def test_what_is_being_posted_at_the_upgrade_is_known_to_be(empty: Database) -> None:
    upgrades_to(empty, "0001")
    has_jobs_of_the_first_schema(empty)
    schema.upgrade(empty)
    with empty.read() as connection:
        flags = connection.execute(select(job.c.unclean_posting).order_by(job.c.id))
        assert flags.scalars().all() == [False, True, False, False]


def test_an_upgraded_database_takes_deliveries(empty: Database) -> None:
    upgrades_to(empty, "0001")
    schema.upgrade(empty)
    assert Inbox(empty).takes(push("a"))


def test_a_file_upgrades_by_itself(file: Database, tmp_path: Path) -> None:
    upgrades_to(file, "0001")
    schema.prepare(file, tmp_path)
    assert schema.revision(file) == schema.HEAD


def test_a_servers_database_without_tables_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with postgres.fresh_address("postgresql", template=None) as url:
        database = open_database(url, tmp_path)
        with pytest.raises(DatabaseError, match="run `reviewbot db upgrade`"):
            schema.prepare(database, tmp_path)
        assert schema.revision(database) is None
        database.close()


def test_a_servers_older_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with postgres.fresh_address("postgresql", template=None) as url:
        database = open_database(url, tmp_path)
        upgrades_to(database, "0001")
        with pytest.raises(DatabaseError, match=r"0001.*run `reviewbot db upgrade`"):
            schema.prepare(database, tmp_path)
        schema.upgrade(database)
        schema.prepare(database, tmp_path)
        database.close()


def test_a_database_of_a_newer_version_is_left_alone(empty: Database, tmp_path: Path) -> None:
    schema.upgrade(empty)
    is_of_revision(empty, "9999")
    with pytest.raises(DatabaseError, match="a newer reviewbot wrote"):
        schema.prepare(empty, tmp_path)
    with pytest.raises(DatabaseError, match="a newer reviewbot wrote"):
        schema.upgrade(empty)
    assert schema.revision(empty) == "9999"


def test_an_upgrade_that_fails_halfway_leaves_the_database_as_it_was(empty: Database) -> None:
    upgrades_to(empty, "0001")
    with empty.write() as connection:
        connection.execute(text("ALTER TABLE job RENAME COLUMN state TO status"))
    with pytest.raises(DatabaseError):
        schema.upgrade(empty)
    assert schema.revision(empty) == "0001"
    with empty.read() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("job")}
    assert "unclean_posting" not in columns


def test_processes_that_start_at_once_on_a_new_file_do_not_collide(tmp_path: Path) -> None:
    started = [starts(tmp_path) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in started]
    assert {out.split()[0] for out, _ in said} == {schema.HEAD}
    assert [process.returncode for process in started] == [0] * 4


def test_a_start_on_tables_of_this_version_does_not_load_alembic(tmp_path: Path) -> None:
    with postgres.fresh_database("sqlite", tmp_path):
        out, _ = starts(tmp_path).communicate(timeout=60)
    assert out.split() == [schema.HEAD, "False"]
