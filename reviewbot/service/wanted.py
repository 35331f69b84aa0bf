"""What somebody wants done comes in; out comes the one job for it, new, alive or done already."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select

from reviewbot.service.database import insert_into
from reviewbot.service.tables import ENDED
from reviewbot.service.tables import job as table

_KEY = ("kind", "repository_id", "number", "base", "head", "run")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that should be: kind, repository, pull request, base, head and run name it."""

    kind: str
    installation: int
    repository_id: int = 0
    owner_login: str = ""
    repository: str = ""
    number: int = 0
    base: str = ""
    head: str = ""
    run: int = 0
    delivery: str = ""


def want(connection: Connection, wanted: Wanted, now: float) -> int:
    """Insert a job, or revive one that was superseded or failed; one that is alive or done stays.

    Gives its id. Reviews, of which one makes another give way, are decided about in `board`.
    """
    fresh = {
        "state": "new", "reason": "", "attempts": 0, "not_before": 0.0, "published_at": 0.0,
        "delivery": wanted.delivery, "owner_login": wanted.owner_login,
        "repository": wanted.repository, "installation": wanted.installation, "created_at": now,
    }  # fmt: skip
    insert = insert_into(connection, table).values(**(asdict(wanted) | fresh))
    upsert = insert.on_conflict_do_update(
        index_elements=_KEY, set_=fresh, where=table.c.state.in_(ENDED)
    ).returning(table.c.id)
    written: int | None = connection.scalar(upsert)
    if written is not None:
        return written
    key = [table.c[name] == getattr(wanted, name) for name in _KEY]
    found: int = connection.execute(select(table.c.id).where(*key)).scalar_one()
    return found
