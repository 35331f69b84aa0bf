"""What a review comes to goes in; out comes the one check run that shows it on the head.

A check run is found again by its `external_id` before one is created, and a completion that was
interrupted is continued. GitHub appends the annotations of each request to those before, so what
it counts already is not sent again.
"""

from dataclasses import dataclass
from typing import Protocol

from reviewbot.errors import GitHubLimitError, GitHubTemporaryError
from reviewbot.github.check_output import Annotation, CheckOutput

NAME = "reviewbot"
"""The name of the check run, which rules of branches may require."""

ANNOTATIONS = 50
"""How many annotations GitHub takes in one request."""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run of ours; `annotations` is how many it shows."""

    id: int
    external_id: str
    completed: bool
    annotations: int


class Checks(Protocol):
    """The check runs of one repository. Every method raises `GitHubError`s."""

    def find(self, head: str) -> tuple[CheckRun, ...]:
        """List our own check runs named `reviewbot` on a commit, all pages and all runs."""
        ...

    def fetch(self, check_run_id: int) -> CheckRun:
        """Read one."""
        ...

    def create(self, head: str, external_id: str) -> int:
        """Start one; gives its id."""
        ...

    def update(
        self, check_run_id: int, output: CheckOutput, new: tuple[Annotation, ...], *, end: bool
    ) -> None:
        """Show an output, with these annotations beside those it has; `end` completes it."""
        ...


def open_check(checks: Checks, head: str, external_id: str) -> int:
    """Give the id of the check run in progress; it is created where there is none.

    A completed one is left as it is: GitHub does not take it back to in progress, so a new run
    takes its place. After a failure it is looked for once more before `GitHubTemporaryError`.
    """
    standing = find_check(checks, head, external_id)
    if standing is not None:
        return standing
    try:
        return checks.create(head, external_id)
    except GitHubLimitError:
        raise
    except GitHubTemporaryError:
        standing = find_check(checks, head, external_id)
        if standing is None:
            raise
        return standing


def complete_check(checks: Checks, check_run_id: int, output: CheckOutput) -> None:
    """Complete a check run with its summary and all its annotations; again does no harm.

    Raises `GitHubTemporaryError` where it stays unknown how far it came: call again later.
    """
    try:
        _complete(checks, check_run_id, output)
    except GitHubLimitError:
        raise
    except GitHubTemporaryError:
        _complete(checks, check_run_id, output)


def find_check(checks: Checks, head: str, external_id: str) -> int | None:
    """Give the oldest one that is in progress, so that two workers settle on the same; or None."""
    found = [
        one.id for one in checks.find(head) if one.external_id == external_id and not one.completed
    ]
    return min(found, default=None)


def _complete(checks: Checks, check_run_id: int, output: CheckOutput) -> None:
    """Send what is missing; only annotations can be doubled, so without any no look is needed."""
    shown = 0
    if output.annotations:
        standing = checks.fetch(check_run_id)
        if standing.completed:
            return
        shown = standing.annotations
    rest = output.annotations[shown:]
    while len(rest) > ANNOTATIONS:
        checks.update(check_run_id, output, rest[:ANNOTATIONS], end=False)
        rest = rest[ANNOTATIONS:]
    checks.update(check_run_id, output, rest, end=True)
