"""A database comes in; out comes one whose tables are those of this version, or what to do."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from reviewbot.errors import DatabaseError
from reviewbot.service.database import Database

HEAD = "0002"
"""The revision that this version works with: the last file in `migrations/versions`."""
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_301_954_226  # any number of our own, for PostgreSQL's advisory lock


def prepare(database: Database, folder: Path) -> None:
    """Make sure that the tables are those of this version.

    An SQLite file is upgraded; a server's database is only looked at, as other processes of an
    older version may still use it. Raises `DatabaseError` with what to do.
    """
    found = revision(database)
    if found == HEAD:
        return
    if database.kind == "sqlite":
        with _locked(folder / "schema.lock"):
            upgrade(database)
    elif found is None:
        raise DatabaseError("the database has no tables yet: run `reviewbot db upgrade`")
    else:
        _refuse_newer(found)
        raise DatabaseError(
            f"the database is of revision {found} and this reviewbot needs {HEAD}:"
            " run `reviewbot db upgrade`"
        )


def upgrade(database: Database) -> str | None:
    """Bring the tables to this version; gives the revision that they were of.

    Raises `DatabaseError` where a newer reviewbot wrote them.
    """
    from alembic import command  # noqa: PLC0415  # loads slowly, and is hardly ever needed
    from alembic.config import Config  # noqa: PLC0415

    found = revision(database)
    _refuse_newer(found)
    with database.write() as connection:
        if database.kind == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return found


def revision(database: Database) -> str | None:
    """Give the revision of the tables; None where there are none."""
    with database.read() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _refuse_newer(found: str | None) -> None:
    known = {path.name[:4] for path in (_FOLDER / "versions").glob("[0-9]*.py")}
    if found is not None and found not in known:
        raise DatabaseError(
            f"the database is of revision {found}, which a newer reviewbot wrote: install that one"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time change the tables of a file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
