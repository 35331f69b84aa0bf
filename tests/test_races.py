"""Processes that decide about one pull request at once, or on what they read long ago."""

import itertools
import random
import time
from collections.abc import Callable
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from reviewbot.github.webhook import CheckMergeGroup, ClosePull, Hint, Repository
from reviewbot.service import jobs, listing
from reviewbot.service.database import Database
from reviewbot.service.jobs import Job
from reviewbot.service.tables import job as table
from tests.deliveries import LEASE, Inbox, at_once, push, rerun

pytest_plugins = "tests.databases"


def test_a_head_that_came_back_since_a_worker_read_another_is_not_lost(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("b"))), "done")
    [late] = inbox.takes(push("a"))
    worker = inbox.claims(late)  # and it reads that b is the head
    inbox.takes(push("a"))
    assert inbox.finds_head(worker, "b") is None
    inbox.releases(worker)
    assert inbox.due() == [late]


def test_a_head_that_gave_way_to_a_late_delivery_is_not_lost_with_the_end_of_its_worker(
    inbox: Inbox,
) -> None:
    [first] = inbox.takes(push("a"))
    worker = inbox.claims(*inbox.takes(push("b")))  # and it reads that b is the head
    inbox.takes(push("a"))
    inbox.takes(push("b"))  # late: a is the head
    inbox.finishes(worker, "done")
    assert inbox.states == [("a", 0, "new"), ("b", 0, "done")]
    assert inbox.due() == [first]


def test_a_head_that_nobody_asked_for_meanwhile_ends_without_another_look(inbox: Inbox) -> None:
    inbox.takes(push("a"))
    inbox.finishes(inbox.claims(*inbox.takes(push("b"))), "done")
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "done")]


def test_the_run_that_somebody_asked_for_comes_back_with_its_head(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("b"))), "done")
    inbox.takes(rerun("b", 0))
    [late] = inbox.takes(push("a"))
    inbox.finds_head(inbox.claims(late), "b")
    assert inbox.states == [("b", 0, "done"), ("b", 1, "new"), ("a", 0, "superseded")]


def test_a_claim_and_a_newer_head_at_once_never_leave_the_old_one_running(inbox: Inbox) -> None:
    for number in range(1, 21):
        [job] = inbox.takes(push("a", number))
        at_once(
            partial(inbox.tries_to_claim, job),
            partial(inbox.records, push("b", number)),
            partial(inbox.tries_to_claim, job),
        )
        assert inbox.row(job).state == "superseded"


