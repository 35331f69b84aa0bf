"""An installation comes in; out comes how long to wait until its next write may be sent."""

from sqlalchemy import Connection, select, update

from reviewbot.errors import GitHubLimitError
from reviewbot.service.database import insert_into
from reviewbot.service.tables import write_turn as table

PATIENCE = 5.0
"""The longest wait in seconds; beyond it the job waits in the table, and the worker does not."""


def take_turn(connection: Connection, installation: int, interval: float, now: float) -> float:
    """Take the next turn to write, `interval` seconds after the one before, whoever has that.

    Gives the seconds to wait for it. Raises `GitHubLimitError` where it is more than 5 s away,
    and takes none then.
    """
    if interval <= 0:
        return 0.0
    insert = insert_into(connection, table).values(installation=installation, next_at=0)
    connection.execute(insert.on_conflict_do_nothing())
    row = select(table.c.next_at).where(table.c.installation == installation).with_for_update()
    turn: float = max(now, connection.execute(row).scalar_one())
    if turn - now > PATIENCE:
        raise GitHubLimitError("many reviews are posted to this installation now", turn - now)
    connection.execute(
        update(table).where(table.c.installation == installation).values(next_at=turn + interval)
    )
    return turn - now
