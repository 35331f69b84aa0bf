"""What nobody needs any more goes: by its age, or because an installation is gone."""

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, select

from reviewbot.service.jobs import ACTIVE
from reviewbot.service.tables import answer, delivery, job, write_turn

MOST = 500
"""Rows that one transaction deletes, so that nobody waits long for the write lock."""


def forget(connection: Connection, before: float) -> int:
    """Delete some deliveries, unused answers and ended jobs of before a time; gives how many.

    Call it until it gives 0.
    """
    ended = and_(job.c.state.not_in(ACTIVE), ~job.c.check_open, job.c.finished_at < before)
    return (
        _delete(connection, delivery, delivery.c.guid, delivery.c.received_at < before)
        + _delete(connection, answer, answer.c.key, answer.c.used_at < before)
        + _delete(connection, job, job.c.id, ended)
    )


def purge(connection: Connection, installation: int, but: int) -> None:
    """Delete all that is kept of an installation, except the job that does it."""
    for table in (delivery, answer, write_turn):
        connection.execute(delete(table).where(table.c.installation == installation))
    connection.execute(delete(job).where(job.c.installation == installation, job.c.id != but))


def _delete(
    connection: Connection, table: Table, key: Column[object], old: ColumnElement[bool]
) -> int:
    some = select(key).where(old).limit(MOST)
    return connection.execute(delete(table).where(old, key.in_(some))).rowcount
