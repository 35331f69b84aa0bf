"""Deliveries come in; out come their rows and their jobs, all in one transaction.

Only after it is committed is a delivery acknowledged.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from reviewbot.github.marker import read_external_id
from reviewbot.github.webhook import (
    CheckMergeGroup,
    ClosePull,
    Delivery,
    Nothing,
    Repository,
    RerunCheck,
    RerunSuite,
    ReviewPull,
    Uninstalled,
)
from reviewbot.service.board import Board, Entry, Pull, lock, pulls_with_heads, repository_name
from reviewbot.service.tables import ACTIVE
from reviewbot.service.tables import delivery as inbox
from reviewbot.service.wanted import Wanted

Outcome = Literal["taken", "duplicate", "nothing"]
_HEADLESS = ClosePull | Uninstalled | Nothing
_seen_before = select(inbox.c.guid, inbox.c.digest, inbox.c.job_id).where(
    or_(
        inbox.c.guid.in_(bindparam("guids", expanding=True)),
        inbox.c.digest.in_(bindparam("digests", expanding=True)),
    )
)
_inserts = {
    "sqlite": sqlite.insert(inbox).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(inbox).on_conflict_do_nothing(),
}


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
    """Write deliveries and their jobs, in the order given, with few statements for all of them.

    One that was seen before, by its id or by its body, does nothing; if its job has failed, it
    runs again.
    """
    deliveries = [one.delivery for one in received]
    lock(connection, {name for one in deliveries for name in _names(one)})
    seen = _seen(connection, received)
    board = _board(connection, deliveries, {job_id for job_id in seen.values() if job_id})
    decided: list[tuple[Outcome, list[Entry]]] = []
    fresh: list[tuple[Received, Outcome, list[Entry]]] = []
    for one in received:
        delivery = one.delivery
        if delivery.guid in seen or one.digest in seen:
            earlier = seen.get(delivery.guid) or seen.get(one.digest)
            revived = _again(board, delivery, earlier)
            decided.append(("taken" if revived else "duplicate", revived))
            continue
        entries = _apply(board, delivery)
        outcome: Outcome = "nothing" if entries is None else "taken"
        decided.append((outcome, entries or []))
        fresh.append((one, outcome, entries or []))
        seen[delivery.guid] = seen[one.digest] = None
    board.write(now)
    _insert(connection, fresh, now)
    return [
        Recorded(outcome, tuple(entry.id for entry in entries if entry.state in ACTIVE))
        for outcome, entries in decided
    ]


def _names(delivery: Delivery) -> tuple[str, ...]:
    """Name what a delivery is decided about alone: a repository, or an installation's end."""
    match delivery.hint:
        case Uninstalled():
            return (f"installation {delivery.installation}",)
        case Nothing():
            return ()
        case hint:
            return (repository_name(hint.repository.id),)


def _seen(connection: Connection, received: Sequence[Received]) -> dict[str, int | None]:
    """Give the job of each delivery that was recorded before, by its id and by its digest."""
    given = {
        "guids": [one.delivery.guid for one in received],
        "digests": [one.digest for one in received],
    }
    seen: dict[str, int | None] = {}
    for guid, digest, job_id in connection.execute(_seen_before, given):
        seen[guid] = seen[digest] = job_id
    return seen


def _board(connection: Connection, deliveries: Sequence[Delivery], ids: Collection[int]) -> Board:
    """Read all jobs that the deliveries are about."""
    hints = [one.hint for one in deliveries]
    suites = {(one.repository.id, one.head) for one in hints if isinstance(one, RerunSuite)}
    pulls = pulls_with_heads(connection, suites)
    pulls.update(pull for one in deliveries if (pull := _pull(one)))
    heads = {"" if isinstance(hint, _HEADLESS) else hint.head for hint in hints}
    return Board(connection, pulls, heads, ids)


