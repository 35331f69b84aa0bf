"""The table of jobs comes in; out comes what a person sees of it, and may do about it."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select, update

from reviewbot.service.database import insert_into
from reviewbot.service.tables import ACTIVE, ENDED, delivery, worker
from reviewbot.service.tables import job as table


@dataclass(frozen=True, slots=True)
class Row:
    """A job as it is listed."""

    id: int
    kind: str
    owner_login: str
    repository: str
    number: int
    base: str
    head: str
    run: int
    state: str
    reason: str
    worker: str
    attempts: int
    progress: int
    not_before: float
    created_at: float
    claimed_at: float
    finished_at: float
    review_id: int | None
    delivery: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs are in a state, and since when the oldest of them."""

    state: str
    jobs: int
    oldest: float


_FIELDS = [table.c[name] for name in Row.__dataclass_fields__]


def list_jobs(connection: Connection, states: tuple[str, ...], most: int) -> list[Row]:
    """Give jobs in these states, the newest first."""
    found = select(*_FIELDS).where(table.c.state.in_(states)).order_by(table.c.id.desc())
    return [Row(**row) for row in connection.execute(found.limit(most)).mappings()]


def find_job(connection: Connection, job_id: int) -> Row | None:
    """Give one job."""
    found = connection.execute(select(*_FIELDS).where(table.c.id == job_id)).mappings()
    row = found.one_or_none()
    return Row(**row) if row else None


def replay(connection: Connection, job_id: int, now: float) -> bool:
    """Make an ended job new again; False where it is alive or done."""
    state = case((table.c.unclean_posting, "posting"), else_="new")
    again = update(table).where(table.c.id == job_id, table.c.state.in_(ENDED))
    fresh = again.values(
        state=state, reason="", attempts=0, not_before=0, published_at=0, created_at=now
    )
    return connection.execute(fresh).rowcount == 1


def count_jobs(connection: Connection) -> list[Count]:
    """Count the jobs by state."""
    counted = select(table.c.state, func.count(), func.min(table.c.created_at))
    return [Count(*row) for row in connection.execute(counted.group_by(table.c.state))]


def live_workers(
    connection: Connection, name: str, running: int, now: float, lease_seconds: float
) -> int:
    """Note that a worker lives; gives how many living ones have running jobs, at least 1."""
    row = {"seen_until": now + lease_seconds, "running": running}
    insert = insert_into(connection, worker).values(id=name, **row)
    connection.execute(insert.on_conflict_do_update(index_elements=("id",), set_=row))
    long_gone = select(worker.c.id).where(worker.c.seen_until < now - 3600)
    gone = long_gone.order_by(worker.c.id).with_for_update(skip_locked=True)
    connection.execute(worker.delete().where(worker.c.id.in_(gone)))
    busy = select(func.count()).where(worker.c.seen_until >= now, worker.c.running > 0)
    return max(1, connection.execute(busy).scalar_one())


def has_active(connection: Connection, kind: str) -> bool:
    """Whether a job of a kind is alive."""
    found = select(table.c.id).where(table.c.kind == kind, table.c.state.in_(ACTIVE)).limit(1)
    return connection.scalar(found) is not None


def known_guids(connection: Connection, guids: list[str]) -> set[str]:
    """Give those of the deliveries that are in the inbox."""
    found = select(delivery.c.guid).where(delivery.c.guid.in_(guids))
    return set(connection.scalars(found))
