"""What becomes of a job after an error: who is at fault decides whether it tries again."""

import pytest

from reviewbot.errors import (
    DiffError,
    FetchError,
    GitError,
    GitHubDeniedError,
    GitHubError,
    GitHubGoneError,
    GitHubInvalidError,
    GitHubLimitError,
    GitHubTemporaryError,
    OverloadedError,
    PersonsDraftError,
    RefusedError,
    SettingsError,
    UnreachableError,
)
from reviewbot.service.endings import (
    LONGEST_WAIT,
    MOST_AGE,
    Finish,
    NotWantedError,
    Release,
    UnansweredError,
    ending_of,
)
from reviewbot.service.jobs import Job

CREATED = 1_800_000_000.0
WAITS = [
    GitHubTemporaryError("why"), FetchError("why"), OverloadedError("why"),
    UnreachableError("why"), RefusedError("why"), UnansweredError("why"),
]  # fmt: skip


def job(attempts: int = 1) -> Job:
    return Job(
        id=1, kind="review", installation=7, repository_id=1, owner_login="acme",
        repository="shop", number=1, base="main", head="a" * 40, run=0, state="running",
        reason="", owner="token", attempts=attempts, created_at=CREATED, claimed_at=CREATED,
        check_run_id=None, check_open=False, delivery="guid",
    )  # fmt: skip


def name_of(value: object) -> str:
    return type(value).__name__


def after(error: Exception, age: float = 60.0, attempts: int = 1) -> Release | Finish:
    return ending_of(error, job(attempts), CREATED + age)


@pytest.mark.parametrize("error", [NotWantedError("why"), GitHubGoneError("why")], ids=name_of)
def test_what_nobody_wants_or_is_not_there_any_more_is_superseded(error: Exception) -> None:
    assert after(error) == Finish("superseded", "why")


@pytest.mark.parametrize(
    "error",
    [
        GitHubDeniedError("why"), GitHubInvalidError("why"), GitHubError("why"),
        PersonsDraftError("why"), DiffError("why"), SettingsError("why"), GitError("why"),
    ],
    ids=name_of,
)  # fmt: skip
def test_what_a_person_must_mend_fails_at_once(error: Exception) -> None:
    assert after(error) == Finish("failed", "why")


@pytest.mark.parametrize(("seconds", "wait"), [(3600.0, 3600.0), (0.2, 1.0), (0.0, 1.0)])
def test_a_limit_waits_as_long_as_it_says_and_a_second_at_least(
    seconds: float, wait: float
) -> None:
    assert after(GitHubLimitError("why", seconds)) == Release(wait, "why", counts=False)


def test_a_limit_is_waited_for_however_old_the_job_is() -> None:
    limit = GitHubLimitError("why", 30.0)
    assert after(limit, age=3 * MOST_AGE) == Release(30.0, "why", counts=False)


@pytest.mark.parametrize("error", WAITS, ids=name_of)
@pytest.mark.parametrize(("age", "wait"), [(0.0, 5.0), (60.0, 30.0), (7200.0, LONGEST_WAIT)])
def test_what_is_the_fault_of_others_is_no_attempt_and_waits_half_the_age(
    error: Exception, age: float, wait: float
) -> None:
    assert after(error, age) == Release(wait, "why", counts=False)


@pytest.mark.parametrize("error", WAITS, ids=name_of)
def test_what_others_do_not_mend_within_a_day_fails(error: Exception) -> None:
    assert after(error, MOST_AGE) == Release(LONGEST_WAIT, "why", counts=False)
    assert after(error, MOST_AGE + 1) == Finish("failed", "given up after a day: why")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("x"), "KeyError: 'x'"), (ValueError("why"), "ValueError: why"),
        (TimeoutError(), "TimeoutError: "),
    ],
)  # fmt: skip
def test_an_error_of_our_own_counts_as_an_attempt(error: Exception, reason: str) -> None:
    assert after(error) == Release(10.0, reason, counts=True)


def test_an_error_of_our_own_waits_longer_with_every_attempt() -> None:
    waits = [after(KeyError("x"), attempts=attempts) for attempts in range(1, 6)]
    assert [one.seconds for one in waits if isinstance(one, Release)] == [10, 20, 40, 80, 160]
