"""Everything that one worker process shares among its jobs, from its start to its end."""

import time

from reviewbot.service.beat import Beat
from reviewbot.service.loop import Loop
from reviewbot.service.model import SharedModel
from reviewbot.service.running import Register
from reviewbot.service.work import Work

_STUCK = 10.0
_PATIENCE = 5.0  # seconds for the jobs to give themselves back


class Process:
    """A worker process: `run` is called from one thread a job, between `start` and `close`."""

    def __init__(
        self, loop: Loop, beat: Beat, model: SharedModel, register: Register, work: Work
    ) -> None:
        self._loop = loop
        self._beat = beat
        self._model = model
        self._register = register
        self._work = work

    def start(self) -> None:
        """Start the loop and the heartbeat."""
        self._loop.start()
        self._loop.submit(self._beat.run())

    def run(self, job_id: int) -> bool:
        """Do a job; gives True where it is to be picked up again at once."""
        return self._work.run(job_id)

    def is_alive(self) -> bool:
        """Whether the loop beat a short while ago."""
        return time.monotonic() - self._beat.beaten_at < _STUCK

    def close(self) -> None:
        """Stop every job, wait until each gave itself back, and end the loop."""
        self._register.close()
        until = time.monotonic() + _PATIENCE
        while self._register.every() and time.monotonic() < until:
            time.sleep(0.01)
        self._loop.submit(self._model.close()).result(_PATIENCE)
        self._loop.close()
