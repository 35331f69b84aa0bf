"""A claimed job as its worker sees it, and the conditions and writes that are about its row."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from reviewbot.service.tables import ACTIVE, ENDED
from reviewbot.service.tables import job as table


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


FIELDS = [table.c[name] for name in Job.__dataclass_fields__]
is_active = table.c.state.in_(ACTIVE)
one_less = case((table.c.attempts > 0, table.c.attempts - 1), else_=0)
has_work = or_(is_active, and_(table.c.state.in_(ENDED), table.c.check_open))


def is_free(now: float) -> ColumnElement[bool]:
    """Whether nobody holds a job, or whoever does lost it, and it need not wait."""
    return and_(table.c.not_before <= now, or_(table.c.owner.is_(None), table.c.lease_until < now))


def ended_before(then: float) -> ColumnElement[bool]:
    """Whether a job ended before a time."""
    return and_(~is_active, table.c.finished_at < then)


def same_pull(job: Job) -> ColumnElement[bool]:
    """Whether a job is of the same pull request as this one."""
    return and_(
        table.c.kind == job.kind,
        table.c.repository_id == job.repository_id,
        table.c.number == job.number,
    )


def in_order(some: ColumnElement[bool]) -> ColumnElement[bool]:
    """Lock rows by id, as `board` does: two that lock several never wait for each other."""
    return table.c.id.in_(select(table.c.id).where(some).order_by(table.c.id).with_for_update())


def change(connection: Connection, job: Job, also: ColumnElement[bool], **values: Any) -> bool:
    """Write to a job that this claim still holds."""
    held = update(table).where(table.c.id == job.id, table.c.owner == job.owner, also)
    return connection.execute(held.values(**values)).rowcount == 1
