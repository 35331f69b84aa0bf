"""The inbox: deliveries in, jobs out, in one transaction; nothing acknowledged is lost."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, text

from reviewbot.errors import DatabaseError
from reviewbot.github.webhook import (
    CheckMergeGroup,
    ClosePull,
    Nothing,
    Repository,
    RerunCheck,
    RerunSuite,
    Uninstalled,
)
from reviewbot.service import listing
from reviewbot.service.database import Database
from reviewbot.service.group_commit import MOST, GroupCommit
from reviewbot.service.inbox import Received, Recorded
from reviewbot.service.jobs import Watched
from reviewbot.service.tables import delivery as inbox_table
from tests import postgres
from tests.deliveries import REPO, Inbox, at_once, push, received, rerun

OTHER = Repository(2, "acme", "other")
HEAD = "a" * 40


@pytest.fixture(params=postgres.KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with postgres.fresh_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def commits(database: Database) -> Iterator[GroupCommit]:
    group = GroupCommit(database)
    group.start()
    yield group
    group.close()


def outcomes(recorded: list[Recorded]) -> list[str]:
    return [one.outcome for one in recorded]


def deliveries(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(inbox_table)).scalar_one()


def test_a_delivery_is_kept_whole(inbox: Inbox, database: Database) -> None:
    one = received(push("a"))
    [job] = inbox.takes(one)
    with database.read() as connection:
        row = connection.execute(select(inbox_table)).mappings().one()
    assert dict(row) == {
        "guid": one.delivery.guid, "event": "pull_request", "action": "opened", "installation": 7,
        "body": one.body, "digest": one.digest, "received_at": inbox.now, "outcome": "taken",
        "job_id": job,
    }  # fmt: skip


def test_a_body_is_packed_in_the_table(inbox: Inbox, database: Database) -> None:
    one = replace(received(push("a")), body=b'{"a": "' + b"An honest word. " * 1500 + b'"}')
    inbox.records(one)
    with database.read() as connection:
        stored = connection.execute(text("SELECT length(body) FROM delivery")).scalar_one()
        assert stored < len(one.body) / 8
        assert connection.execute(select(inbox_table.c.body)).scalar_one() == one.body


@pytest.mark.parametrize("body", [b'{"x": 1}', b' {"x": 1}', b"\n{}"])
def test_a_body_that_an_earlier_version_wrote_is_given_as_it_is(
    inbox: Inbox, database: Database, body: bytes
) -> None:
    inbox.records(push("a"))
    with database.write() as connection:
        connection.execute(text("UPDATE delivery SET body = :body"), {"body": body})
    with database.read() as connection:
        assert connection.execute(select(inbox_table.c.body)).scalar_one() == body


def test_a_delivery_with_nothing_to_do_is_kept_too(inbox: Inbox, database: Database) -> None:
    assert inbox.records(Nothing("a ping")) == [Recorded("nothing")]
    assert deliveries(database) == 1


def test_a_push_makes_a_job_that_is_due(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    row = inbox.row(job)
    assert (row.kind, row.owner_login, row.repository, row.number) == ("review", "acme", "shop", 1)
    assert (row.base, row.head, row.run, row.state) == ("main", HEAD, 0, "new")
    assert inbox.due() == [job]


@pytest.mark.parametrize("same", ["guid", "digest"])
def test_a_delivery_that_comes_again_does_nothing(
    inbox: Inbox, database: Database, same: str
) -> None:
    first = received(push("a"))
    again = {
        "guid": received(push("b"), guid=first.delivery.guid),
        "digest": received(push("b"), digest=first.digest),
    }[same]
    inbox.records(first)
    assert outcomes(inbox.records(again)) == ["duplicate"]
    assert inbox.states == [("a", 0, "new")]
    assert deliveries(database) == 1


def test_a_delivery_twice_in_one_batch_is_one(inbox: Inbox, database: Database) -> None:
    one = received(push("a"))
    assert outcomes(inbox.records(one, one, one)) == ["taken", "duplicate", "duplicate"]
    assert deliveries(database) == 1


def test_a_redelivery_after_a_failure_runs_again(inbox: Inbox) -> None:
    one = received(push("a"))
    [job] = inbox.takes(one)
    inbox.finishes(inbox.claims(job), "failed", "denied")
    assert inbox.takes(one) == (job,)
    assert inbox.row(job).state == "new"
    assert inbox.claims(job).attempts == 1


@pytest.mark.parametrize("state", ["done", "superseded"])
def test_a_redelivery_after_another_end_does_nothing(inbox: Inbox, state: str) -> None:
    one = received(push("a"))
    [job] = inbox.takes(one)
    inbox.finishes(inbox.claims(job), state)
    assert outcomes(inbox.records(one)) == ["duplicate"]
    assert inbox.row(job).state == state


def test_a_redelivery_of_a_failed_head_leaves_a_newer_one_that_is_alive(inbox: Inbox) -> None:
    one = received(push("a"))
    [job] = inbox.takes(one)
    inbox.finishes(inbox.claims(job), "failed")
    inbox.takes(push("b"))
    assert outcomes(inbox.records(one)) == ["duplicate"]
    assert inbox.states == [("a", 0, "failed"), ("b", 0, "new")]


def test_a_newer_head_takes_the_place_of_every_older_one(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    worker = inbox.claims(job)
    inbox.takes(push("b"))
    inbox.takes(push("c"))
    assert inbox.states == [("a", 0, "superseded"), ("b", 0, "superseded"), ("c", 0, "new")]
    assert inbox.watches(worker) == Watched("superseded", recheck=False)
    assert inbox.row(job).reason == "a newer head took its place"


def test_of_the_heads_in_one_batch_only_the_last_is_alive(inbox: Inbox) -> None:
    recorded = inbox.records(push("a"), push("b", 2), push("b"), push("c"), push("d", 2))
    assert outcomes(recorded) == ["taken"] * 5
    assert sorted(inbox.states) == [("a", 0, "superseded"), ("b", 0, "superseded"),
                                    ("b", 0, "superseded"), ("c", 0, "new"),
                                    ("d", 0, "new")]  # fmt: skip
    assert sorted(job for one in recorded for job in one.jobs) == sorted(inbox.due())


def test_a_head_that_comes_back_in_one_batch_is_the_one_alive(inbox: Inbox) -> None:
    inbox.records(push("a"), push("b"), push("a"))
    assert sorted(inbox.states) == [("a", 0, "new"), ("b", 0, "superseded")]


def test_a_running_head_that_comes_back_in_one_batch_runs_on(inbox: Inbox) -> None:
    worker = inbox.claims(*inbox.takes(push("a")))
    inbox.records(push("b"), push("a"))
    assert inbox.watches(worker) == Watched("running", recheck=False)
    assert sorted(inbox.states) == [("a", 0, "running"), ("b", 0, "superseded")]


def test_a_head_that_comes_back_is_reviewed_if_it_was_not(inbox: Inbox) -> None:
    [first] = inbox.takes(push("a"))
    inbox.takes(push("b"))
    assert inbox.takes(push("a")) == (first,)
    assert inbox.states == [("a", 0, "new"), ("b", 0, "superseded")]


def test_a_head_that_comes_back_after_its_review_has_the_others_read_again(inbox: Inbox) -> None:
    """It is the head again, or an old delivery that comes late: only GitHub knows."""
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    worker = inbox.claims(*inbox.takes(push("b")))
    assert inbox.takes(push("a")) == ()
    assert inbox.watches(worker) == Watched("running", recheck=True)
    inbox.finds_head(worker, "a")
    assert inbox.states == [("a", 0, "done"), ("b", 0, "superseded")]


def test_an_old_delivery_that_comes_late_does_not_end_the_new_head(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    [job] = inbox.takes(push("b"))
    inbox.takes(push("a"))
    assert inbox.due() == [job]


def test_a_head_that_came_back_while_it_was_posted_is_posted_with_care(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    inbox.advances(inbox.claims(job))
    inbox.takes(push("b"))
    inbox.takes(push("a"))
    inbox.now += 100
    assert inbox.claims(job).state == "posting"


def test_another_base_is_another_diff(inbox: Inbox) -> None:
    inbox.takes(push("a"))
    inbox.takes(push("a", base="next"))
    assert inbox.states == [("a", 0, "superseded"), ("a", 0, "new")]


def test_one_head_in_two_pull_requests_is_two_reviews(inbox: Inbox) -> None:
    inbox.records(push("a", 1), push("a", 2), push("a", 1, repo=OTHER))
    assert inbox.states == [("a", 0, "new")] * 3


def test_a_repository_that_was_renamed_is_known_by_its_new_name(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    inbox.takes(push("a", repo=Repository(REPO.id, "acme", "renamed")))
    assert inbox.row(job).repository == "renamed"


def test_a_closed_pull_request_is_read_again_by_its_worker(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    worker = inbox.claims(job)
    assert inbox.takes(ClosePull(REPO, 1)) == (job,)
    assert inbox.watches(worker) == Watched("running", recheck=True)
    inbox.releases(worker)
    assert inbox.watches(inbox.claims(job)) == Watched("running", recheck=False)


def test_closing_what_nobody_works_on_changes_nothing(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    assert outcomes(inbox.records(ClosePull(REPO, 1))) == ["nothing"]


def test_a_reopening_while_a_worker_ends_it_as_closed_is_not_lost(inbox: Inbox) -> None:
    [job] = inbox.takes(push("a"))
    worker = inbox.claims(job)  # and it reads a closed pull request
    inbox.takes(push("a"))
    inbox.finishes(worker, "superseded", "the pull request is closed")
    assert inbox.due() == [job]
    assert inbox.claims(job).attempts == 1


def test_a_check_that_is_asked_for_again_is_the_next_run(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    inbox.takes(rerun("a", 0))
    assert inbox.states == [("a", 0, "done"), ("a", 1, "new")]


def test_a_check_that_is_asked_for_twice_is_one_run(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    [job] = inbox.takes(rerun("a", 0))
    inbox.takes(rerun("a", 0))
    inbox.finishes(inbox.claims(job), "done")
    inbox.takes(rerun("a", 0))
    assert inbox.states == [("a", 0, "done"), ("a", 1, "done")]


@pytest.mark.parametrize(
    "hint",
    [
        rerun("a", 5),
        rerun("b", 0),
        rerun("a", 0, number=9),
        rerun("a", 0, base="other"),
        RerunCheck(OTHER, HEAD, "reviewbot:1:1:0:main"),
        RerunCheck(REPO, HEAD, "someone's"),
        RerunCheck(REPO, HEAD, "reviewbot:1:1:99999999999999999999:main"),
    ],
)
def test_a_check_that_is_none_of_ours_is_passed_over(inbox: Inbox, hint: RerunCheck) -> None:
    inbox.takes(push("a"))
    assert outcomes(inbox.records(hint)) == ["nothing"]


def test_a_run_that_was_asked_for_survives_an_event_of_the_same_head(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    inbox.takes(rerun("a", 0))
    inbox.takes(push("a"))
    assert inbox.states == [("a", 0, "done"), ("a", 1, "new")]


def test_a_run_of_an_old_head_does_not_stop_the_new_one(inbox: Inbox) -> None:
    inbox.finishes(inbox.claims(*inbox.takes(push("a"))), "done")
    inbox.takes(push("b"))
    inbox.takes(rerun("a", 0))
    assert inbox.states == [("a", 0, "done"), ("b", 0, "new"), ("a", 1, "new")]


def test_a_suite_is_matched_by_its_head(inbox: Inbox) -> None:
    for number in (1, 2):
        inbox.finishes(inbox.claims(*inbox.takes(push("a", number))), "done")
    inbox.takes(push("a", 3))
    inbox.takes(push("a", 1, repo=OTHER))
    assert len(inbox.takes(RerunSuite(REPO, HEAD))) == 2
    assert (
        sorted(inbox.states)
        == [("a", 0, "done")] * 2 + [("a", 0, "new")] * 2 + [("a", 1, "new")] * 2
    )


def test_a_suite_that_comes_in_the_batch_of_its_head_is_under_way(inbox: Inbox) -> None:
    assert outcomes(inbox.records(push("a"), RerunSuite(REPO, HEAD))) == ["taken", "nothing"]


def test_a_suite_that_comes_again_runs_all_that_failed_of_it(inbox: Inbox) -> None:
    for number in (1, 2):
        inbox.finishes(inbox.claims(*inbox.takes(push("a", number))), "done")
    suite = received(RerunSuite(REPO, HEAD))
    for job in inbox.takes(suite):
        inbox.finishes(inbox.claims(job), "failed")
    assert len(inbox.takes(suite)) == 2


def test_a_merge_queue_gets_one_check_for_each_head(inbox: Inbox) -> None:
    group = CheckMergeGroup(REPO, HEAD)
    recorded = inbox.records(group, CheckMergeGroup(OTHER, HEAD), group)
    assert recorded[0].jobs == recorded[2].jobs
    assert [inbox.row(job).kind for job in inbox.due()] == ["merge_check"] * 2


def test_a_review_and_a_merge_check_of_one_head_do_not_touch_each_other(inbox: Inbox) -> None:
    inbox.records(push("a"), CheckMergeGroup(REPO, HEAD), push("b"), RerunSuite(REPO, HEAD))
    kinds = [(inbox.row(job).kind, inbox.row(job).head[:1]) for job in inbox.due()]
    assert sorted(kinds) == [("merge_check", "a"), ("review", "a"), ("review", "b")]


def test_the_end_of_an_installation_is_one_job_and_can_come_again(inbox: Inbox) -> None:
    recorded = inbox.records(Uninstalled(), Uninstalled())
    [job] = recorded[0].jobs
    assert recorded[1].jobs == (job,)
    inbox.finishes(inbox.claims(job), "superseded", "the installation is there")
    assert inbox.takes(Uninstalled()) == (job,)


def test_a_batch_costs_a_few_statements_whatever_its_size(inbox: Inbox) -> None:
    said: list[str] = []
    event.listen(inbox.database.engine, "before_cursor_execute", lambda *row: said.append(row[2]))
    pushes = [push(head, number) for number in range(1, 41) for head in "abc"]
    inbox.records(*pushes)
    assert len(said) <= 8


def test_two_processes_that_record_heads_of_one_pull_request_leave_one_alive(
    inbox: Inbox,
) -> None:
    for number in range(1, 21):
        at_once(
            partial(inbox.records, push("a", number)),
            partial(inbox.records, push("b", number), push("c", number)),
            partial(inbox.records, push("d", number)),
        )
    alive = [state for state in inbox.states if state[2] == "new"]
    assert len(alive) == 20


def test_two_processes_that_get_one_delivery_take_it_once(inbox: Inbox) -> None:
    for number in range(1, 11):
        one = received(push("a", number))
        said = at_once(*[partial(inbox.records, one)] * 4)
        assert sorted(recorded.outcome for batch in said for recorded in batch) == [
            "duplicate", "duplicate", "duplicate", "taken"
        ]  # fmt: skip


def test_a_group_commit_takes_what_waits_in_one_transaction(
    commits: GroupCommit, database: Database
) -> None:
    begun: list[object] = []
    event.listen(database.engine, "begin", begun.append)
    with database.write():  # nothing is committed meanwhile, on SQLite
        futures = [commits.submit(received(push("a", number))) for number in range(1, 33)]
        time.sleep(0.05)
    assert {future.result(10).outcome for future in futures} == {"taken"}
    assert len(begun) <= 8


def test_more_than_one_batch_is_taken_in_order(commits: GroupCommit, inbox: Inbox) -> None:
    heads = "0123456789abcdef" * (MOST // 4)
    futures = [commits.submit(received(push(head))) for head in heads]
    assert {future.result(20).outcome for future in futures} == {"taken"}
    assert [state[0] for state in inbox.states if state[2] == "new"] == ["f"]


def test_one_delivery_that_cannot_be_written_fails_alone(commits: GroupCommit) -> None:
    good = received(push("a"))
    bad = replace(good, delivery=replace(good.delivery, guid="bad", installation=2**70))
    others = [received(push("a", number)) for number in range(2, 6)]
    futures = [commits.submit(one) for one in (others[0], bad, *others[1:])]
    with pytest.raises(DatabaseError):
        futures[1].result(10)
    assert [f.result(10).outcome for f in (futures[0], *futures[2:])] == ["taken"] * 4


def test_a_requester_that_went_away_stops_nobody(commits: GroupCommit, database: Database) -> None:
    with database.write():
        futures = [commits.submit(received(push("a", number))) for number in range(1, 9)]
        for future in futures:
            future.cancel()
    assert commits.submit(received(push("b"))).result(10).outcome == "taken"


def hold_delivery(database: Database) -> tuple[threading.Event, threading.Thread]:
    """Hold what every delivery needs, from another thread, until the event is set."""
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write() as connection:
            connection.execute(
                text("DELETE FROM delivery")
                if database.kind == "sqlite"
                else text("LOCK TABLE delivery")
            )
            held.set()
            released.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    return released, thread


@pytest.mark.parametrize(
    ("kind", "statement"),
    [("sqlite", "PRAGMA busy_timeout = 50"), ("postgresql", "SET lock_timeout = '50ms'")],
)
def test_a_commit_that_fails_fails_all_of_its_batch_and_the_next_one_goes_well(
    kind: str, statement: str, tmp_path: Path
) -> None:
    with postgres.fresh_database(kind, tmp_path) as database:

        @event.listens_for(database.engine, "connect")
        def _connected(connection: object, _: object) -> None:
            connection.execute(statement)  # type: ignore[attr-defined]
            connection.commit()  # type: ignore[attr-defined]

        group = GroupCommit(database)
        group.start()
        released, thread = hold_delivery(database)
        futures: list[Future[Recorded]] = [
            group.submit(received(push("a", number))) for number in range(1, 9)
        ]
        errors = [future.exception(10) for future in futures]
        assert {type(error) for error in errors} == {DatabaseError}
        assert {getattr(error, "unreachable", None) for error in errors} == {True}
        released.set()
        thread.join()
        assert group.submit(received(push("b"))).result(10).outcome == "taken"
        group.close()


def test_what_waits_when_the_inbox_closes_is_committed_and_later_ones_fail(
    database: Database,
) -> None:
    group = GroupCommit(database)
    group.start()
    futures = [group.submit(received(push("a", number))) for number in range(1, 300)]
    group.close()
    assert {future.result(0).outcome for future in futures} == {"taken"}
    with pytest.raises(DatabaseError):
        group.submit(received(push("b"))).result(1)


def test_the_ids_of_recorded_deliveries_are_known(inbox: Inbox, database: Database) -> None:
    one = received(push("a"))
    inbox.records(one)
    with database.read() as connection:
        known = listing.known_guids(connection, [one.delivery.guid, "another"])
    assert known == {one.delivery.guid}


def is_large(one: Received) -> Received:
    return replace(one, body=b"x" * 25_000_000)


def test_the_largest_body_that_github_sends_is_taken(commits: GroupCommit) -> None:
    assert commits.submit(is_large(received(push("a")))).result(20).outcome == "taken"