def _pull(delivery: Delivery) -> Pull | None:
    match delivery.hint:
        case ReviewPull(repository, number) | ClosePull(repository, number):
            return repository.id, number
        case RerunCheck(repository, _, external_id):
            named = read_external_id(external_id)
            return (repository.id, named[1]) if named and named[0] == repository.id else None
        case CheckMergeGroup(repository):
            return repository.id, 0
        case Uninstalled():
            return 0, delivery.installation
    return None


def _again(board: Board, delivery: Delivery, job_id: int | None) -> list[Entry]:
    """Run the job of an earlier delivery once more, if it failed."""
    entry = board.again(job_id) if job_id is not None else None
    found = [] if entry is None else [entry]
    if isinstance(delivery.hint, RerunSuite):  # which has more than the one that is noted
        mine = [one for one in board.by_id.values() if one.wanted.delivery == delivery.guid]
        found += [one for one in mine if one not in found and board.again(one.id)]
    return found


def _apply(board: Board, delivery: Delivery) -> list[Entry] | None:
    """Do what a delivery hints at; None where there is nothing to do."""
    found: list[Entry] = []
    match delivery.hint:
        case ReviewPull(repository, number, base, head):
            found = [board.review(_wanted("review", delivery, repository, number, base, head))]
        case ClosePull(repository, number):
            found = board.look_again((repository.id, number))
        case RerunCheck(repository, head, external_id):
            found = _rerun_check(board, delivery, repository, head, external_id)
        case RerunSuite(repository, head):
            found = _rerun_suite(board, delivery, repository, head)
        case CheckMergeGroup(repository, head):
            found = [board.run(_wanted("merge_check", delivery, repository, head=head))]
        case Uninstalled():
            installation = delivery.installation
            purge = Wanted("purge", installation, number=installation, delivery=delivery.guid)
            found = [board.run(purge)]
    return found or None


def _wanted(
    kind: str, delivery: Delivery, repository: Repository, number: int = 0, base: str = "",
    head: str = "",
) -> Wanted:  # fmt: skip
    return Wanted(
        kind, delivery.installation, repository.id, repository.owner, repository.name,
        number, base, head, delivery=delivery.guid,
    )  # fmt: skip


def _rerun_check(
    board: Board, delivery: Delivery, repository: Repository, head: str, external_id: str
) -> list[Entry]:
    """Want the run after the one that a check run is of: asked for twice, it is still one."""
    named = read_external_id(external_id)
    if named is None or named[0] != repository.id:
        return []
    _, number, run, base = named
    of = replace(_wanted("review", delivery, repository, number, base, head), run=run)
    return [board.run(replace(of, run=run + 1))] if board.has_run(of) else []


def _rerun_suite(
    board: Board, delivery: Delivery, repository: Repository, head: str
) -> list[Entry]:
    """Want one more run of every review of a head that has ended; the suite need not name them."""
    found = []
    for of in board.ended(repository.id, head):
        wanted = _wanted("review", delivery, repository, of.number, of.base, head)
        found.append(board.run(replace(wanted, run=of.run + 1)))
    return found


def _insert(
    connection: Connection, fresh: Sequence[tuple[Received, Outcome, list[Entry]]], now: float
) -> None:
    rows = [_row(one, outcome, entries, now) for one, outcome, entries in fresh]
    if rows:
        # by id, so that two batches with the same two deliveries never wait in a circle
        rows.sort(key=lambda row: str(row["guid"]))
        connection.execute(_inserts[connection.dialect.name], rows)


def _row(one: Received, outcome: Outcome, entries: list[Entry], now: float) -> dict[str, object]:
    delivery = one.delivery
    return {
        "guid": delivery.guid, "event": delivery.event[:64], "action": delivery.action[:64],
        "installation": delivery.installation, "body": one.body, "digest": one.digest,
        "received_at": now, "outcome": outcome, "job_id": entries[0].id if entries else None,
    }  # fmt: skip
