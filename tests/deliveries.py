"""Deliveries for the tests of the tables: hints in, what was recorded out.

inbox = Inbox(database)
[job] = inbox.takes(push("a"))
worker = inbox.claims(job)
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reviewbot.github.webhook import Delivery, Hint, Repository, RerunCheck, ReviewPull
from reviewbot.service import jobs, listing
from reviewbot.service.database import Database
from reviewbot.service.inbox import Received, Recorded, record
from reviewbot.service.jobs import Job

T = TypeVar("T")

REPO = Repository(1, "acme", "shop")
INSTALLATION = 7
NOW = 1_800_000_000.0
LEASE = 60.0
STATES = ("new", "running", "posting", "done", "superseded", "failed")
_numbers = itertools.count()


def push(head: str, number: int = 1, *, base: str = "main", repo: Repository = REPO) -> ReviewPull:
    """A head by one letter or digit."""
    return ReviewPull(repo, number, base, head * 40)


def rerun(head: str, run: int, number: int = 1, base: str = "main") -> RerunCheck:
    return RerunCheck(REPO, head * 40, f"reviewbot:{REPO.id}:{number}:{run}:{base}")


def received(hint: Hint, guid: str | None = None, digest: str | None = None) -> Received:
    """A delivery of an own id and an own body, unless they are given."""
    name = f"{next(_numbers)}"
    delivery = Delivery(guid or f"guid-{name}", "pull_request", "opened", INSTALLATION, hint)
    return Received(delivery, name.encode(), digest or f"sha256={name}")


class Inbox:
    """A database with deliveries and jobs; `now` goes on only when a test says so."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW

    def records(self, *hints: Hint | Received) -> list[Recorded]:
        """Record some in one batch."""
        batch = [one if isinstance(one, Received) else received(one) for one in hints]
        with self.database.write() as connection:
            return record(connection, batch, self.now)

    def takes(self, hint: Hint | Received) -> tuple[int, ...]:
        """Record one that is taken; gives the jobs to wake a worker for."""
        [recorded] = self.records(hint)
        assert recorded.outcome == "taken"
        return recorded.jobs

    def tries_to_claim(self, job_id: int, lease: float = LEASE) -> Job | None:
        with self.database.write() as connection:
            return jobs.claim(connection, job_id, "worker", self.now, lease)

    def claims(self, job_id: int) -> Job:
        job = self.tries_to_claim(job_id)
        assert job is not None
        return job

    def finishes(self, job: Job, state: str, reason: str = "") -> bool:
        with self.database.write() as connection:
            return jobs.finish(connection, job, state, reason, self.now)

    def releases(self, job: Job, seconds: float = 0.0, *, counts: bool = False) -> bool:
        with self.database.write() as connection:
            return jobs.release(
                connection, job, self.now + seconds, "put off", self.now, counts=counts
            )

    def advances(self, job: Job, state: str = "posting") -> bool:
        with self.database.write() as connection:
            return jobs.advance(connection, job, state)

    def finds_head(self, job: Job, head: str, base: str = "main") -> int | None:
        with self.database.write() as connection:
            return jobs.supersede_by_head(connection, job, head * 40, base, self.now)

    def watches(self, job: Job) -> jobs.Watched | None:
        with self.database.read() as connection:
            return jobs.watch(connection, [job.owner]).get(job.owner)

    def due(self, most: int = 100) -> list[int]:
        with self.database.read() as connection:
            return jobs.due(connection, self.now, most)

    def row(self, job_id: int) -> listing.Row:
        with self.database.read() as connection:
            row = listing.find_job(connection, job_id)
        assert row is not None
        return row

    @property
    def states(self) -> list[tuple[str, int, str]]:
        """Head, run and state of all jobs, oldest first."""
        with self.database.read() as connection:
            rows = listing.list_jobs(connection, STATES, 10_000)
        return [(row.head[:1], row.run, row.state) for row in reversed(rows)]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Call several things in threads of their own; raises what one of them raises."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
