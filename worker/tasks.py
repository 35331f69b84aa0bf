"""A message comes in: a job's id, and nothing else; the job is done, or put back at once."""

from collections.abc import Callable
from typing import Any

from celery.exceptions import Reject

from reviewbot.service.process import Process


def make_task(process: Process) -> Callable[[Any, int], None]:
    """Make the one task. It is bound, so that Celery hands itself in first."""

    def run_job(_task: Any, job_id: int) -> None:
        if process.run(job_id):
            raise Reject("to be picked up again", requeue=True)

    return run_job
