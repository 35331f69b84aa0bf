"""A job's id comes in; its work is done, and out comes whether to wake somebody for it again."""

import time
from collections.abc import Callable, Mapping

from reviewbot.errors import DatabaseError
from reviewbot.service import jobs, metrics
from reviewbot.service.database import Database
from reviewbot.service.endings import Finish, Release, ending_of
from reviewbot.service.jobs import Job
from reviewbot.service.logs import bind_job, get_logger
from reviewbot.service.running import Register, Running, StoppedError

_log = get_logger()

Kinds = Mapping[str, Callable[[Running], None]]
"""What to do for each kind of job; returns when the job is finished in the table."""


class Work:
    """Does the jobs of one process, each in the thread that calls `run`."""

    def __init__(
        self,
        database: Database,
        register: Register,
        worker: str,
        lease_seconds: float,
        kinds: Kinds,
    ) -> None:
        self._database = database
        self._register = register
        self._worker = worker
        self._lease = lease_seconds
        self._kinds = kinds

    def run(self, job_id: int) -> bool:
        """Claim a job and do it; gives True where the job is to be picked up again at once.

        A job that another worker has, that is not due or is done, is none of ours: the message
        was only a hint. Raises `DatabaseError` where the table cannot be reached: the lease runs
        out then, and the sweeper finds the job.
        """
        with self._database.write() as connection:
            job = jobs.claim(connection, job_id, self._worker, time.time(), self._lease)
        if job is None:
            return False
        running = Running(job)
        with self._register.holding(running), bind_job(job):
            return self._do(running)

    def _do(self, running: Running) -> bool:
        job = running.job
        try:
            running.check()
            self._kinds[job.kind](running)
        except StoppedError as stopped:
            return self._stopped(job, stopped)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  # any fault ends in the table, never in silence
            self._failed(job, error)
        return False

    def _stopped(self, job: Job, stopped: StoppedError) -> bool:
        _log.info("job stopped", reason=stopped.ending)
        if stopped.ending == "lost":
            return False
        with self._database.write() as connection:
            now = time.time()
            jobs.release(connection, job, now, stopped.ending, now)
        return True

    def _failed(self, job: Job, error: Exception) -> None:
        now = time.time()
        match ending_of(error, job, now):
            case Release(seconds, reason, counts):
                _log.warning("job put off", seconds=round(seconds, 1), reason=reason,
                             exc_info=error if counts else None)  # fmt: skip
                with self._database.write() as connection:
                    jobs.release(connection, job, now + seconds, reason, now, counts=counts)
                metrics.count_retry(counts=counts)
            case Finish(state, reason):
                _log.warning("job ended", state=state, reason=reason)
                with self._database.write() as connection:
                    jobs.finish(connection, job, state, reason, now)
