"""What the model answered comes in; out comes the same answer when the question is asked again."""

import asyncio
import time
from contextlib import suppress

import msgspec
from sqlalchemy import ColumnElement, Connection, select, update

from reviewbot.errors import DatabaseError
from reviewbot.servers.completion import Completion
from reviewbot.service import jobs
from reviewbot.service.database import Database, insert_into
from reviewbot.service.jobs import Job
from reviewbot.service.tables import answer as table

_FRESH = 3600.0  # seconds before a use is noted again: reading need not write


class KeptInTable:
    """The answers of one installation, as a job reads and adds them.

    Each is committed as it comes, with the job's progress, so that a review that is killed goes
    on at its next chunk.
    """

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._job = job

    async def get(self, key: str) -> Completion | None:
        """Give what is kept under a key. A database that is down costs a call, not the review."""
        with suppress(DatabaseError):
            return await asyncio.to_thread(self._get, key)
        return None

    async def put(self, key: str, completion: Completion) -> None:
        """Keep a completion, and count it as a step of the job, unless the job was lost."""
        with suppress(DatabaseError):
            await asyncio.to_thread(self._put, key, msgspec.json.encode(completion))

    def _get(self, key: str) -> Completion | None:
        found = select(table.c.completion, table.c.used_at).where(*self._at(key))
        with self._database.read() as connection:
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        now = time.time()
        if row.used_at < now - _FRESH:
            with suppress(DatabaseError), self._database.write() as connection:
                connection.execute(update(table).where(*self._at(key)).values(used_at=now))
        with suppress(msgspec.MsgspecError):  # another version's: it is asked for anew
            return msgspec.json.decode(row.completion, type=Completion)
        return None

    def _put(self, key: str, completion: bytes) -> None:
        with self._database.write() as connection:
            # the job first, in the order in which every transaction locks; and a job that was
            # purged leaves nothing behind
            if jobs.note_progress(connection, self._job):
                self._insert(connection, key, completion)

    def _insert(self, connection: Connection, key: str, completion: bytes) -> None:
        row = {"completion": completion, "used_at": time.time()}
        insert = insert_into(connection, table).values(
            installation=self._job.installation, key=key, **row
        )
        connection.execute(
            insert.on_conflict_do_update(index_elements=("installation", "key"), set_=row)
        )

    def _at(self, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return table.c.installation == self._job.installation, table.c.key == key


class KeptForAll:
    """What is known of model servers, whichever installation asks: held in this process only."""

    def __init__(self) -> None:
        self._kept: dict[str, Completion] = {}

    async def get(self, key: str) -> Completion | None:
        """Give what is kept under a key."""
        return self._kept.get(key)

    async def put(self, key: str, completion: Completion) -> None:
        """Keep a completion until the process ends."""
        self._kept[key] = completion
