"""A job's life: claimed by one at a time, written to by its owner only, never forgotten."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, delete, select

from reviewbot.github.webhook import CheckMergeGroup, ClosePull
from reviewbot.service import jobs, listing
from reviewbot.service.database import Database
from reviewbot.service.jobs import (
    ACTIVE,
    CLEAN_UP_SECONDS,
    ENDED,
    MAX_ATTEMPTS,
    PUBLISHED_FOR,
    Job,
    Watched,
)
from reviewbot.service.tables import job as table
from tests.deliveries import LEASE, NOW, REPO, Inbox, at_once, push

pytest_plugins = "tests.databases"

Write = Callable[[Connection, Job], object]
DAY = CLEAN_UP_SECONDS


def row(database: Database, job_id: int) -> dict[str, object]:
    """All of a job's row, as it stands."""
    with database.read() as connection:
        found = connection.execute(select(table).where(table.c.id == job_id)).mappings().one()
        return dict(found)


def does(database: Database, write: Write, job: Job) -> object:
    with database.write() as connection:
        return write(connection, job)


def publishes(inbox: Inbox, *ids: int, now: float | None = None) -> None:
    with inbox.database.write() as connection:
        jobs.mark_published(connection, ids, inbox.now if now is None else now)


def beats(inbox: Inbox, *owned: Job) -> None:
    owners = [job.owner for job in owned]
    with inbox.database.write() as connection:
        jobs.heartbeat(connection, owners, inbox.now, LEASE)


def opens_check(inbox: Inbox, job: Job, check_run_id: int | None = 99) -> object:
    return does(inbox.database, partial(_set_check, check_run_id), job)


def _set_check(check_run_id: int | None, connection: Connection, job: Job) -> bool:
    return jobs.set_check(connection, job, check_run_id)


def is_lost(inbox: Inbox, job_id: int) -> Job | None:
    """Let whoever holds it die, and another worker claim it."""
    inbox.now += LEASE + 1
    return inbox.tries_to_claim(job_id)


# claims and leases


