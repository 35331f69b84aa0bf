"""The Celery application: `celery -A worker.app worker` starts a worker process with it."""

import os

from celery import signals

from reviewbot.bootstrap import config_file
from reviewbot.bootstrap_service import make_queue, secrets_of
from reviewbot.bootstrap_worker import make_worker
from reviewbot.service.logs import get_logger, set_up_logs
from reviewbot.service.metrics import serve_metrics
from reviewbot.service.queue import TASK
from reviewbot.settings import load_settings
from worker.tasks import make_task

settings = load_settings({}, os.environ, config_file=config_file())
set_up_logs(settings.log_format, secrets_of(settings), part="worker")
app = make_queue(settings)
process = make_worker(settings)
app.task(name=TASK, bind=True)(make_task(process))


def _own_logs(**_: object) -> None:
    """Keep Celery from setting up its own."""


def _start(**_: object) -> None:
    process.start()
    if settings.worker_port:
        serve_metrics(settings.host, settings.worker_port, process.is_alive)
    get_logger().info("worker ready")


def _stop(**_: object) -> None:
    process.close()


signals.setup_logging.connect(_own_logs, weak=False)
signals.worker_ready.connect(_start, weak=False)
signals.worker_shutting_down.connect(_stop, weak=False)
