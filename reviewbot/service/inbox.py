"""Deliveries come in; out come their rows and their jobs, all in one transaction.

Only after it is committed is a delivery acknowledged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, or_, select, text, update

from reviewbot.github.marker import read_external_id
from reviewbot.github.webhook import (
    CheckMergeGroup,
    ClosePull,
    Delivery,
    Repository,
    RerunCheck,
    RerunSuite,
    ReviewPull,
    Uninstalled,
)
from reviewbot.service.database import insert_into
from reviewbot.service.jobs import ACTIVE
from reviewbot.service.tables import delivery as inbox
from reviewbot.service.tables import job as table
from reviewbot.service.wanted import Wanted, supersede_others, want

Outcome = Literal["taken", "duplicate", "nothing"]


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery as it arrived. `digest` is of the body, which is all that GitHub signs."""

    delivery: Delivery
    body: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a delivery; `jobs` are those to wake a worker for."""

    outcome: Outcome
    jobs: tuple[int, ...] = ()


def record(connection: Connection, received: Sequence[Received], now: float) -> list[Recorded]:
    """Write deliveries and their jobs, in the order given.

    One that was seen before, by its id or by its body, does nothing; if its job has failed, it
    runs again.
    """
    _lock(connection, received)
    seen = _seen(connection, received)
    results: list[Recorded] = []
    rows = []
    for one in received:
        delivery = one.delivery
        if delivery.guid in seen or one.digest in seen:
            earlier = seen.get(delivery.guid, seen.get(one.digest))
            results.append(_again(connection, earlier, now))
            continue
        jobs = _apply(connection, delivery, now)
        outcome: Outcome = "nothing" if jobs is None else "taken"
        results.append(Recorded(outcome, jobs or ()))
        seen[delivery.guid] = seen[one.digest] = jobs[0] if jobs else None
        rows.append({
            "guid": delivery.guid, "event": delivery.event[:64], "action": delivery.action[:64],
            "installation": delivery.installation, "body": one.body, "digest": one.digest,
            "received_at": now, "outcome": outcome, "job_id": seen[delivery.guid],
        })  # fmt: skip
    if rows:
        insert = insert_into(connection, inbox).on_conflict_do_nothing()
        connection.execute(insert, rows)
    return results


def _lock(connection: Connection, received: Sequence[Received]) -> None:
    """Let one writer at a time decide about a pull request; SQLite has but one writer anyway."""
    if connection.dialect.name != "postgresql":
        return
    hints = (one.delivery.hint for one in received)
    keys = {
        hint.repository.id
        for hint in hints
        if isinstance(hint, ReviewPull | RerunCheck | RerunSuite)
    }
    for key in sorted(keys):  # in one order, so that two batches never wait for each other
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _seen(connection: Connection, received: Sequence[Received]) -> dict[str, int | None]:
    """Give the job of each delivery that was recorded before, by its id and by its digest."""
    guids = [one.delivery.guid for one in received]
    digests = [one.digest for one in received]
    found = select(inbox.c.guid, inbox.c.digest, inbox.c.job_id).where(
        or_(inbox.c.guid.in_(guids), inbox.c.digest.in_(digests))
    )
    seen: dict[str, int | None] = {}
    for guid, digest, job_id in connection.execute(found):
        seen[guid] = seen[digest] = job_id
    return seen


def _again(connection: Connection, job_id: int | None, now: float) -> Recorded:
    """Run the job of an earlier delivery once more, if it failed."""
    if job_id is None:
        return Recorded("duplicate")
    revived = (
        update(table)
        .where(table.c.id == job_id, table.c.state == "failed")
        .values(state="new", reason="", attempts=0, not_before=0, published_at=0, created_at=now)
    )
    if connection.execute(revived).rowcount:
        return Recorded("taken", (job_id,))
    return Recorded("duplicate")


def _apply(  # noqa: PLR0911  # one line for each hint
    connection: Connection, delivery: Delivery, now: float
) -> tuple[int, ...] | None:
    """Do what a delivery hints at; None where there is nothing to do."""
    match delivery.hint:
        case ReviewPull(repository, number, base, head):
            wanted = _wanted("review", delivery, repository, number=number, base=base, head=head)
            return (_review(connection, wanted, now),)
        case ClosePull(repository, number):
            return _look_again(connection, repository, number)
        case RerunCheck(repository, head, external_id):
            return _rerun_check(connection, delivery, repository, head, external_id, now)
        case RerunSuite(repository, head):
            return _rerun_suite(connection, delivery, repository, head, now) or None
        case CheckMergeGroup(repository, head):
            wanted = _wanted("merge_check", delivery, repository, head=head)
            return (want(connection, wanted, now),)
        case Uninstalled():
            purge = Wanted("purge", delivery.installation, number=delivery.installation)
            return (want(connection, purge, now),)
    return None


def _review(connection: Connection, wanted: Wanted, now: float) -> int:
    job_id = want(connection, wanted, now)
    supersede_others(connection, wanted, job_id, now)
    return job_id


def _wanted(kind: str, delivery: Delivery, repository: Repository, **key: int | str) -> Wanted:
    return Wanted(
        kind, delivery.installation, repository.id, repository.owner, repository.name,
        delivery=delivery.guid, **key,  # type: ignore[arg-type]
    )  # fmt: skip


def _look_again(
    connection: Connection, repository: Repository, number: int
) -> tuple[int, ...] | None:
    """Have the workers read a pull request again; one that waits is read anyway."""
    told = (
        update(table)
        .where(
            table.c.repository_id == repository.id,
            table.c.number == number,
            table.c.kind == "review",
            table.c.state.in_(ACTIVE),
        )
        .values(recheck=True)
        .returning(table.c.id)
    )
    return tuple(connection.scalars(told)) or None


def _rerun_check(
    connection: Connection, delivery: Delivery, repository: Repository, head: str,
    external_id: str, now: float,
) -> tuple[int, ...] | None:  # fmt: skip
    """Want the run after the one that a check run is of: asked for twice, it is still one."""
    named = read_external_id(external_id)
    if named is None or named[0] != repository.id:
        return None
    _, number, run, base = named
    known = select(table.c.id).where(
        table.c.repository_id == repository.id, table.c.number == number, table.c.base == base,
        table.c.head == head, table.c.run == run, table.c.kind == "review",
    )  # fmt: skip
    if connection.scalar(known) is None:
        return None
    key: dict[str, int | str] = {"number": number, "base": base, "head": head, "run": run + 1}
    return (_review(connection, _wanted("review", delivery, repository, **key), now),)


def _rerun_suite(
    connection: Connection, delivery: Delivery, repository: Repository, head: str, now: float
) -> tuple[int, ...]:
    """Want one more run of every review of a head that has ended; the suite need not name them."""
    latest = (
        select(table.c.number, table.c.base, func.max(table.c.run))
        .where(
            table.c.repository_id == repository.id, table.c.head == head,
            table.c.kind == "review",
        )
        .group_by(table.c.number, table.c.base)
        .having(func.sum(table.c.state.in_(ACTIVE).cast(table.c.run.type)) == 0)
        .order_by(table.c.number)
    )  # fmt: skip
    again = [
        _wanted("review", delivery, repository, number=number, base=base, head=head, run=run + 1)
        for number, base, run in connection.execute(latest)
    ]
    return tuple(_review(connection, one, now) for one in again)
