"""The pace of writes: each gets a turn of its own, and nobody holds a worker for long."""

from functools import partial

import pytest
from sqlalchemy import func, select

from reviewbot.errors import GitHubLimitError
from reviewbot.service.database import Database
from reviewbot.service.pace import PATIENCE, take_turn
from reviewbot.service.tables import write_turn
from tests.deliveries import at_once

pytest_plugins = "tests.databases"

NOW = 1_800_000_000.0


def takes(
    database: Database, *, installation: int = 7, interval: float = 1.0, now: float = NOW
) -> float:
    with database.write() as connection:
        return take_turn(connection, installation, interval, now)


def takes_some(database: Database, times: int) -> list[float]:
    return [takes(database, interval=0.5) for _ in range(times)]


def rows(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(write_turn)).scalar_one()


def test_the_first_write_waits_for_nobody_and_the_next_ones_are_an_interval_apart(
    database: Database,
) -> None:
    assert [takes(database) for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_two_threads_get_turns_an_interval_apart(database: Database) -> None:
    waits = at_once(*[partial(takes_some, database, 5)] * 2)
    every = sorted(wait for some in waits for wait in some)
    assert every == [0.5 * turn for turn in range(10)]


def test_a_turn_that_is_five_seconds_away_is_taken_and_a_later_one_is_not(
    database: Database,
) -> None:
    assert [takes(database) for _ in range(6)][-1] == PATIENCE
    for _ in range(3):  # who is refused takes none, so the wait does not grow
        with pytest.raises(GitHubLimitError) as raised:
            takes(database)
        assert raised.value.seconds == 6.0
    assert takes(database, now=NOW + 1) == PATIENCE


def test_time_without_writes_saves_no_turns_up(database: Database) -> None:
    takes(database)
    assert [takes(database, now=NOW + 100) for _ in range(3)] == [0.0, 1.0, 2.0]


def test_installations_do_not_wait_for_each_other(database: Database) -> None:
    takes(database, installation=7)
    assert takes(database, installation=8) == 0.0
    assert rows(database) == 2


def test_without_an_interval_nothing_is_noted(database: Database) -> None:
    assert [takes(database, interval=0) for _ in range(3)] == [0.0] * 3
    assert rows(database) == 0
