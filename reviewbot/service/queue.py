"""A job's id comes in; out comes a message that wakes a worker for it.

A message is only a hint: all that matters stands in the database, and whoever reads a message
twice, late or never does no harm.
"""

import queue
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from celery import Celery
from celery.signals import celeryd_init
from kombu.exceptions import OperationalError

from reviewbot.errors import BrokerError, DatabaseError
from reviewbot.service import metrics

Send = Callable[[int], None]
"""Sends one message; raises `BrokerError`."""

TASK = "reviewbot.run_job"
SLOTS = 64
"""Jobs of one worker process: each mostly waits, and the gate shares out the model."""
_A_SECOND = 25
"""Messages that a publisher sends: more than workers take, and few enough to leave the processor
to the deliveries of a flood, whose jobs mostly supersede each other anyway."""
_BACKLOG = 100
_NOTED_AFTER = 0.05
"""Seconds of quiet after which it is noted what was sent, in one transaction."""
_VISIBILITY = 3600
"""Above the longest sitting of a job: a message that is taken for lost comes twice."""
_WORKER_SECONDS = 5.0
_SENDER_SECONDS = 1.5


def make_app(broker_url: str, slots: int = SLOTS, seconds: float = _WORKER_SECONDS) -> Celery:
    """Make the Celery application, of the worker or of who publishes.

    Late acknowledgement, no prefetching, no results: measured, everything else loses messages
    when a worker is killed, or holds small jobs back behind big ones. After `seconds` without an
    answer the broker counts as gone.
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
            "socket_timeout": seconds,
            "socket_connect_timeout": min(seconds, 2),
            "socket_keepalive": True,
            "health_check_interval": 15,
            "max_connections": 100,
            "global_keyprefix": "reviewbot:",
            "max_retries": 0,  # of a sender, who else sits for six seconds where nobody is there
        },
    )
    celeryd_init.connect(_refuse_other_pools, weak=False)
    return app


def make_sender(broker_url: str) -> Send:
    """Make what sends messages: a broker that hangs holds its caller up for two seconds or so."""
    return partial(send, make_app(broker_url, seconds=_SENDER_SECONDS))


def send(app: Celery, job_id: int) -> None:
    """Send one message. Raises `BrokerError`."""
    try:
        app.send_task(TASK, args=[job_id], ignore_result=True)
    except (OperationalError, OSError) as error:
        raise BrokerError(f"the broker takes no message ({type(error).__name__})") from error


def _refuse_other_pools(conf: Any = None, options: Any = None, **_: object) -> None:
    """End a worker that was started with a pool whose jobs could not be stopped.

    What was typed is looked at, too: Celery takes `-P prefork` for its own default, and would use
    ours in its place without a word.
    """
    pool = (options or {}).get("pool") or conf.worker_pool
    name = getattr(pool, "__module__", str(pool))
    typed = {part for word in sys.argv for part in word.split("=")} & {"prefork", "processes"}
    name = typed.pop() if typed else name
    if "thread" not in name:
        raise SystemExit(
            f"reviewbot: the pool {name} cannot be used: jobs share one loop and end together;"
            " start the worker without -P"
        )


class Publisher:
    """Sends messages from a thread of its own, so that a broker that hangs holds nobody up.

    `published` is told what was sent; it may raise `DatabaseError`. What could not be sent, or is
    more than one thread should send, is dropped: the sweeper sends it.
    """

    def __init__(self, send: Send, published: Callable[[Sequence[int]], None]) -> None:
        self._send = send
        self._published = published
        self._waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def publish(self, job_id: int) -> None:
        """Send a message soon; returns at once."""
        if self._waiting.qsize() < _BACKLOG:
            self._waiting.put(job_id)
        else:
            metrics.count_wakeups("dropped")

    def close(self) -> None:
        """Send no more; a broker that hangs is not waited for."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(timeout=2)

    def _run(self) -> None:
        sent: list[int] = []
        while not self._closing.is_set():
            job_id = self._next(_NOTED_AFTER if sent else None)
            if job_id is not None and self._sends(job_id):
                sent.append(job_id)
                self._closing.wait(1 / _A_SECOND)
            if sent and (job_id is None or len(sent) >= _A_SECOND):
                with suppress(DatabaseError):  # then the sweeper sends them again
                    self._published(sent)
                sent = []

    def _next(self, seconds: float | None) -> int | None:
        with suppress(queue.Empty):
            return self._waiting.get(timeout=seconds)
        return None

    def _sends(self, job_id: int) -> bool:
        try:
            self._send(job_id)
        except BrokerError:  # the sweeper meets it too, and tells
            metrics.count_wakeups("failed")
            return False
        metrics.count_wakeups("sent")
        return True
