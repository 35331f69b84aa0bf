"""Kept answers: what the model said once is not asked again, whoever dies in between."""

import asyncio
import time
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from reviewbot.servers.completion import Completion, TokenChance
from reviewbot.service import retention
from reviewbot.service.answers import KeptForAll, KeptInTable
from reviewbot.service.database import Database
from reviewbot.service.jobs import Job
from reviewbot.service.tables import answer
from tests.deliveries import INSTALLATION, Inbox, push

pytest_plugins = "tests.databases"

SAID = Completion("[]", "stop", 100, 2, 64, chances=((TokenChance("[", -0.25),),))
HOUR = 3600.0


@pytest.fixture
def claimed(inbox: Inbox) -> Job:
    return inbox.claims(*inbox.takes(push("a")))


@pytest.fixture
def kept(database: Database, claimed: Job) -> KeptInTable:
    return KeptInTable(database, claimed)


@pytest.fixture
def broken(database: Database, kept: KeptInTable) -> KeptInTable:
    """The answers in a database that has lost their table."""
    answer.drop(database.engine)
    return kept


def keeps(kept: KeptInTable | KeptForAll, key: str, completion: Completion = SAID) -> None:
    asyncio.run(kept.put(key, completion))


def finds(kept: KeptInTable | KeptForAll, key: str) -> Completion | None:
    return asyncio.run(kept.get(key))


def used_at(database: Database) -> float:
    with database.read() as connection:
        at: float = connection.execute(select(answer.c.used_at)).scalar_one()
    return at


def changes(database: Database, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(answer).values(**values))


def count(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(answer.c.key)).all())


def test_an_answer_comes_back_whole(kept: KeptInTable) -> None:
    keeps(kept, "key")
    assert finds(kept, "key") == SAID
    assert finds(kept, "another") is None


def test_the_later_of_two_answers_stays(kept: KeptInTable, database: Database) -> None:
    keeps(kept, "key")
    keeps(kept, "key", Completion("later", "stop"))
    assert finds(kept, "key") == Completion("later", "stop")
    assert count(database) == 1


def test_another_job_of_the_installation_finds_it_and_no_other_installation_does(
    kept: KeptInTable, inbox: Inbox, database: Database
) -> None:
    keeps(kept, "key")
    other = inbox.claims(*inbox.takes(push("b", 2)))
    assert finds(KeptInTable(database, other), "key") == SAID
    foreign = replace(other, installation=INSTALLATION + 1)
    assert finds(KeptInTable(database, foreign), "key") is None


def test_an_answer_is_a_step_of_its_job(kept: KeptInTable, claimed: Job, inbox: Inbox) -> None:
    before = inbox.row(claimed.id).progress
    keeps(kept, "one")
    keeps(kept, "two")
    assert inbox.row(claimed.id).progress == before + 2


def test_who_lost_the_job_keeps_nothing(
    kept: KeptInTable, claimed: Job, inbox: Inbox, database: Database
) -> None:
    inbox.now += 100
    inbox.claims(claimed.id)
    before = inbox.row(claimed.id).progress
    keeps(kept, "key")
    assert count(database) == 0
    assert inbox.row(claimed.id).progress == before


def test_a_job_that_gave_way_still_keeps_what_was_answered(kept: KeptInTable, inbox: Inbox) -> None:
    inbox.takes(push("b"))
    keeps(kept, "key")
    assert finds(kept, "key") == SAID


def test_a_job_that_was_purged_leaves_nothing_behind(kept: KeptInTable, database: Database) -> None:
    keeps(kept, "key")
    with database.write() as connection:
        retention.purge(connection, INSTALLATION, but=0)
    keeps(kept, "late")
    assert count(database) == 0


def test_a_use_is_noted_once_an_hour_so_that_it_is_not_forgotten(
    kept: KeptInTable, database: Database
) -> None:
    keeps(kept, "key")
    recent = time.time() - HOUR / 2
    changes(database, used_at=recent)
    finds(kept, "key")
    assert used_at(database) == recent
    changes(database, used_at=time.time() - 2 * HOUR)
    assert finds(kept, "key") == SAID
    assert used_at(database) > time.time() - 60


@pytest.mark.parametrize("written", [b"", b"null", b'{"text":1}', b"\xff\xfe"])
def test_what_another_version_wrote_is_asked_for_anew(
    kept: KeptInTable, database: Database, written: bytes
) -> None:
    keeps(kept, "key")
    changes(database, completion=written)
    assert finds(kept, "key") is None
    keeps(kept, "key")
    assert finds(kept, "key") == SAID


def test_a_database_that_fails_costs_the_answer_and_not_the_review(broken: KeptInTable) -> None:
    keeps(broken, "key")
    assert finds(broken, "key") is None


def test_an_answer_that_cannot_be_written_is_no_step(
    broken: KeptInTable, claimed: Job, inbox: Inbox
) -> None:
    before = inbox.row(claimed.id).progress
    keeps(broken, "key")
    assert inbox.row(claimed.id).progress == before


def test_what_is_known_of_servers_is_held_by_the_process() -> None:
    kept = KeptForAll()
    keeps(kept, "key")
    assert finds(kept, "key") == SAID
    assert finds(kept, "another") is None
    assert finds(KeptForAll(), "key") is None
