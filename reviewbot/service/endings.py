"""What went wrong with a job comes in; out comes what becomes of the job."""

from dataclasses import dataclass

from reviewbot.errors import (
    FetchError,
    GitHubDeniedError,
    GitHubError,
    GitHubGoneError,
    GitHubLimitError,
    GitHubTemporaryError,
    InputError,
    ReviewbotError,
    ServerError,
)
from reviewbot.service.jobs import Job

SHORTEST_WAIT = 5.0
LONGEST_WAIT = 600.0
MOST_AGE = 86_400.0
"""Seconds after which a job that only waited for others is failed: a day of a server that is down
is a matter for a person."""


class NotWantedError(Exception):
    """The pull request is not to be reviewed (closed, a draft); not an error of anyone."""


class UnansweredError(ReviewbotError):
    """The model did not answer about all chunks, and may later; what it answered is kept."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give the job back, for any worker, after `seconds`.

    `counts` says whether it is an attempt: those without progress are limited.
    """

    seconds: float
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Finish:
    """End the job: as superseded where nobody wants it, else as failed: a person is to look."""

    state: str
    reason: str


def ending_of(error: Exception, job: Job, now: float) -> Release | Finish:
    """Decide what becomes of a job after an error.

    What is the fault of others (a limit, a server that is down) is no attempt of the job: it
    waits half its age, between 5 s and 10 min, and a day at most. What a person must mend fails
    at once. An error of our own counts as an attempt.
    """
    match error:
        case NotWantedError() | GitHubGoneError():
            return Finish("superseded", str(error))
        case GitHubLimitError():
            return Release(max(error.seconds, 1.0), str(error), counts=False)
        case GitHubTemporaryError() | FetchError() | ServerError() | UnansweredError():
            return _wait(str(error), job, now)
        case GitHubDeniedError() | GitHubError() | InputError():
            return Finish("failed", str(error))
        case _:
            wait = SHORTEST_WAIT * 2**job.attempts
            return Release(wait, f"{type(error).__name__}: {error}", counts=True)


def _wait(reason: str, job: Job, now: float) -> Release | Finish:
    age = now - job.created_at
    if age > MOST_AGE:
        return Finish("failed", f"given up after a day: {reason}")
    return Release(min(max(age / 2, SHORTEST_WAIT), LONGEST_WAIT), reason, counts=False)