def test_a_job_is_claimed_by_one_worker_until_its_lease_runs_out(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    first = inbox.claims(job)
    assert (first.state, first.attempts, first.name) == ("running", 1, "acme/shop#1")
    assert inbox.tries_to_claim(job) is None
    inbox.now += LEASE
    assert inbox.tries_to_claim(job) is None
    inbox.now += 1
    second = inbox.claims(job)
    assert second.owner != first.owner
    assert second.attempts == 2


def test_a_heartbeat_keeps_the_lease(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    held = inbox.claims(job)
    for _ in range(3):
        inbox.now += LEASE - 1
        beats(inbox, held)
    assert inbox.tries_to_claim(job) is None
    assert inbox.watches(held) == Watched("running", recheck=False)


def test_a_heartbeat_of_a_lost_claim_renews_nothing(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    lost = inbox.claims(job)
    held = is_lost(inbox, job)
    before = row(inbox.database, job)
    inbox.now += 5
    beats(inbox, lost)
    assert row(inbox.database, job) == before
    assert inbox.watches(lost) is None
    assert held is not None
    assert inbox.watches(held) is not None


@pytest.mark.parametrize("state", ["done", "superseded", "failed"])
def test_a_job_that_has_ended_is_claimed_by_nobody(inbox: Inbox, state: str) -> None:
    [job] = inbox.takes(push("a"))
    inbox.finishes(inbox.claims(job), state)
    held = inbox.tries_to_claim(job)
    assert (held is None) == (state != "failed")  # whose check run is to tell


def test_a_job_that_is_not_there_is_claimed_by_nobody(inbox: Inbox) -> None:
    assert inbox.tries_to_claim(12345) is None


def test_of_many_threads_that_claim_at_once_one_wins(inbox: Inbox) -> None:
    for number in range(1, 11):
        [job] = inbox.takes(push("a", number))
        won = at_once(*[partial(inbox.tries_to_claim, job)] * 4)
        assert [isinstance(one, Job) for one in won].count(True) == 1


def test_of_two_threads_that_take_over_a_lost_job_one_wins(inbox: Inbox) -> None:
    for number in range(1, 11):
        [job] = inbox.takes(push("a", number))
        inbox.claims(job)
        inbox.now += LEASE + 1
        won = at_once(*[partial(inbox.tries_to_claim, job)] * 2)
        assert [isinstance(one, Job) for one in won].count(True) == 1


# fencing


def _heads_on(connection: Connection, job: Job) -> object:
    return jobs.supersede_by_head(connection, job, "f" * 40, "main", NOW)


def _finish(state: str, connection: Connection, job: Job) -> object:
    return jobs.finish(connection, job, state, "why", NOW, review_id=5)


def _give_back(connection: Connection, job: Job) -> object:
    return jobs.release(connection, job, NOW + 9, "why", NOW)


def _give_back_counted(connection: Connection, job: Job) -> object:
    return jobs.release(connection, job, NOW + 9, "why", NOW, counts=True)


def _advance(state: str, connection: Connection, job: Job) -> object:
    return jobs.advance(connection, job, state)


WRITES: dict[str, Write] = {
    "running": partial(_advance, "running"), "posting": partial(_advance, "posting"),
    "progress": jobs.note_progress, "a check": partial(_set_check, 5),
    "a check to come": partial(_set_check, None), "a closed check": jobs.close_check,
    "done": partial(_finish, "done"), "superseded": partial(_finish, "superseded"),
    "failed": partial(_finish, "failed"), "release": _give_back,
    "counted release": _give_back_counted, "another head": _heads_on,
}  # fmt: skip


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_whoever_lost_a_job_changes_nothing(inbox: Inbox, write: Write) -> None:
    [job] = inbox.takes(push("a"))
    lost = inbox.claims(job)
    assert is_lost(inbox, job) is not None
    before, states = row(inbox.database, job), inbox.states
    assert not does(inbox.database, write, lost)
    assert row(inbox.database, job) == before
    assert inbox.states == states


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_whoever_gave_a_job_back_changes_nothing(inbox: Inbox, write: Write) -> None:
    [job] = inbox.takes(push("a"))
    gone = inbox.claims(job)
    inbox.releases(gone)
    before = row(inbox.database, job)
    assert not does(inbox.database, write, gone)
    assert row(inbox.database, job) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_whoever_holds_a_job_writes_to_it(inbox: Inbox, write: Write) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    assert does(inbox.database, write, held)


@pytest.mark.parametrize("state", ["posting", "running"])
def test_a_job_that_gave_way_goes_no_further(inbox: Inbox, state: str) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.takes(push("b"))
    assert not inbox.advances(held, state)
    assert inbox.row(held.id).state == "superseded"


def test_a_job_is_wanted_while_it_is_held_as_it_is_and_nobody_wants_another_look(
    inbox: Inbox,
) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    wanted = partial(does, inbox.database, lambda c, job: jobs.is_wanted(c, job, "running"), held)
    assert wanted()
    inbox.takes(ClosePull(REPO, 1))
    assert not wanted()
    inbox.releases(held)
    held = inbox.claims(held.id)
    assert does(inbox.database, lambda c, job: jobs.is_wanted(c, job, "running"), held)
    assert not does(inbox.database, lambda c, job: jobs.is_wanted(c, job, "posting"), held)
    inbox.takes(push("b"))
    assert not does(inbox.database, lambda c, job: jobs.is_wanted(c, job, "running"), held)


# attempts


def test_a_review_that_dies_without_progress_fails_after_five_attempts(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    assert inbox.claims(job).attempts == 1
    tried = [is_lost(inbox, job) for _ in range(MAX_ATTEMPTS)]
    assert [one and (one.state, one.attempts) for one in tried] == [
        ("running", 2), ("running", 3), ("running", 4), ("running", 5), ("failed", 6),
    ]  # fmt: skip
    assert inbox.row(job).state == "failed"
    assert inbox.row(job).reason == "5 attempts ended without progress; the last: lost"


def test_a_dead_letter_is_held_until_its_check_run_tells_of_it(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    inbox.claims(job)
    held = [is_lost(inbox, job) for _ in range(MAX_ATTEMPTS)][-1]
    assert held is not None
    assert held.check_open
    assert inbox.tries_to_claim(job) is None
    assert does(inbox.database, jobs.close_check, held)
    inbox.now += DAY
    assert inbox.due() == []
    assert inbox.row(job).state == "failed"


def test_what_is_no_review_fails_and_is_given_to_nobody(inbox: Inbox) -> None:
    [job] = inbox.takes(CheckMergeGroup(REPO, "a" * 40))
    inbox.claims(job)
    tried = [is_lost(inbox, job) for _ in range(MAX_ATTEMPTS)]
    assert [one is None for one in tried] == [False] * 4 + [True]
    assert inbox.row(job).state == "failed"
    inbox.now += DAY
    assert inbox.due() == []


@pytest.mark.parametrize("step", ["progress", "posting"])
def test_a_job_that_dies_with_progress_may_die_as_often_as_it_likes(
    inbox: Inbox, step: str
) -> None:
    [job] = inbox.takes(push("a"))
    held: Job | None = inbox.claims(job)
    for _ in range(3 * MAX_ATTEMPTS):
        assert held is not None
        assert does(inbox.database, WRITES[step], held)
        held = is_lost(inbox, job)
        assert held is not None
        assert held.attempts == 1


def test_what_was_the_fault_of_others_is_no_attempt(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    for _ in range(3 * MAX_ATTEMPTS):
        inbox.releases(inbox.claims(job))
    assert inbox.row(job).attempts == 0


def test_an_error_of_our_own_is_one(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    for _ in range(MAX_ATTEMPTS):
        inbox.releases(inbox.claims(job), counts=True)
    assert inbox.claims(job).state == "failed"
    assert inbox.row(job).reason == "5 attempts ended without progress; the last: put off"


def test_a_job_that_was_put_off_waits_for_its_time(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    inbox.releases(inbox.claims(job), seconds=30)
    assert (inbox.tries_to_claim(job), inbox.due()) == (None, [])
    inbox.now += 30
    assert inbox.due() == [job]
    assert inbox.claims(job).reason == "put off"


# other heads


def test_a_worker_that_finds_another_head_makes_way_for_it(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    other = inbox.finds_head(held, "b")
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "new")]
    assert inbox.due() == [other]
    assert inbox.row(held.id).reason == "a newer head took its place"


def test_a_head_that_gave_way_and_is_the_right_one_after_all_is_new_again(inbox: Inbox) -> None:
    [first] = inbox.takes(push("a"))
    held = inbox.claims(*inbox.takes(push("b")))
    assert inbox.finds_head(held, "a") == first
    assert inbox.states == [("a", 0, "new"), ("b", 0, "superseded")]


def test_a_head_that_was_reviewed_is_not_reviewed_again(inbox: Inbox) -> None:
    [first] = inbox.takes(push("a"))
    inbox.finishes(inbox.claims(first), "done")
    held = inbox.claims(*inbox.takes(push("b")))
    assert inbox.finds_head(held, "a") == first
    assert inbox.states == [("a", 0, "done"), ("b", 0, "superseded")]


def test_a_worker_that_finds_its_own_head_on_another_base_makes_way(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    other = inbox.finds_head(held, "a", base="next")
    assert other is not None
    assert inbox.row(other).base == "next"
    assert inbox.states == [("a", 0, "superseded"), ("a", 0, "new")]


def test_a_worker_whose_job_gave_way_already_decides_nothing(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.takes(push("b"))
    assert inbox.finds_head(held, "c") is None
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "new")]


def test_a_worker_and_a_push_that_name_heads_at_once_leave_one_alive(inbox: Inbox) -> None:
    """On both databases: they take the same lock, so none has to converge afterwards."""
    for number in range(1, 11):
        held = inbox.claims(*inbox.takes(push("a", number)))
        at_once(partial(inbox.finds_head, held, "b"), partial(inbox.records, push("c", number)))
    alive = [head for head, _, state in inbox.states if state in ACTIVE]
    assert len(alive) == 10
    assert "a" not in alive


# ends


def test_a_review_that_is_done_is_noted_and_nothing_is_left_to_do(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    opens_check(inbox, held)
    inbox.advances(held)
    assert does(inbox.database, partial(_finish, "done"), held)
    found = row(inbox.database, held.id)
    assert (found["state"], found["review_id"], found["check_run_id"]) == ("done", 5, 99)
    assert (found["owner"], found["check_open"], found["unclean_posting"]) == (None, False, False)
    inbox.now += DAY
    assert inbox.due() == []


def test_a_review_that_was_posted_is_done_even_if_it_gave_way_meanwhile(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.advances(held)
    inbox.takes(push("b"))
    assert inbox.finishes(held, "done")
    assert inbox.states == [("a", 0, "done"), ("b", 0, "new")]


def test_a_job_that_gave_way_does_not_fail(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.takes(push("b"))
    assert inbox.finishes(held, "failed", "denied")
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "new")]
    assert inbox.row(held.id).reason == "a newer head took its place"


def test_a_failed_review_is_given_out_once_more_for_its_check_run(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.finishes(held, "failed", "denied")
    assert inbox.due() == [held.id]
    again = inbox.claims(held.id)
    assert (again.state, again.reason, again.check_open) == ("failed", "denied", True)
    does(inbox.database, jobs.close_check, again)
    assert inbox.due() == []


def test_the_check_run_of_a_job_that_gave_way_is_given_out_until_it_is_closed(
    inbox: Inbox,
) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    opens_check(inbox, held)
    [newer] = inbox.takes(push("b"))
    inbox.finishes(inbox.claims(newer), "done")
    inbox.releases(held)
    assert inbox.due() == [held.id]
    again = inbox.claims(held.id)
    assert (again.state, again.check_run_id, again.check_open) == ("superseded", 99, True)
    inbox.finishes(again, "done", "what is tried now changes no ended job")
    assert inbox.due() == []
    assert inbox.row(held.id).state == "superseded"


def test_a_check_run_that_may_have_been_created_is_looked_for(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    opens_check(inbox, held, None)
    inbox.takes(push("b"))
    again = is_lost(inbox, held.id)
    assert again is not None
    assert (again.state, again.check_run_id, again.check_open) == ("superseded", None, True)


def test_a_check_run_that_cannot_be_completed_is_given_up_after_a_day(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.finishes(held, "failed", "denied")
    inbox.releases(inbox.claims(held.id))
    inbox.now += DAY + 1
    last = inbox.claims(held.id)
    assert last.state == "failed"
    inbox.releases(last)
    assert inbox.due() == []


def test_a_dead_worker_at_the_last_try_of_a_check_run_leaves_nothing_due(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.finishes(held, "failed", "denied")
    inbox.now += DAY + 1
    inbox.claims(held.id)
    inbox.now += LEASE + 1
    assert inbox.due() == []


def test_a_replayed_dead_letter_starts_anew(inbox: Inbox) -> None:
    held = inbox.claims(*inbox.takes(push("a")))
    inbox.finishes(held, "failed", "denied")
    assert does(inbox.database, lambda c, job: listing.replay(c, job.id, NOW), held)
    again = inbox.claims(held.id)
    assert (again.state, again.attempts, again.reason) == ("running", 1, "")
    assert not does(inbox.database, lambda c, job: listing.replay(c, job.id, NOW), again)


# messages


def test_a_job_is_published_once_and_again_when_its_message_counts_as_lost(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    publishes(inbox, job)
    assert inbox.due() == []
    inbox.now += PUBLISHED_FOR
    assert inbox.due() == []
    inbox.now += 1
    assert inbox.due() == [job]


def test_a_job_whose_worker_died_is_published_at_once(inbox: Inbox) -> None:
    """Its message was used up: a lease that is short does not wait until it counts as lost."""
    [job] = inbox.takes(push("a"))
    publishes(inbox, job)
    inbox.tries_to_claim(job, lease=5.0)
    inbox.now += 6
    assert inbox.due() == [job]
    publishes(inbox, job)
    assert inbox.due() == []


def test_a_job_that_was_given_back_is_published_at_once(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    publishes(inbox, job)
    inbox.releases(inbox.claims(job))
    assert inbox.due() == [job]


def test_a_note_of_a_message_from_before_the_claim_does_not_hide_the_job(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    sent = inbox.now
    inbox.now += 1
    inbox.releases(inbox.claims(job))
    publishes(inbox, job, now=sent)
    assert inbox.due() == [job]


def test_those_that_waited_longest_are_published_first_and_so_many_at_once(inbox: Inbox) -> None:
    made: list[int] = []
    for number in range(1, 6):
        made += inbox.takes(push("a", number))
        inbox.now += 1
    assert inbox.due(3) == made[:3]
    publishes(inbox, *made[:2])
    assert inbox.due() == made[2:]


# everything at once


class Life(RuleBasedStateMachine):
    """Pushes, workers that live and die, and time, in any order. `valid` is what we know of
    claims: the owner of each job, and until when.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        with database.write() as connection:
            connection.execute(delete(table))
        self.database = database
        self.inbox = Inbox(database)
        self.ever: list[Job] = []
        self.valid: dict[int, tuple[str, float]] = {}
        self.wanted: dict[int, str] = {}

    def holds(self, job: Job) -> bool:
        return self.valid.get(job.id, ("", 0.0))[0] == job.owner

    def rows(self) -> list[dict[str, object]]:
        with self.database.read() as connection:
            found = connection.execute(select(table).order_by(table.c.id)).mappings()
            return [dict(one) for one in found]

    def pick(self, at: int) -> Job:
        return self.ever[at % len(self.ever)]

    @rule(number=st.integers(1, 2), head=st.sampled_from("abc"))
    def push(self, number: int, head: str) -> None:
        self.inbox.records(push(head, number))
        self.wanted[number] = head

    @rule(number=st.integers(1, 2))
    def close(self, number: int) -> None:
        self.inbox.records(ClosePull(REPO, number))

    @rule(seconds=st.sampled_from([1.0, PUBLISHED_FOR + 1, LEASE + 1]))
    def wait(self, seconds: float) -> None:
        self.inbox.now += seconds

    @rule()
    def publish(self) -> None:
        publishes(self.inbox, *self.inbox.due())

    @precondition(lambda self: self.rows())
    @rule(at=st.integers(0, 9))
    def claim(self, at: int) -> None:
        rows = self.rows()
        job_id = int(str(rows[at % len(rows)]["id"]))
        _, until = self.valid.get(job_id, ("", 0.0))
        job = self.inbox.tries_to_claim(job_id)
        claimed = [job] if job else []
        assert until < self.inbox.now or not claimed
        self.ever += claimed
        self.valid |= {one.id: (one.owner, self.inbox.now + LEASE) for one in claimed}

    @precondition(lambda self: self.ever)
    @rule(at=st.integers(0, 9))
    def beat(self, at: int) -> None:
        job = self.pick(at)
        beats(self.inbox, job)
        renewed = {job.id: (job.owner, self.inbox.now + LEASE)}
        self.valid |= renewed if self.holds(job) else {}

    @precondition(lambda self: self.ever)
    @rule(at=st.integers(0, 9), name=st.sampled_from(["progress", "a check", "posting"]))
    def step(self, at: int, name: str) -> None:
        self.writes(self.pick(at), WRITES[name])

    @precondition(lambda self: self.ever)
    @rule(at=st.integers(0, 9), name=st.sampled_from(["done", "superseded", "failed", "release",
                                                      "counted release"]))  # fmt: skip
    def end(self, at: int, name: str) -> None:
        job = self.pick(at)
        owner, _ = self.valid.get(job.id, ("", 0.0))
        if self.writes(job, WRITES[name]) and owner == job.owner:
            del self.valid[job.id]
            mine = name in ENDED and self.wanted.get(job.number) == job.head[0]
            self.wanted |= {job.number: ""} if mine else {}  # this worker decided against it

    @precondition(lambda self: self.ever)
    @rule(at=st.integers(0, 9), head=st.sampled_from("abc"))
    def find_head(self, at: int, head: str) -> None:
        job = self.pick(at)
        if self.inbox.finds_head(job, head) is not None:
            self.wanted[job.number] = head

    def writes(self, job: Job, write: Write) -> bool:
        """Write as a worker that may have lost the job long ago."""
        holds, before = self.holds(job), self.rows()
        changed = bool(does(self.database, write, job))
        assert holds or (not changed and self.rows() == before)
        return changed

    @invariant()
    def every_job_has_one_owner_and_comes_up_again(self) -> None:
        rows = self.rows()
        owners = {row["id"]: row["owner"] for row in rows}
        assert all(owners[job_id] == owner for job_id, (owner, _) in self.valid.items())
        alive = [row["number"] for row in rows if row["state"] in ACTIVE]
        assert len(alive) == len(set(alive))  # one review of a pull request
        later = at_time(self.inbox, NOW + 10**9)
        assert {row["id"] for row in rows if has_work(row)} == set(later.due())

    def teardown(self) -> None:
        """Live workers end all that is left: every pull request has come to an end."""
        for _ in range(4):
            self.inbox.now += 10 * LEASE
            for job_id in self.inbox.due():
                held = self.inbox.tries_to_claim(job_id)
                for one in [held] if held else []:
                    self.inbox.finishes(one, "done")
        rows = self.rows()
        assert [row for row in rows if has_work(row)] == []
        ended = {(row["number"], str(row["head"])[0]) for row in rows if row["state"] != ENDED[0]}
        assert ended >= {one for one in self.wanted.items() if one[1]}


def at_time(inbox: Inbox, now: float) -> Inbox:
    later = Inbox(inbox.database)
    later.now = now
    return later


def has_work(row: dict[str, object]) -> bool:
    return row["state"] in ACTIVE or (row["state"] != "done" and bool(row["check_open"]))


def test_whatever_happens_a_job_has_one_owner_and_is_not_forgotten(database: Database) -> None:
    class Here(Life):
        def __init__(self) -> None:
            super().__init__(database)

    few = settings(max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Here, settings=few)
