"""An address comes in; out comes the database, one short transaction at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reviewbot.errors import DatabaseError

Kind = Literal["sqlite", "postgresql"]
_WAIT = 10.0  # seconds to wait for another writer
_FROZEN = 30.0  # seconds after which PostgreSQL ends a transaction that does nothing
_POOL = 20
FILE = "reviewbot.sqlite3"


class Database:
    """A database and its connections; serves every thread of a process."""

    def __init__(self, engine: Engine, kind: Kind) -> None:
        self.engine = engine
        self.kind: Kind = kind

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give one transaction that may write; it is committed at the end of the block.

        On SQLite it holds the write lock from its start, so that none ends in a deadlock.
        Raises `DatabaseError`, here and in `read`.
        """
        with _told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give one transaction that only reads, and waits for no writer."""
        with _told(), self.engine.connect() as connection:
            connection = connection.execution_options(reads_only=True)  # noqa: PLW2901
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self.engine.dispose()


def open_database(url: str | None, folder: Path) -> Database:
    """Open the database at an address, or an SQLite file in a folder.

    The schema is looked at by `schema.check`. Raises `DatabaseError`.
    """
    if url is None:
        return _open_file(folder / FILE)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter where the port is no number
        raise DatabaseError(
            "REVIEWBOT_DATABASE_URL is no address: write postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseError(
            f"REVIEWBOT_DATABASE_URL names {parsed.get_backend_name()}: only PostgreSQL can be used"
        )
    parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed, pool_size=_POOL, max_overflow=_POOL, pool_pre_ping=True, pool_timeout=30,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "reviewbot"},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        # a process that is frozen in mid-transaction holds nobody else up for long
        connection.execute(f"SET lock_timeout = '{_WAIT:g}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{_FROZEN:g}s'")
        connection.commit()

    return Database(engine, "postgresql")


def _open_file(path: Path) -> Database:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        os.fchmod(file, 0o600)  # one that was there before too: it holds private code
        os.close(file)
    except OSError as error:
        raise DatabaseError(
            f"{path} cannot be used: {error.strerror}; set REVIEWBOT_DATA_DIR"
        ) from error
    engine = create_engine(
        f"sqlite:///{path}", pool_size=_POOL, max_overflow=_POOL * 3, hide_parameters=True,
        pool_use_lifo=True,  # each connection has a cache of its own: one stays warm
        connect_args={"timeout": _WAIT, "check_same_thread": False},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions: we do
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        # deliveries are large: moved into the file in greater lots, they cost fewer syncs
        connection.execute("PRAGMA wal_autocheckpoint = 4000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return Database(engine, "sqlite")


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Give an insert that can say what to do on a conflict; both databases have it alike."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


@contextmanager
def _told() -> Iterator[None]:
    """Say in our own words that the database failed; the driver's never quote a row's content."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        first = str(cause).strip().partition("\n")[0]
        broken = getattr(error, "connection_invalidated", False)
        down = broken or isinstance(error, OperationalError | PoolTimeout)
        text = f"the database failed: {first or type(cause).__name__}"
        raise DatabaseError(text, unreachable=down) from error
