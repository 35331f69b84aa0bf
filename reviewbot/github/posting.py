"""A review's draft comes in; out comes that it stands on the pull request, exactly once.

GitHub lets a user have one pending review on a pull request, so that one serves as the lock that
all our workers share: it is created with a signed mark, looked for once more, and then submitted
by its id. Each step is: list what stands there, then do one write. A write whose answer is lost is
therefore never repeated blindly, and a crash at any place is picked up by the next one who looks.
docs/exactly-once.md has the argument; tests/test_posting.py walks through every order of events.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from reviewbot.errors import (
    GitHubGoneError,
    GitHubInvalidError,
    GitHubLimitError,
    GitHubTemporaryError,
    PersonsDraftError,
)
from reviewbot.github.comments import Draft
from reviewbot.github.marker import Mark, MarkerKey, has_any_marker, is_marked

LOOKS = 12
"""How often the reviews are listed at most; two suffice where nothing else happens."""

FAILURES = 3
"""How many writes may fail, or find that another worker was faster, before it is left for later."""

_TAKEN = "one pending review"  # GitHub's words for: the lock is held


@dataclass(frozen=True, slots=True)
class PostedReview:
    """A review as GitHub lists it; a dismissed one is `submitted`, too. `author` is a login."""

    id: int
    author: str
    body: str
    submitted: bool


class Reviews(Protocol):
    """The reviews of one pull request. Every method raises `GitHubError`s."""

    def list(self) -> tuple[PostedReview, ...]:
        """List them all, oldest first; our own pending one is among them, those of others not."""
        ...

    def create_pending(self, draft: Draft) -> int:
        """Create a review that only its author sees, all its comments with it; gives its id."""
        ...

    def submit(self, review_id: int) -> None:
        """Show a pending review to everybody."""
        ...

    def delete_pending(self, review_id: int) -> None:
        """Delete a review that is not submitted."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """The review stands; `already` where it was not this call that submitted it."""

    review_id: int
    already: bool


@dataclass(frozen=True, slots=True)
class NotMine:
    """Nothing was posted: the job is another worker's by now, or nobody wants it."""


def post_once(
    draft: Draft,
    mark: Mark,
    keys: Sequence[MarkerKey],
    reviews: Reviews,
    me: str,
    still_mine: Callable[[], bool],
) -> Posted | NotMine:
    """Post a draft whose body carries `mark`, unless a review with that mark stands already.

    `me` is the login that posts. `still_mine` is asked right before a review is submitted, and
    before one of ours with another mark is deleted. After an unclean end in posting the caller
    waits 10 s before it calls, for the sake of lists that lag.

    Raises `PersonsDraftError` where a draft of a person is in the way, `GitHubInvalidError` where
    GitHub refuses the draft (nothing stands then), `GitHubTemporaryError` where it stays unknown
    what happened: a later call finds out.
    """
    return _Posting(draft, reviews, still_mine, _Eyes(mark, tuple(keys), me.lower())).run()


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stands on the pull request, as far as it is ours."""

    submitted: int | None
    pending: tuple[int, ...]
    foreign: tuple[int, ...]
    """Pending ones with another mark: of an earlier head or run."""


@dataclass(frozen=True, slots=True)
class _Eyes:
    """Tells our reviews from others."""

    mark: Mark
    keys: tuple[MarkerKey, ...]
    me: str

    def look(self, reviews: Reviews) -> _Standing:
        """List the reviews; raises `PersonsDraftError` where none may be posted."""
        own = [review for review in reviews.list() if review.author.lower() == self.me]
        marked = [review for review in own if is_marked(review.body, self.mark, self.keys)]
        submitted = next((review.id for review in marked if review.submitted), None)
        pending = tuple(review.id for review in marked if not review.submitted)
        drafts = [one for one in own if not one.submitted and one.id not in pending]
        foreign = tuple(one.id for one in drafts if self._is_ours(one))
        if submitted is None and len(foreign) < len(drafts):
            raise PersonsDraftError(
                f"a draft review of {self.me} stands on this pull request, and GitHub allows one:"
                " submit or discard it; nothing was posted"
            )
        return _Standing(submitted, pending, foreign)

    def _is_ours(self, review: PostedReview) -> bool:
        return has_any_marker(review.body, self.keys, self.mark.repository_id, self.mark.number)


class _Posting:
    """One attempt to post, and what it has seen so far."""

    def __init__(
        self, draft: Draft, reviews: Reviews, still_mine: Callable[[], bool], eyes: _Eyes
    ) -> None:
        self._draft = draft
        self._reviews = reviews
        self._still_mine = still_mine
        self._eyes = eyes
        self._mine: int | None = None
        self._submits: set[int] = set()
        self._failures = 0
        self._refused: GitHubInvalidError | None = None

    def run(self) -> Posted | NotMine:
        """Look and write in turn, until the review stands or is not wanted."""
        for _ in range(LOOKS):
            standing = self._eyes.look(self._reviews)
            try:
                done = self._act(standing)
            except GitHubLimitError:
                raise  # nothing was written, and whoever goes on gets banned
            except (GitHubTemporaryError, GitHubInvalidError) as error:
                if error is self._refused:
                    raise
                self._failed(error)
            else:
                if done is not None:
                    return done
        raise GitHubTemporaryError("the review is not posted yet: others write at the same time")

    def _act(self, standing: _Standing) -> Posted | NotMine | None:
        """Do the one write that what stands there asks for; None: look again."""
        pending = standing.pending or ((self._mine,) if self._mine is not None else ())
        if standing.submitted is not None:
            for one in {*pending, *standing.foreign} - {standing.submitted}:
                self._discard(one)
            return Posted(standing.submitted, standing.submitted not in self._submits)
        if self._refused is not None:
            for one in pending:  # what a refused draft leaves behind may be without its comments
                self._delete(one)
            raise self._refused
        if len(pending) > 1:
            return None  # the pages of the list are of different moments: GitHub allows one
        if standing.foreign and not self._still_mine():
            return NotMine()  # the one with another mark is likely the newer work
        for one in standing.foreign:
            self._delete(one)
        if not pending:
            self._create()
            return None
        if not self._still_mine():
            self._discard(pending[0])
            return NotMine()
        return self._submit(pending[0])

    def _create(self) -> None:
        try:
            self._mine = self._reviews.create_pending(self._draft)
        except GitHubInvalidError as error:
            if any(_TAKEN in message for message in error.messages):
                raise  # somebody was faster; the next look shows who
            self._refused = error

    def _submit(self, review_id: int) -> Posted | None:
        self._mine = review_id  # known to exist, even where a list that lags does not show it
        try:
            self._reviews.submit(review_id)
        except GitHubGoneError:
            self._mine = None  # another worker took it away
            return None
        except GitHubTemporaryError:
            self._submits.add(review_id)
            raise
        return Posted(review_id, already=False)

    def _delete(self, review_id: int) -> None:
        with suppress(GitHubGoneError, GitHubInvalidError):  # gone, or submitted: the look tells
            self._reviews.delete_pending(review_id)

    def _discard(self, review_id: int) -> None:
        """Delete what nobody waits for; whoever posts next deletes it where this fails."""
        with suppress(GitHubTemporaryError):
            self._delete(review_id)

    def _failed(self, error: GitHubTemporaryError | GitHubInvalidError) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            raise GitHubTemporaryError(f"the review may not be posted yet: {error}") from error
