"""Completions kept by a key of their content, so that the same question costs one call."""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from reviewbot.servers.completion import Completion, Message, Sampling

_WAIT = 1.0  # seconds for another process to finish writing
_MOST_BYTES = 200_000_000
"""Above this much text the store forgets what was used longest ago."""


class Kept(Protocol):
    """Where completions are kept. A store that fails gives None and keeps nothing."""

    async def get(self, key: str) -> Completion | None:
        """Give what is kept under a key."""
        ...

    async def put(self, key: str, completion: Completion) -> None:
        """Keep a completion; a second one under the same key takes the first one's place."""
        ...


def content_key(
    messages: Sequence[Message], schema: dict[str, Any] | None, model: str, sampling: Sampling
) -> str:
    """Hash all that decides an answer: the same question of the same model has the same key."""
    question = [
        [[message.role, message.content] for message in messages],
        schema,
        model,
        [sampling.temperature, sampling.seed, sampling.max_tokens],
    ]
    text = json.dumps(question, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class NothingKept:
    """The store of `--no-cache`."""

    async def get(self, key: str) -> Completion | None:  # noqa: ARG002
        """Give nothing."""
        return None

    async def put(self, key: str, completion: Completion) -> None:
        """Keep nothing."""


class KeptInFile:
    """Completions in an SQLite file, opened at the first use.

    Each is committed as it comes, so that Ctrl-C loses none. A file that cannot be written or
    read costs the cache and not the review: `problem` then says why.
    """

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._connection: sqlite3.Connection | None = None
        self.problem: str | None = None

    async def get(self, key: str) -> Completion | None:
        """Give what is kept under a key, and note that it was of use."""
        with self._database() as database:
            row = database.execute("SELECT completion FROM kept WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            with suppress(sqlite3.OperationalError):  # another process writes: never mind
                database.execute("UPDATE kept SET used = ? WHERE key = ?", (time.time(), key))
                database.commit()
            with suppress(msgspec.MsgspecError):  # another version's: it is asked for anew
                return msgspec.json.decode(row[0], type=Completion)
        return None

    async def put(self, key: str, completion: Completion) -> None:
        """Keep a completion, and forget the oldest ones above the size that the store may have."""
        data = msgspec.json.encode(completion)
        with self._database() as database:
            row = (key, data, time.time())
            database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", row)
            self._forget(database)
            database.commit()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            database = self._connection or self._open()
        except (sqlite3.Error, OSError) as error:
            database = self._fall_back(error)
        try:
            yield database
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                self._fall_back(error)
            # else another process writes for longer than we wait: not kept this time

    def _fall_back(self, error: Exception) -> sqlite3.Connection:
        """From here on keep answers in memory, for this one review."""
        self.close()
        self.problem = self.problem or f"answers are not kept: {self._path}: {error}"
        self._path = Path(":memory:")
        return self._open()

    def _open(self) -> sqlite3.Connection:
        if self._path != Path(":memory:"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # answers quote private code: nobody else reads them
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = connection = sqlite3.connect(self._path, timeout=_WAIT)
        with suppress(sqlite3.OperationalError):  # the switch never waits; another one makes it
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS kept"
            " (key TEXT PRIMARY KEY, completion BLOB NOT NULL, used REAL NOT NULL) WITHOUT ROWID"
        )
        return connection

    def _forget(self, database: sqlite3.Connection) -> None:
        (size,) = database.execute(
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        ).fetchone()
        if size > self._most_bytes:
            database.execute(
                "DELETE FROM kept WHERE key IN"
                " (SELECT key FROM kept ORDER BY used LIMIT (SELECT count(*) / 4 + 1 FROM kept))"
            )
