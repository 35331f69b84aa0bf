"""How a job lives and dies: each transition is one conditional write that names the claim.

new → running → posting → done, superseded or failed. A claim is a lease: it is renewed while the
worker lives, and whoever lost it changes nothing any more.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, or_, select, true, update

from reviewbot.service import claimed, listing, tables
from reviewbot.service.board import Board, lock, repository_name
from reviewbot.service.claimed import (
    FIELDS,
    change,
    ended_before,
    has_work,
    in_order,
    is_active,
    is_free,
    one_less,
    same_pull,
)
from reviewbot.service.tables import job as table

Job = claimed.Job
ACTIVE = tables.ACTIVE
ENDED = tables.ENDED
MAX_ATTEMPTS = 5
PUBLISHED_FOR = 15.0
"""Seconds after which a message counts as lost and is sent again."""
CLEAN_UP_SECONDS = 86_400.0
"""For so long it is tried to complete the check run of a job that ended."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What others made of a job that a worker holds."""

    state: str
    recheck: bool


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
        .where(table.c.id == job_id, has_work, is_free(now))
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
                (ended_before(now - CLEAN_UP_SECONDS), false()), else_=table.c.check_open
            ),
        )
        .returning(*FIELDS)
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
    change(connection, job, is_active, state="failed", reason=reason, finished_at=now,
            check_open=told, owner=job.owner if told else None)  # fmt: skip
    return replace(job, state="failed", reason=reason, check_open=True) if told else None


def heartbeat(
    connection: Connection, owners: Sequence[str], now: float, lease_seconds: float
) -> None:
    """Renew the leases of claims."""
    if owners:
        held = table.c.owner.in_(owners)
        renewed = update(table).where(held, in_order(held))
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
    return change(connection, job, is_active, state=state, progress=table.c.progress + 1, **also)


def note_progress(connection: Connection, job: Job) -> bool:
    """Count a step; False where the job was lost."""
    return change(connection, job, true(), progress=table.c.progress + 1)


def set_check(connection: Connection, job: Job, check_run_id: int | None) -> bool:
    """Note that a check run is about to be created, or which one was: that is a step. It must be
    completed.
    """
    step = 0 if check_run_id is None else 1
    return change(
        connection, job, true(), check_open=True, check_run_id=check_run_id,
        progress=table.c.progress + step,
    )  # fmt: skip


def close_check(connection: Connection, job: Job) -> bool:
    """Note that the check run of an ended job is completed, or that there is none."""
    return change(connection, job, true(), check_open=False, owner=None)


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
    if state == "superseded":
        asked = and_(is_active, table.c.delivery != job.delivery)
        return change(connection, job, true(), **_ended(job, state, reason, now, unless=asked))
    gave_way = table.c.state == "superseded"
    values = _ended(job, state, reason, now, unless=gave_way if state == "failed" else false())
    if state == "done":
        values |= {"review_id": review_id, "check_open": false(), "unclean_posting": false()}
    if change(connection, job, table.c.delivery == job.delivery, **values):
        return True
    lock(connection, [repository_name(job.repository_id)])
    connection.execute(select(table.c.id).where(same_pull(job)).order_by(table.c.id)
                       .with_for_update())  # fmt: skip
    if not change(connection, job, true(), **values):
        return False
    _read_once_more(connection, job, now)
    return True


def _ended(
    job: Job, state: str, reason: str, now: float, unless: ColumnElement[bool]
) -> dict[str, Any]:
    """Give the values of a job that ends, unless it is to stay as it is, and is given back."""
    check_open = true() if state == "failed" else table.c.check_open
    stays_open = case((unless, table.c.check_open), else_=check_open)
    return {
        "owner": None, "not_before": 0, "published_at": 0,
        "state": case((unless, table.c.state), else_=state),
        "reason": case((unless, table.c.reason), else_=reason),
        "finished_at": case((unless, table.c.finished_at), else_=now),
        "attempts": case((unless, one_less), else_=table.c.attempts),
        "check_open": stays_open if job.kind == "review" else false(),
    }  # fmt: skip


def _read_once_more(connection: Connection, job: Job, now: float) -> None:
    """Have a pull request read again, by the review that gave way last.

    A delivery that came while this job was worked on made it the right one and all others give
    way, but it may have been an old one that came late; and the worker read before that.
    """
    alive = select(table.c.id).where(same_pull(job), is_active).limit(1)
    last = select(table.c.id).where(same_pull(job), table.c.state == "superseded")
    last = last.order_by(table.c.finished_at.desc(), table.c.id.desc()).limit(1)
    if job.kind == "review" and connection.scalar(alive) is None:
        last_id = connection.scalar(last)
        if last_id is not None:
            listing.replay(connection, last_id, now)


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
    return change(
        connection, job, true(), owner=None, not_before=not_before, published_at=0,
        reason=case((is_active, reason), else_=table.c.reason),
        attempts=table.c.attempts if counts else one_less,
        check_open=case((ended_before(now - CLEAN_UP_SECONDS), false()), else_=table.c.check_open),
    )  # fmt: skip


def supersede_by_head(
    connection: Connection, job: Job, head: str, base: str, now: float
) -> int | None:
    """Make way for the head that the pull request really has; gives the id of its job.

    None, and nothing is changed, where the claim is lost, something newer took its place, or
    somebody asked for this head since it was claimed.
    """
    lock(connection, [repository_name(job.repository_id)])
    board = Board(connection, [(job.repository_id, job.number)], [head, job.head], [job.id])
    mine = board.by_id.get(job.id)
    if mine is None or mine.owner != job.owner or mine.state not in ACTIVE:
        return None
    if mine.wanted.delivery != job.delivery:  # it was asked for since: what was read may be old
        return None
    right = board.review(replace(mine.wanted, head=head, base=base, run=0), is_read=True)
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
        .where(has_work, is_free(now), lost)
        .order_by(table.c.published_at, table.c.created_at)
        .limit(most)
    )
    return list(connection.scalars(ripe))


def mark_published(connection: Connection, ids: Sequence[int], now: float) -> None:
    """Note that messages were sent."""
    if ids:
        # one that was claimed meanwhile, and perhaps given back, may need another message
        still = and_(table.c.id.in_(ids), table.c.claimed_at <= now)
        connection.execute(update(table).where(still, in_order(still)).values(published_at=now))