class Traffic:
    """API and worker processes on few pull requests, for a while; deadlocks come out as errors."""

    def __init__(self, database: Database, seconds: float) -> None:
        self.database = database
        self.inbox = Inbox(database)
        self._until = time.monotonic() + seconds

    def delivers(self, seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < self._until:
            self.inbox.records(*[self._hint(chance) for _ in range(12)])

    def _hint(self, chance: random.Random) -> Hint:
        repo = Repository(chance.choice([1, 2]), "acme", "shop")
        number, head = chance.choice([1, 2, 3]), chance.choice("abcd")
        group = CheckMergeGroup(repo, head * 40)
        hints: list[Hint] = [push(head, number, repo=repo), ClosePull(repo, number), group]
        return chance.choice(hints)

    def works(self, seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < self._until:
            ids = self.inbox.due()
            chance.shuffle(ids)
            held = [job for one in ids if (job := self.inbox.tries_to_claim(one))]
            with self.database.write() as connection:
                jobs.heartbeat(connection, [job.owner for job in held], self.inbox.now, LEASE)
                listing.live_workers(connection, f"w{seed}", len(held), self.inbox.now, LEASE)
            with self.database.write() as connection:
                jobs.mark_published(connection, ids, self.inbox.now - 20)
            for job in held:
                self._ends(job, chance)

    def _ends(self, job: Job, chance: random.Random) -> None:
        ends: list[Callable[[], object]] = [
            partial(self.inbox.releases, job),
            partial(self.inbox.finishes, job, "superseded"),
        ]
        finds = partial(self.inbox.finds_head, job, chance.choice("abcd"))
        of_kind: dict[str, list[Callable[[], object]]] = {
            "review": [*ends, finds],
            "merge_check": ends,
        }
        chance.choice(of_kind[job.kind])()


def test_processes_that_do_everything_at_once_never_wait_in_a_circle(database: Database) -> None:
    traffic = Traffic(database, seconds=1.5)
    at_once(
        *(partial(traffic.delivers, seed) for seed in range(3)),
        *(partial(traffic.works, seed) for seed in range(3)),
    )
    with database.read() as connection:
        active = select(table.c.repository_id, table.c.number).where(
            table.c.state.in_(jobs.ACTIVE), table.c.kind == "review"
        )
        alive = connection.execute(active).all()
    assert len(alive) == len(set(alive))


class World(RuleBasedStateMachine):
    """One pull request: pushes that come late or in one batch, workers that die, or act on what
    they read long ago. Few heads, so that what takes several steps to go wrong comes up.
    """

    database: Database
    repositories = itertools.count(1000)
    heads = st.sampled_from("ab")

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox(self.database)
        self.repo = Repository(next(self.repositories), "acme", "shop")
        self.head = "a"
        self.is_open = True
        self.held: dict[str, tuple[Job, float]] = {}  # by owner, with the end of its lease
        self.read: dict[str, tuple[bool, str]] = {}  # what its worker read, by owner
        self.lost: list[Job] = []

    @initialize()
    def opens(self) -> None:
        self.pushes("a")

    @rule(head=heads)
    def pushes(self, head: str) -> None:
        self.head, self.is_open = head, True
        self.inbox.records(push(head, repo=self.repo))

    @rule(head=heads)
    def delivers_an_old_push(self, head: str) -> None:
        self.inbox.records(push(head, repo=self.repo))

    @rule(heads=st.lists(heads, min_size=2, max_size=4))
    def pushes_in_one_batch(self, heads: list[str]) -> None:
        self.head, self.is_open = heads[-1], True
        self.inbox.records(*[push(head, repo=self.repo) for head in heads])

    @rule()
    def closes(self) -> None:
        self.is_open = False
        self.inbox.records(ClosePull(self.repo, 1))

    @rule(seconds=st.sampled_from([1.0, LEASE + 1]))
    def time_passes(self, seconds: float) -> None:
        self.inbox.now += seconds

    @rule(at=st.integers(0, 2))
    def a_worker_claims_and_reads(self, at: int) -> None:
        rows = sorted(self.rows())
        for job in filter(None, [self.inbox.tries_to_claim(rows[at % len(rows)])]):
            for other, until in [held for held in self.held.values() if held[0].id == job.id]:
                assert until < self.inbox.now, "two valid owners"
                self.lost.append(other)
                del self.held[other.owner]
            self.held[job.owner] = (job, self.inbox.now + LEASE)
            self.read[job.owner] = (self.is_open, self.head)

    @precondition(lambda self: self.held)
    @rule(at=st.integers(0, 2))
    def a_worker_beats(self, at: int) -> None:
        job = self.pick(at)
        with self.database.write() as connection:
            jobs.heartbeat(connection, [job.owner], self.inbox.now, LEASE)
        self.held[job.owner] = (job, self.inbox.now + LEASE)

    @precondition(lambda self: self.held)
    @rule(at=st.integers(0, 2))
    def a_worker_acts_on_what_it_read(self, at: int) -> None:
        job = self.pick(at)
        self.does(job, *self.read[job.owner])
        del self.held[job.owner]

    @precondition(lambda self: self.lost)
    @rule(at=st.integers(0, 2), state=st.sampled_from(["done", "failed", "superseded"]))
    def a_worker_that_lost_its_job_writes(self, at: int, state: str) -> None:
        job, before = self.lost[at % len(self.lost)], self.rows()
        assert not self.inbox.finishes(job, state)
        assert not self.inbox.advances(job)
        assert not self.inbox.releases(job)
        assert self.inbox.finds_head(job, "b") is None
        assert self.rows() == before

    @invariant()
    def at_most_one_review_is_alive(self) -> None:
        assert [state in jobs.ACTIVE for _, state in self.rows().values()].count(True) <= 1

    @invariant()
    def the_latest_head_is_not_forgotten(self) -> None:
        """A review of another head that is alive finds the right one when it is worked on."""
        alive = [state for _, state in self.rows().values() if state in jobs.ACTIVE]
        assert alive or self.has_ended() or not self.is_open

    def teardown(self) -> None:
        """With workers that live, the latest head comes to its end, and nothing is left to do."""
        for _ in range(6):
            self.inbox.now += LEASE + 1
            for job in filter(None, map(self.inbox.tries_to_claim, sorted(self.rows()))):
                self.does(job, self.is_open, self.head)
        assert not [state for _, state in self.rows().values() if state in jobs.ACTIVE]
        assert self.has_ended() or not self.is_open

    def has_ended(self) -> bool:
        """Whether the latest head is reviewed, or a person is told that it cannot be."""
        return bool({(self.head, "done"), (self.head, "failed")} & set(self.rows().values()))

    def pick(self, at: int) -> Job:
        owners = sorted(self.held)
        return self.held[owners[at % len(owners)]][0]

    def rows(self) -> dict[int, tuple[str, str]]:
        """Head and state of this pull request's jobs."""
        mine = select(table.c.id, table.c.head, table.c.state)
        with self.database.read() as connection:
            found = connection.execute(mine.where(table.c.repository_id == self.repo.id)).all()
        return {job_id: (head[:1], state) for job_id, head, state in found}

    def does(self, job: Job, is_open: bool, head: str) -> None:  # noqa: FBT001
        """What a worker does, as far as the table goes."""
        match is_open, head == job.head[:1]:
            case False, _:
                self.inbox.finishes(job, "superseded", "closed")
            case True, False:
                self.inbox.finds_head(job, head)
                self.inbox.releases(job)
            case _:
                self.inbox.finishes(job, "done")


def test_in_any_order_of_things_no_head_is_forgotten(database: Database) -> None:
    class Here(World):
        pass

    Here.database = database
    checks = list(HealthCheck)
    run = settings(max_examples=30, stateful_step_count=20, suppress_health_check=checks)
    run_state_machine_as_test(Here, settings=run)
