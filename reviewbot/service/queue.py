"""A job's id comes in; out comes a message that wakes a worker for it.

A message is only a hint: all that matters stands in the database, and whoever reads a message
twice, late or never does no harm.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from celery import Celery
from celery.signals import celeryd_init
from kombu.exceptions import OperationalError

from reviewbot.errors import BrokerError, DatabaseError

Send = Callable[[int], None]
"""Sends one message; raises `BrokerError`."""

TASK = "reviewbot.run_job"
SLOTS = 64
"""Jobs of one worker process: each mostly waits, and the gate shares out the model."""
_BACKLOG = 10_000
_BATCH = 100
_VISIBILITY = 3600
"""Above the longest sitting of a job: a message that is taken for lost comes twice."""


def make_app(broker_url: str, slots: int = SLOTS) -> Celery:
    """Make the Celery application, of the worker or of who publishes.

    Late acknowledgement, no prefetching, no results: measured, everything else loses messages
    when a worker is killed, or holds small jobs back behind big ones.
    """
    app = Celery("reviewbot", broker=broker_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="reviews",
        worker_pool="threads",
        worker_concurrency=slots,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 15,
            "max_connections": 100,
            "global_keyprefix": "reviewbot:",
        },
    )
    celeryd_init.connect(_refuse_other_pools, weak=False)
    return app


def _refuse_other_pools(conf: Any = None, options: Any = None, **_: object) -> None:
    """End a worker that was started with a pool whose jobs could not be stopped."""
    pool = (options or {}).get("pool") or conf.worker_pool
    name = getattr(pool, "__module__", str(pool))
    if "thread" not in name:
        raise SystemExit(
            f"reviewbot: the pool {name} cannot be used: jobs share one loop and end together;"
            " start the worker without -P"
        )


class Publisher:
    """Sends messages from a thread of its own, so that a broker that hangs holds nobody up.

    `published` is told what was sent. What could not be sent is dropped: the sweeper sends it.
    """

    def __init__(self, send: Send, published: Callable[[Sequence[int]], None]) -> None:
        self._send = send
        self._published = published
        self._waiting: queue.Queue[int | None] = queue.Queue(_BACKLOG)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.problem: str | None = None
        """Why the last message was not sent; None where it was."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def publish(self, job_id: int) -> None:
        """Send a message soon; returns at once."""
        try:
            self._waiting.put_nowait(job_id)
        except queue.Full:
            self.problem = "more messages wait than the broker takes"

    def close(self) -> None:
        """Stop sending; a broker that hangs is not waited for."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while (job_id := self._waiting.get()) is not None:
            try:
                self._publish([job_id, *self._others()])
            except (BrokerError, DatabaseError) as error:
                self.problem = str(error)
            else:
                self.problem = None

    def _others(self) -> list[int]:
        """Take what waits as well: what was sent is noted once for all of it."""
        others: list[int] = []
        with suppress(queue.Empty):
            while len(others) < _BATCH:
                job_id = self._waiting.get_nowait()
                if job_id is None:
                    self._waiting.put(None)
                    break
                others.append(job_id)
        return others

    def _publish(self, job_ids: list[int]) -> None:
        for job_id in job_ids:
            self._send(job_id)
        self._published(job_ids)


def send(app: Celery, job_id: int) -> None:
    """Send one message; raises `BrokerError` after at most 5 s."""
    try:
        app.send_task(TASK, args=[job_id], ignore_result=True)
    except (OperationalError, OSError) as error:
        raise BrokerError(f"the broker takes no message ({type(error).__name__})") from error
