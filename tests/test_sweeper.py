"""What the sweeper sends, plans and forgets, on a real database, and what stops it: nothing."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from structlog.testing import capture_logs

from reviewbot.errors import BrokerError, DatabaseError
from reviewbot.service import jobs, listing, schema
from reviewbot.service.database import Database, open_database
from reviewbot.service.sweeper import Sweeper
from reviewbot.service.tables import delivery, job
from reviewbot.service.wanted import Wanted, want

DAY = 86_400.0


class Broker:
    """Keeps what it is sent, unless it fails in some way."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.failure: Exception | None = None

    def send(self, job_id: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(job_id)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    schema.prepare(opened, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def broker() -> Broker:
    return Broker()


def wanted(database: Database, number: int, kind: str = "purge") -> int:
    with database.write() as connection:
        return want(connection, Wanted(kind, 1, number=number), time.time())


def planned(database: Database, kind: str = "redeliver") -> list[int]:
    with database.read() as connection:
        rows = listing.list_jobs(connection, ("new", "running", "done"), 100)
    return [row.id for row in rows if row.kind == kind]


def test_what_is_due_is_sent_once_and_again_only_when_the_message_may_be_lost(
    database: Database, broker: Broker
) -> None:
    first, second = wanted(database, 1), wanted(database, 2)
    sweeper = Sweeper(database, broker.send, 30)
    sweeper.sweep()
    assert broker.sent == [first, second]
    wanted(database, 3)
    sweeper.sweep()
    assert broker.sent[:2] == [first, second]
    assert first not in broker.sent[2:]
    with database.write() as connection:
        long_ago = time.time() - jobs.PUBLISHED_FOR - 1
        connection.execute(update(job).where(job.c.id == first).values(published_at=long_ago))
    sweeper.sweep()
    assert broker.sent.count(first) == 2


def test_a_job_that_is_not_due_yet_waits(database: Database, broker: Broker) -> None:
    later = wanted(database, 1)
    with database.write() as connection:
        soon = time.time() + 1
        connection.execute(update(job).where(job.c.id == later).values(not_before=soon))
    sweeper = Sweeper(database, broker.send, 30)
    sweeper.sweep()
    assert later not in broker.sent
    time.sleep(1)
    sweeper.sweep()
    assert later in broker.sent


def test_a_job_whose_worker_is_gone_is_sent_when_its_lease_ends(
    database: Database, broker: Broker
) -> None:
    lost = wanted(database, 1)
    with database.write() as connection:
        assert jobs.claim(connection, lost, "gone", time.time(), 0.5)
    sweeper = Sweeper(database, broker.send, 30)
    sweeper.sweep()
    assert lost not in broker.sent
    time.sleep(0.6)
    sweeper.sweep()
    assert lost in broker.sent


def test_what_was_sent_before_a_broker_failed_is_noted(database: Database) -> None:
    ids = [wanted(database, number) for number in range(3)]
    sent: list[int] = []

    def sends_two(job_id: int) -> None:
        if len(sent) == 2:
            raise BrokerError("full")
        sent.append(job_id)

    with pytest.raises(BrokerError):
        Sweeper(database, sends_two, 30).sweep()
    with database.read() as connection:
        assert jobs.due(connection, time.time(), 10) == ids[2:]


def test_missed_deliveries_are_asked_for_by_one_job_at_a_time(
    database: Database, broker: Broker
) -> None:
    sweeper = Sweeper(database, broker.send, 30)
    other_process = Sweeper(database, broker.send, 30)
    for one in (sweeper, other_process, sweeper):
        one.sweep()
    assert len(planned(database)) == 1


def test_what_is_old_is_forgotten_and_the_rest_is_kept(database: Database, broker: Broker) -> None:
    now = time.time()
    with database.write() as connection:
        rows = [
            {"guid": f"old-{number}", "body": b"{}", "digest": f"d{number}",
             "received_at": now - 31 * DAY}
            for number in range(700)
        ]  # fmt: skip
        rows.append({"guid": "new", "body": b"{}", "digest": "d", "received_at": now - 29 * DAY})
        connection.execute(insert(delivery), rows)
    sweeper = Sweeper(database, broker.send, 30, first_forget=0)
    for _ in range(3):
        sweeper.sweep()
    with database.read() as connection:
        assert [row.guid for row in connection.execute(delivery.select())] == ["new"]


async def sweeping(sweeper: Sweeper, broker: Broker, bad: float, good: float) -> None:
    """Sweep while the broker fails, then while it is well; seconds of each."""
    task = asyncio.create_task(sweeper.run())
    await asyncio.sleep(bad)
    broker.failure = None
    await asyncio.sleep(good)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("failure", [BrokerError("down"), DatabaseError("down")])
def test_an_outage_is_told_of_once_and_outlived(
    database: Database, broker: Broker, failure: Exception
) -> None:
    first = wanted(database, 1)
    broker.failure = failure
    with capture_logs() as lines:
        asyncio.run(sweeping(Sweeper(database, broker.send, 30), broker, 2.5, 1.5))
    assert [(one["event"], one.get("reason")) for one in lines] == [
        ("nothing can be swept", "down"), ("sweeping again", None),
    ]  # fmt: skip
    assert first in broker.sent


def test_a_bug_is_told_of_with_its_traceback_and_ends_no_sweeping(
    database: Database, broker: Broker
) -> None:
    first = wanted(database, 1)
    broker.failure = KeyError("planted")
    with capture_logs() as lines:
        asyncio.run(sweeping(Sweeper(database, broker.send, 30), broker, 2.5, 1.5))
    assert [(one["event"], one["log_level"]) for one in lines] == [
        ("sweeping failed", "error"), ("sweeping again", "info"),
    ]  # fmt: skip
    assert lines[0]["exc_info"]
    assert first in broker.sent


def test_a_database_without_tables_is_waited_for(tmp_path: Path, broker: Broker) -> None:
    database = open_database(None, tmp_path)

    async def scenario() -> None:
        sweeper = Sweeper(database, broker.send, 30)
        task = asyncio.create_task(sweeper.run())
        await asyncio.sleep(0.5)
        await asyncio.to_thread(schema.prepare, database, tmp_path)
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert len(broker.sent) == len(planned(database)) == 1
    database.close()
