"""How a job lives and dies: each transition is one conditional write that names the claim.

new → running → posting → done, superseded or failed. A claim is a lease: it is renewed while the
worker lives, and whoever lost it changes nothing any more.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, or_, select, true, update

from reviewbot.service import tables
from reviewbot.service.board import Board, lock, repository_name
from reviewbot.service.tables import job as table

ACTIVE = tables.ACTIVE
ENDED = tables.ENDED
MAX_ATTEMPTS = 5
PUBLISHED_FOR = 15.0
"""Seconds after which a message counts as lost and is sent again."""
CLEAN_UP_SECONDS = 86_400.0
"""For so long it is tried to complete the check run of a job that ended."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `state` is what it was claimed in: `posting` after an end in mid-posting,
    `superseded` or `failed` where only its check run is to be completed.
    """

    id: int
    kind: str
    installation: int
    repository_id: int
    owner_login: str
    repository: str
    number: int
    base: str
    head: str
    run: int
    state: str
    reason: str
    owner: str
    attempts: int
    created_at: float
    claimed_at: float
    check_run_id: int | None
    check_open: bool
    delivery: str

    @property
    def name(self) -> str:
        """Say `owner/repo#12`."""
        return f"{self.owner_login}/{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What others made of a job that a worker holds."""

    state: str
    recheck: bool


_FIELDS = [table.c[name] for name in Job.__dataclass_fields__]
_is_active = table.c.state.in_(ACTIVE)
_one_less = case((table.c.attempts > 0, table.c.attempts - 1), else_=0)
_has_work = or_(_is_active, and_(table.c.state.in_(ENDED), table.c.check_open))


def _is_free(now: float) -> ColumnElement[bool]:
    return and_(table.c.not_before <= now, or_(table.c.owner.is_(None), table.c.lease_until < now))


def claim(
    connection: Connection, job_id: int, worker: str, now: float, lease_seconds: float
) -> Job | None:
    """Take a job that is due and that nobody holds; None where it is not so.

    An attempt without progress since the one before is counted. After five of them a review comes
    back as failed, so that its check run can say so; anything else is failed, and given to nobody.
    """
    moved = table.c.progress > table.c.progress_at_claim
    taken = (
        update(table)
        .where(table.c.id == job_id, _has_work, _is_free(now))
        .values(
            owner=uuid.uuid4().hex,
            worker=worker,
            lease_until=now + lease_seconds,
            claimed_at=now,
            recheck=false(),
            attempts=case((moved, 1), else_=table.c.attempts + 1),
            progress_at_claim=table.c.progress,
            state=case((table.c.state == "new", "running"), else_=table.c.state),
            # a check run that nobody could complete for a day gets this one last try
            check_open=case(
                (_ended_before(now - CLEAN_UP_SECONDS), false()), else_=table.c.check_open
            ),
        )
        .returning(*_FIELDS)
    )
    row = connection.execute(taken).mappings().one_or_none()
    if row is None:
        return None
    job = Job(**row)
    if job.state in ACTIVE and job.attempts > MAX_ATTEMPTS:
        return _give_up(connection, job, now)
    return job


def _give_up(connection: Connection, job: Job, now: float) -> Job | None:
    reason = f"{MAX_ATTEMPTS} attempts ended without progress; the last: {job.reason or 'lost'}"
    told = job.kind == "review"
    _change(connection, job, _is_active, state="failed", reason=reason, finished_at=now,
            check_open=told, owner=job.owner if told else None)  # fmt: skip
    return replace(job, state="failed", reason=reason, check_open=True) if told else None


def heartbeat(
    connection: Connection, owners: Sequence[str], now: float, lease_seconds: float
) -> None:
    """Renew the leases of claims."""
    if owners:
        held = table.c.owner.in_(owners)
        renewed = update(table).where(held, _in_order(held))
        connection.execute(renewed.values(lease_until=now + lease_seconds))


def watch(connection: Connection, owners: Sequence[str]) -> dict[str, Watched]:
    """See what became of claims; one that is missing is lost."""
    if not owners:
        return {}
    seen = select(table.c.owner, table.c.state, table.c.recheck).where(table.c.owner.in_(owners))
    return {owner: Watched(state, recheck) for owner, state, recheck in connection.execute(seen)}


def is_wanted(connection: Connection, job: Job, state: str) -> bool:
    """Whether the claim still holds and nobody decided otherwise."""
    found = watch(connection, [job.owner]).get(job.owner)
    return found == Watched(state, recheck=False)


def advance(connection: Connection, job: Job, state: str) -> bool:
    """Take a job to the next state; False where it was lost or superseded."""
    also = {"unclean_posting": true()} if state == "posting" else {}
    return _change(connection, job, _is_active, state=state, progress=table.c.progress + 1, **also)


