"""Reviews and check runs by GitHub's REST API: the ports of posting and of checks, each a request.

Counted: a list is one request for a hundred, every other call is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from reviewbot.github import checks, wire
from reviewbot.github.check_output import Annotation, CheckOutput
from reviewbot.github.comments import Comment, Draft
from reviewbot.github.posting import PostedReview

T = TypeVar("T")
Values = dict[str, object]
PER_PAGE = 100


class Rest(Protocol):
    """Sends requests; `needs` is the permission that one takes. Raises `GitHubError`s only."""

    def get(self, path: str, kind: type[T], needs: str, **query: str | int) -> T:
        """Read one answer."""
        ...

    def pages(self, path: str, kind: type[T], needs: str, **query: str | int) -> Iterator[T]:
        """Read page after page."""
        ...

    def write(
        self, verb: str, path: str, kind: type[T], needs: str, body: Values | None = None
    ) -> T:
        """Send a write, once."""
        ...


@dataclass(frozen=True, slots=True)
class RestReviews:
    """The reviews of the pull request at `path`; satisfies `posting.Reviews`."""

    rest: Rest
    path: str

    def list(self) -> tuple[PostedReview, ...]:
        """List them all, oldest first."""
        pages = self.rest.pages(
            f"{self.path}/reviews", list[wire.Review], "pull_requests: read", per_page=PER_PAGE
        )
        return tuple(_posted(review) for page in pages for review in page)

    def create_pending(self, draft: Draft) -> int:
        """Create a review with no event: GitHub keeps it pending. Gives its id."""
        body: Values = {
            "commit_id": draft.commit_id,
            "body": draft.body,
            "comments": [_comment(one) for one in draft.comments],
        }
        return self._write("POST", "", wire.Made, body).id

    def submit(self, review_id: int) -> None:
        """Show a pending review to everybody, as a comment: we never approve."""
        self._write("POST", f"/{review_id}/events", wire.Nothing, {"event": "COMMENT"})

    def delete_pending(self, review_id: int) -> None:
        """Delete a review that is not submitted."""
        self._write("DELETE", f"/{review_id}", wire.Nothing)

    def _write(self, verb: str, path: str, kind: type[T], body: Values | None = None) -> T:
        return self.rest.write(
            verb, f"{self.path}/reviews{path}", kind, "pull_requests: write", body
        )


def _posted(review: wire.Review) -> PostedReview:
    return PostedReview(
        id=review.id,
        author=review.user.login if review.user else "",
        body=review.body or "",
        submitted=review.state != "PENDING",
    )


def _comment(comment: Comment) -> Values:
    """A comment on a line, or on the lines from `start_line` on; on one line GitHub wants none."""
    body: Values = {
        "path": comment.path,
        "body": comment.body,
        "side": comment.side,
        "line": comment.line,
    }
    if comment.start_line is not None and comment.start_line != comment.line:
        body |= {"start_line": comment.start_line, "start_side": comment.side}
    return body


@dataclass(frozen=True, slots=True)
class RestChecks:
    """The check runs of the repository at `path`, as the App sees them; satisfies `checks.Checks`.

    A name is anybody's to choose, so only those that this App made are ours.
    """

    rest: Rest
    path: str
    app_id: int

    def find(self, head: str) -> tuple[checks.CheckRun, ...]:
        """List our own check runs on a commit: one request for a hundred."""
        pages = self.rest.pages(
            f"{self.path}/commits/{head}/check-runs",
            wire.CheckRuns,
            "checks: read",
            check_name=checks.NAME,
            filter="all",
            per_page=PER_PAGE,
        )
        return tuple(
            _check_run(one)
            for page in pages
            for one in page.check_runs
            if one.app is not None and one.app.id == self.app_id
        )

    def fetch(self, check_run_id: int) -> checks.CheckRun:
        """Read one."""
        path = f"{self.path}/check-runs/{check_run_id}"
        return _check_run(self.rest.get(path, wire.CheckRun, "checks: read"))

    def create(self, head: str, external_id: str) -> int:
        """Start one; gives its id."""
        body: Values = {
            "name": checks.NAME,
            "head_sha": head,
            "external_id": external_id,
            "status": "in_progress",
        }
        path = f"{self.path}/check-runs"
        return self.rest.write("POST", path, wire.Made, "checks: write", body).id

    def update(
        self, check_run_id: int, output: CheckOutput, new: tuple[Annotation, ...], *, end: bool
    ) -> None:
        """Show an output, with new annotations beside those it has; `end` completes it."""
        body: Values = {
            "output": {
                "title": output.title,
                "summary": output.summary,
                "annotations": [_annotation(one) for one in new],
            }
        }
        body |= {"status": "completed", "conclusion": output.conclusion} if end else {}
        path = f"{self.path}/check-runs/{check_run_id}"
        self.rest.write("PATCH", path, wire.Nothing, "checks: write", body)


def _check_run(run: wire.CheckRun) -> checks.CheckRun:
    return checks.CheckRun(
        id=run.id,
        external_id=run.external_id or "",
        completed=run.status == "completed",
        annotations=run.output.annotations_count,
    )


def _annotation(annotation: Annotation) -> Values:
    return {
        "path": annotation.path,
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }
