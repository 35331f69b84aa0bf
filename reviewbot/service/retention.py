"""What nobody needs any more goes: by its age, or because an installation is gone."""

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, select

from reviewbot.service.tables import ACTIVE, answer, delivery, job, write_turn

MOST = 500
"""Rows that one transaction deletes, so that nobody waits long for the write lock."""


def forget(connection: Connection, before: float) -> int:
    """Delete some deliveries, unused answers and ended jobs of before a time; gives how many.

    Call it until it gives 0.
    """
    ended = and_(job.c.state.not_in(ACTIVE), ~job.c.check_open, job.c.finished_at < before)
    return (  # in the order in which every transaction locks
        _delete(connection, job, job.c.id, ended)
        + _delete(connection, delivery, delivery.c.guid, delivery.c.received_at < before)
        + _delete(connection, answer, answer.c.key, answer.c.used_at < before)
    )


def purge(connection: Connection, installation: int, but: int) -> None:
    """Delete all that is kept of an installation, except the job that does it."""
    others = and_(job.c.installation == installation, job.c.id != but)
    by_id = select(job.c.id).where(others).order_by(job.c.id).with_for_update()
    connection.execute(delete(job).where(others, job.c.id.in_(by_id)))
    for table in (delivery, answer, write_turn):
        connection.execute(delete(table).where(table.c.installation == installation))


def _delete(
    connection: Connection, table: Table, key: Column[object], old: ColumnElement[bool]
) -> int:
    some = select(key).where(old).order_by(key).limit(MOST).with_for_update()
    return connection.execute(delete(table).where(old, key.in_(some))).rowcount
