"""The jobs of one process come in; out go their heartbeats, and what others decided about them."""

import asyncio
import time
from collections.abc import Callable

from reviewbot.errors import DatabaseError
from reviewbot.service import jobs, listing
from reviewbot.service.database import Database
from reviewbot.service.logs import get_logger
from reviewbot.service.running import Register

POLL_SECONDS = 1.0
"""A review that was superseded stops within two of these."""
_log = get_logger()


class Beat:
    """Keeps the leases of this process's jobs, and looks once a second what became of them.

    `share` is told how many living workers have running jobs, itself included.
    """

    def __init__(
        self,
        database: Database,
        register: Register,
        worker: str,
        lease_seconds: float,
        share: Callable[[int], None],
    ) -> None:
        self._database = database
        self._register = register
        self._worker = worker
        self._lease = lease_seconds
        self._share = share
        self._lease_kept_at = 0.0
        self._workers = 1
        self.beaten_at = time.monotonic()

    async def run(self) -> None:
        """Beat until cancelled. A database that is down is told of once, and waited for."""
        down = False
        while True:
            self.beaten_at = time.monotonic()
            try:
                self._share(await asyncio.to_thread(self._beat))
                down = False
            except DatabaseError as error:
                if not down:
                    _log.warning("the database cannot be reached", reason=str(error))
                down = True
            await asyncio.sleep(min(POLL_SECONDS, self._lease / 4))

    def _beat(self) -> int:
        running = self._register.every()
        now = time.time()
        if time.monotonic() - self._lease_kept_at >= self._lease / 4:
            with self._database.write() as connection:
                jobs.heartbeat(connection, list(running), now, self._lease)
                self._workers = listing.live_workers(
                    connection, self._worker, len(running), now, self._lease
                )
            self._lease_kept_at = time.monotonic()
        with self._database.read() as connection:
            seen = jobs.watch(connection, list(running))
        for owner, one in running.items():
            watched = seen.get(owner)
            if watched is None:
                one.end("lost")
            elif watched.state == "superseded":
                one.end("superseded")
            elif watched.recheck:
                one.end("recheck")
        return self._workers
