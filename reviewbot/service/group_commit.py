"""Deliveries of many requests come in; one thread commits whatever waits, all in one go."""

import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress

from reviewbot.errors import DatabaseError
from reviewbot.service.database import Database
from reviewbot.service.inbox import Received, Recorded, record

MOST = 128
"""Deliveries in one transaction: enough to share the cost of a sync, few enough to be quick."""
LINGER = 0.002
"""Seconds for others to join the first: a transaction costs as much as five deliveries in it."""

_Waiting = tuple[Received, "Future[Recorded]"]


class GroupCommit:
    """Writes deliveries to the inbox from `start` to `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._closed = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, received: Received) -> "Future[Recorded]":
        """Hand in a delivery. The future is done when it is committed; it fails with
        `DatabaseError` where it is not.
        """
        future: Future[Recorded] = Future()
        self._waiting.put((received, future))
        if self._closed:
            self._refuse_rest()
        return future

    def close(self) -> None:
        """Commit what waits, and end the thread. What is handed in later fails."""
        self._waiting.put(None)
        self._thread.join()
        self._closed = True
        self._refuse_rest()

    def _run(self) -> None:
        ending = False
        while not ending:
            batch: list[_Waiting] = []
            one = self._waiting.get()
            time.sleep(LINGER)
            while one is not None:
                if one[1].set_running_or_notify_cancel():  # from here on nobody can cancel it
                    batch.append(one)
                if len(batch) == MOST or self._waiting.empty():
                    break
                one = self._waiting.get()
            ending = one is None
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            with self._database.write() as connection:
                results = record(connection, [received for received, _ in batch], time.time())
        except DatabaseError as error:
            self._failed(batch, error)
        except Exception as error:  # noqa: BLE001  # told to whoever waits; the thread must live on
            told = DatabaseError(f"a delivery cannot be written: {type(error).__name__}")
            told.__cause__ = error
            self._failed(batch, told)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)

    def _failed(self, batch: list[_Waiting], error: DatabaseError) -> None:
        """Try each by itself, where one of many may have been the reason."""
        if len(batch) > 1 and not error.unreachable:
            for one in batch:
                self._commit([one])
            return
        for _, future in batch:
            future.set_exception(error)

    def _refuse_rest(self) -> None:
        with suppress(queue.Empty):
            while True:
                one = self._waiting.get_nowait()
                if one is not None and one[1].set_running_or_notify_cancel():
                    one[1].set_exception(DatabaseError("the inbox is closed", unreachable=True))