def note_progress(connection: Connection, job: Job) -> bool:
    """Count a step; False where the job was lost."""
    return _change(connection, job, true(), progress=table.c.progress + 1)


def set_check(connection: Connection, job: Job, check_run_id: int | None) -> bool:
    """Note that a check run is about to be created, or which one was; it must be completed."""
    return _change(connection, job, true(), check_open=True, check_run_id=check_run_id)


def close_check(connection: Connection, job: Job) -> bool:
    """Note that the check run of an ended job is completed, or that there is none."""
    return _change(connection, job, true(), check_open=False, owner=None)


def finish(
    connection: Connection,
    job: Job,
    state: str,
    reason: str,
    now: float,
    review_id: int | None = None,
) -> bool:
    """End a job. One that is done has its check run completed; a failed one gets one that tells.

    One that nobody wants ends only if nobody has asked for it since it was claimed: else it is
    given back, for its pull request to be read again. One that gave way to a newer head does not
    fail. One that had ended before stays as it was, and nothing more is tried.
    """
    if job.state in ENDED:
        return close_check(connection, job)
    if state == "done":
        return _change(
            connection, job, true(), state=state, reason=reason, finished_at=now, owner=None,
            review_id=review_id, not_before=0, published_at=0, check_open=False,
            unclean_posting=False,
        )  # fmt: skip
    asked = and_(_is_active, table.c.delivery != job.delivery)
    stays = asked if state == "superseded" else table.c.state == "superseded"
    check_open = true() if state == "failed" else table.c.check_open
    return _change(
        connection, job, true(), owner=None, not_before=0, published_at=0,
        state=case((stays, table.c.state), else_=state),
        reason=case((stays, table.c.reason), else_=reason),
        finished_at=case((stays, table.c.finished_at), else_=now),
        attempts=case((stays, _one_less), else_=table.c.attempts),
        check_open=case((stays, table.c.check_open), else_=check_open)
        if job.kind == "review" else false(),
    )  # fmt: skip


def release(
    connection: Connection,
    job: Job,
    not_before: float,
    reason: str,
    now: float,
    *,
    counts: bool = False,
) -> bool:
    """Give a job back, not to be claimed before a time. Unless it `counts`, it was no attempt.

    The check run of a job that ended is given up on after a day.
    """
    return _change(
        connection, job, true(), owner=None, not_before=not_before, published_at=0,
        reason=case((_is_active, reason), else_=table.c.reason),
        attempts=table.c.attempts if counts else _one_less,
        check_open=case((_ended_before(now - CLEAN_UP_SECONDS), false()), else_=table.c.check_open),
    )  # fmt: skip


def supersede_by_head(
    connection: Connection, job: Job, head: str, base: str, now: float
) -> int | None:
    """Make way for the head that the pull request really has; gives the id of its job.

    None, and nothing is changed, where the claim is lost or something newer took its place.
    """
    lock(connection, [repository_name(job.repository_id)])
    board = Board(connection, [(job.repository_id, job.number)], [head, job.head], [job.id])
    mine = board.by_id.get(job.id)
    if mine is None or mine.owner != job.owner or mine.state not in ACTIVE:
        return None
    right = board.review(replace(mine.wanted, head=head, base=base, run=0))
    board.write(now)
    return right.id


def due(connection: Connection, now: float, most: int) -> list[int]:
    """Give the jobs that a worker should be woken for, those that waited longest first.

    A message that nobody came for counts as lost after a while; that of a job whose lease ran out
    was used up.
    """
    lost = or_(
        table.c.published_at < now - PUBLISHED_FOR,
        and_(table.c.owner.is_not(None), table.c.published_at < table.c.lease_until),
    )
    ripe = (
        select(table.c.id)
        .where(_has_work, _is_free(now), lost)
        .order_by(table.c.published_at, table.c.created_at)
        .limit(most)
    )
    return list(connection.scalars(ripe))


def mark_published(connection: Connection, ids: Sequence[int], now: float) -> None:
    """Note that messages were sent."""
    if ids:
        # one that was claimed meanwhile, and perhaps given back, may need another message
        still = and_(table.c.id.in_(ids), table.c.claimed_at <= now)
        connection.execute(update(table).where(still, _in_order(still)).values(published_at=now))


def _ended_before(then: float) -> ColumnElement[bool]:
    return and_(~_is_active, table.c.finished_at < then)


def _in_order(some: ColumnElement[bool]) -> ColumnElement[bool]:
    """Lock rows by id, as `board` does: two that lock several never wait for each other."""
    return table.c.id.in_(select(table.c.id).where(some).order_by(table.c.id).with_for_update())


def _change(connection: Connection, job: Job, also: ColumnElement[bool], **values: Any) -> bool:
    """Write to a job that this claim still holds."""
    held = update(table).where(table.c.id == job.id, table.c.owner == job.owner, also)
    return connection.execute(held.values(**values)).rowcount == 1
