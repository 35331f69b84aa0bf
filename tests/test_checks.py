"""The check run of a review: one of them, found again, and no annotation lost or doubled."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reviewbot.errors import GitHubError, GitHubLimitError, GitHubTemporaryError
from reviewbot.github.app import App
from reviewbot.github.check_output import Annotation, CheckOutput
from reviewbot.github.checks import ANNOTATIONS, CheckRun, complete_check, open_check
from reviewbot.settings import Secret
from tests.fakes.forge import FakeGitHub
from tests.fakes.forge.faults import BAD_GATEWAY
from tests.fakes.forge.state import APP_ID

HEAD = "b" * 40
EXTERNAL = "reviewbot:7:12:0:main"

Runs = dict[int, CheckRun]
Shown = dict[int, list[Annotation]]
Fails = dict[str, list[GitHubError]]
Calls = list[str]


@dataclass
class Board:
    """The check runs of a repository. `fails`: what the next request of a name raises, and when."""

    runs: Runs = field(default_factory=dict)
    shown: Shown = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    fails_before: Fails = field(default_factory=dict)
    fails_after: Fails = field(default_factory=dict)

    def find(self, head: str) -> tuple[CheckRun, ...]:
        assert head == HEAD
        self._asked("find", self.fails_before)
        return tuple(self.runs.values())

    def fetch(self, check_run_id: int) -> CheckRun:
        self._asked("fetch", self.fails_before)
        return self.runs[check_run_id]

    def create(self, head: str, external_id: str) -> int:
        assert head == HEAD
        self._asked("create", self.fails_before)
        made = CheckRun(len(self.runs) + 1, external_id, completed=False, annotations=0)
        self.runs[made.id] = made
        self._fail("create", self.fails_after)
        return made.id

    def update(
        self, check_run_id: int, output: CheckOutput, new: tuple[Annotation, ...], *, end: bool
    ) -> None:
        self._asked("update", self.fails_before)
        assert output.summary
        assert len(new) <= ANNOTATIONS
        shown = self.shown.setdefault(check_run_id, [])
        shown += new
        run = self.runs[check_run_id]
        self.runs[run.id] = replace(run, completed=run.completed or end, annotations=len(shown))
        self._fail("update", self.fails_after)

    def _asked(self, name: str, fails: Fails) -> None:
        self.calls.append(name)
        self._fail(name, fails)

    def _fail(self, name: str, fails: Fails) -> None:
        for error in fails.pop(name, []):
            raise error


def run(number: int, *, completed: bool = False, external_id: str = EXTERNAL) -> CheckRun:
    return CheckRun(number, external_id, completed=completed, annotations=0)


def output(count: int) -> CheckOutput:
    notes = [
        Annotation("a.py", line + 1, line + 1, "notice", "minor: style", "?")
        for line in range(count)
    ]
    return CheckOutput("A title", "A summary", "neutral", tuple(notes))


def opened() -> Board:
    return Board(runs={1: run(1)})


def lost() -> list[GitHubError]:
    return [GitHubTemporaryError("502")]


def test_a_check_run_is_looked_for_and_then_created() -> None:
    board = Board()
    assert open_check(board, HEAD, EXTERNAL) == 1
    assert board.calls == ["find", "create"]


def test_a_check_run_that_is_there_is_found_again() -> None:
    board = opened()
    assert open_check(board, HEAD, EXTERNAL) == 1
    assert board.calls == ["find"]


def test_a_check_run_of_another_pull_request_with_this_head_is_not_ours() -> None:
    board = Board(runs={1: run(1, external_id="reviewbot:7:13:0:main")})
    assert open_check(board, HEAD, EXTERNAL) == 2


def test_a_completed_check_run_is_left_and_a_new_one_created() -> None:
    board = Board(runs={1: run(1, completed=True)})
    assert open_check(board, HEAD, EXTERNAL) == 2


def test_two_workers_settle_on_the_same_check_run() -> None:
    board = Board(runs={2: run(2), 1: run(1)})
    assert open_check(board, HEAD, EXTERNAL) == 1


def test_a_check_run_whose_creation_got_no_answer_is_found() -> None:
    board = Board(fails_after={"create": lost()})
    assert open_check(board, HEAD, EXTERNAL) == 1
    assert board.calls == ["find", "create", "find"]


def test_a_check_run_that_was_not_created_is_left_for_later() -> None:
    board = Board(fails_before={"create": lost()})
    with pytest.raises(GitHubTemporaryError):
        open_check(board, HEAD, EXTERNAL)
    assert board.calls == ["find", "create", "find"]


def test_without_annotations_a_check_run_is_completed_with_one_request() -> None:
    board = opened()
    complete_check(board, 1, output(0))
    assert board.calls == ["update"]
    assert board.runs[1].completed


@pytest.mark.parametrize(
    ("count", "updates"), [(1, 1), (ANNOTATIONS, 1), (ANNOTATIONS + 1, 2), (3 * ANNOTATIONS, 3)]
)
def test_annotations_go_fifty_at_a_time_and_the_last_ones_complete_it(
    count: int, updates: int
) -> None:
    board = opened()
    complete_check(board, 1, output(count))
    assert board.calls == ["fetch"] + ["update"] * updates
    assert tuple(board.shown[1]) == output(count).annotations
    assert board.runs[1].completed


def test_completing_it_again_changes_nothing() -> None:
    board = opened()
    complete_check(board, 1, output(120))
    complete_check(board, 1, output(120))
    assert tuple(board.shown[1]) == output(120).annotations


@pytest.mark.parametrize(
    "board",
    [
        Board(runs={1: run(1)}, fails_before={"update": lost()}),
        Board(runs={1: run(1)}, fails_after={"update": lost()}),
    ],
    ids=["not stored", "stored"],
)
def test_an_update_that_got_no_answer_doubles_and_loses_no_annotation(board: Board) -> None:
    complete_check(board, 1, output(120))
    assert tuple(board.shown[1]) == output(120).annotations
    assert board.runs[1].completed


@pytest.mark.parametrize("updates", [1, 2])
def test_a_completion_that_a_crash_cut_short_is_continued(updates: int) -> None:
    board = opened()
    done = ANNOTATIONS * updates
    board.update(1, output(120), output(120).annotations[:ANNOTATIONS], end=False)
    board.update(1, output(120), output(120).annotations[ANNOTATIONS:done], end=False)
    complete_check(board, 1, output(120))
    assert tuple(board.shown[1]) == output(120).annotations


@pytest.mark.parametrize("name", ["find", "create"])
def test_after_a_limit_at_the_opening_nothing_more_is_sent(name: str) -> None:
    board = Board(fails_before={name: [GitHubLimitError("too fast", 60.0)]})
    with pytest.raises(GitHubLimitError):
        open_check(board, HEAD, EXTERNAL)
    assert board.calls[-1] == name


@pytest.mark.parametrize("name", ["fetch", "update"])
def test_after_a_limit_at_the_completion_nothing_more_is_sent(name: str) -> None:
    board = replace(opened(), fails_before={name: [GitHubLimitError("too fast", 60.0)]})
    with pytest.raises(GitHubLimitError):
        complete_check(board, 1, output(1))
    assert board.calls[-1] == name


def test_over_http_a_check_run_is_one_whatever_gets_no_answer(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path) as fake:
        pull = fake.repository().opens_pull_request({"a.py": "x = 1\n" * 200})
        app = App(fake.url, APP_ID, Secret(fake.private_key))
        with app.installation(pull.repo.installation) as client:
            read = client.fetch_pull("acme", "shop", pull.number)
            checks = client.checks(read.repository)
            fake.fails("create_check", BAD_GATEWAY, "after")
            number = open_check(checks, read.head, EXTERNAL)
            assert open_check(checks, read.head, EXTERNAL) == number
            fake.fails("update_check", BAD_GATEWAY, "after")
            complete_check(checks, number, output(120))
        assert fake.violations == []
        assert (fake.counts["create_check"], fake.counts["update_check"]) == (1, 3)
    [check] = pull.checks
    assert (check.status, check.conclusion, check.title) == ("completed", "neutral", "A title")
    assert [one["start_line"] for one in check.annotations] == list(range(1, 121))
