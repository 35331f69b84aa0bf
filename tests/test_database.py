"""The database itself: its file, its transactions, and what it says when it cannot be used."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text, update

from reviewbot.errors import DatabaseError
from reviewbot.service.database import FILE, Database, open_database
from reviewbot.service.tables import delivery, write_turn
from tests import postgres
from tests.deliveries import at_once


@pytest.fixture(params=postgres.KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with postgres.fresh_database(request.param, tmp_path) as opened:
        yield opened


def turn(database: Database) -> float:
    with database.read() as connection:
        at: float = connection.execute(select(write_turn.c.next_at)).scalar_one()
    return at


def sets_turn(database: Database, at: float) -> None:
    with database.write() as connection:
        connection.execute(insert(write_turn).values(installation=1, next_at=at))


def adds_to_turn(database: Database, times: int) -> None:
    for _ in range(times):
        with database.write() as connection:
            connection.execute(update(write_turn).values(next_at=write_turn.c.next_at + 1))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_its_owner_reads_the_file_and_what_stands_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    database = open_database(None, folder)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE here (x INTEGER)"))
    assert mode(folder) == 0o700
    assert {path.name for path in folder.iterdir()} == {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    database.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(0o644)
    open_database(None, tmp_path).close()
    assert mode(tmp_path / FILE) == 0o600


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2)])
def test_what_is_committed_to_the_file_is_on_the_disk(
    tmp_path: Path, pragma: str, value: object
) -> None:
    database = open_database(None, tmp_path)
    with database.read() as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value
    database.close()


def test_a_folder_that_cannot_be_made_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="REVIEWBOT_DATA_DIR"):
        open_database(None, tmp_path / "file" / "data")


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    sets_turn(database, 1.0)
    with pytest.raises(RuntimeError), database.write() as connection:  # noqa: PT012
        connection.execute(update(write_turn).values(next_at=2.0))
        raise RuntimeError
    assert turn(database) == 1.0


def test_many_writers_at_once_all_get_their_turn(database: Database) -> None:
    sets_turn(database, 0.0)
    at_once(*[partial(adds_to_turn, database, 20)] * 8)
    assert turn(database) == 160.0


def test_a_reader_waits_for_no_writer(database: Database) -> None:
    sets_turn(database, 1.0)
    with database.write() as connection:
        connection.execute(update(write_turn).values(next_at=2.0))
        assert turn(database) == 1.0
    assert turn(database) == 2.0


def is_impatient(database: Database, statement: str) -> None:
    @event.listens_for(database.engine, "connect")
    def _connected(connection: object, _: object) -> None:
        connection.execute(statement)  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "statement"),
    [("sqlite", "PRAGMA busy_timeout = 50"), ("postgresql", "SET lock_timeout = '50ms'")],
)
def test_a_lock_that_another_holds_too_long_is_an_outage(
    kind: str, statement: str, tmp_path: Path
) -> None:
    with postgres.fresh_database(kind, tmp_path) as database:
        is_impatient(database, statement)
        sets_turn(database, 1.0)
        with database.write() as connection:
            connection.execute(update(write_turn).values(next_at=2.0))
            with pytest.raises(DatabaseError) as raised:
                adds_to_turn(database, 1)
        assert raised.value.unreachable
        adds_to_turn(database, 1)
        assert turn(database) == 3.0


def test_a_process_frozen_in_a_transaction_holds_the_others_up_for_a_while_only() -> None:
    """Its locks last at most 30 s; the test shortens that for one connection."""
    with postgres.fresh_database("postgresql", Path()) as database:
        with database.read() as connection:
            limit = "SHOW idle_in_transaction_session_timeout"
            assert connection.execute(text(limit)).scalar_one() == "30s"
        sets_turn(database, 0.0)
        with pytest.raises(DatabaseError) as raised, database.write() as connection:  # noqa: PT012
            short = "SET LOCAL idle_in_transaction_session_timeout = '50ms'"
            connection.execute(text(short))
            connection.execute(update(write_turn).values(next_at=9.0))
            adds_to_turn(database, 1)  # waits until the server ends the other
            connection.execute(update(write_turn).values(next_at=9.0))
        assert raised.value.unreachable
        assert turn(database) == 1.0


def test_an_error_quotes_nothing_of_a_row(database: Database) -> None:
    row = {"guid": "secret-id", "body": b"secret", "digest": "secret", "received_at": 0.0}
    with database.write() as connection:
        connection.execute(insert(delivery).values(row))
    with pytest.raises(DatabaseError) as raised, database.write() as connection:
        connection.execute(insert(delivery).values(row))
    assert "secret" not in str(raised.value)
    assert not raised.value.unreachable


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://me:hunter2@host/name", "sqlite:///hunter2", "postgresql://a:b:c"]
)
def test_an_address_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(DatabaseError, match="REVIEWBOT_DATABASE_URL") as raised:
        open_database(url, Path())
    assert "hunter2" not in str(raised.value)


def test_a_server_that_is_not_there_is_an_outage_and_its_password_is_not_told() -> None:
    database = open_database("postgresql://me:hunter2@127.0.0.1:1/name", Path())
    with pytest.raises(DatabaseError) as raised, database.read():
        pass
    assert raised.value.unreachable
    assert "hunter2" not in str(raised.value)


def test_connections_that_the_server_closed_are_opened_again() -> None:
    with postgres.fresh_database("postgresql", Path()) as database:
        sets_turn(database, 5.0)
        postgres.server().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'reviewbot'"
        )
        assert turn(database) == 5.0


def test_many_threads_may_open_the_same_new_file_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def opens() -> None:
        database = open_database(None, tmp_path)
        together.wait()
        with database.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS here (x INTEGER)"))
        database.close()

    at_once(*[opens] * 8)
