"""The table comes in; out come messages for what is due, whatever became of earlier ones."""

import asyncio
import time

from reviewbot.errors import BrokerError, DatabaseError
from reviewbot.service import jobs, listing, retention
from reviewbot.service.database import Database
from reviewbot.service.logs import get_logger
from reviewbot.service.queue import Send
from reviewbot.service.wanted import Wanted, want

EVERY = 1.0
REDELIVER_EVERY = 300.0
FORGET_EVERY = 3600.0
FIRST_FORGET = 60.0
"""Soon after the start: a process that never lives for an hour forgets, too."""
MOST = 50
_log = get_logger()


class Sweeper:
    """Wakes workers for jobs that are due, asks for missed deliveries, and forgets what is old."""

    def __init__(
        self, database: Database, send: Send, keep_days: int, first_forget: float = FIRST_FORGET
    ) -> None:
        self._database = database
        self._send = send
        self._keep_seconds = keep_days * 86_400.0
        self._forget_at = time.monotonic() + first_forget
        self._redelivered = ""
        self._problem = ""

    async def run(self) -> None:
        """Sweep until cancelled; an outage is told of once, and waited for."""
        while True:
            try:
                await asyncio.to_thread(self.sweep)
                self._tell("")
            except (DatabaseError, BrokerError) as error:
                self._tell(str(error))
            except Exception as error:  # noqa: BLE001  # a bug is told of, and ends no sweeping
                if not self._problem:
                    _log.exception("sweeping failed")
                self._problem = repr(error)
            await asyncio.sleep(EVERY)

    def sweep(self) -> None:
        """Do one round. Raises `DatabaseError`, `BrokerError`."""
        now = time.time()
        with self._database.read() as connection:
            due = jobs.due(connection, now, MOST)
        self._publish(due, now)
        self._want_redeliver(now)
        if time.monotonic() > self._forget_at:
            self._forget(now - self._keep_seconds)

    def _publish(self, due: list[int], now: float) -> None:
        sent: list[int] = []
        try:
            for job_id in due:
                self._send(job_id)
                sent.append(job_id)
        finally:
            if sent:
                with self._database.write() as connection:
                    jobs.mark_published(connection, sent, now)

    def _want_redeliver(self, now: float) -> None:
        """Have a worker ask GitHub for failed deliveries: one job at a time, one for each while."""
        bucket = str(int(now // REDELIVER_EVERY))
        if bucket == self._redelivered:
            return
        with self._database.write() as connection:
            if not listing.has_active(connection, "redeliver"):
                want(connection, Wanted("redeliver", 0, head=bucket), now)
        self._redelivered = bucket

    def _forget(self, before: float) -> None:
        """Delete a little; what is left goes in the next round, and deliveries in between."""
        with self._database.write() as connection:
            deleted = retention.forget(connection, before)
        if not deleted:
            self._forget_at = time.monotonic() + FORGET_EVERY

    def _tell(self, problem: str) -> None:
        if problem and not self._problem:
            _log.warning("nothing can be swept", reason=problem)
        elif self._problem and not problem:
            _log.info("sweeping again")
        self._problem = problem
