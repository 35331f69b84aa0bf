"""A pull request comes in; out come where git finds it, and its review posted exactly once.

The worker and the command line both call these two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewbot.diff.parse import FileDiff
from reviewbot.errors import GitHubInvalidError
from reviewbot.findings.review import Review
from reviewbot.git.remote import Remote
from reviewbot.github.client import GitHub, PullRequest
from reviewbot.github.comments import MOST_INLINE, build_draft, commentable_lines
from reviewbot.github.marker import Mark, MarkerKey
from reviewbot.github.posting import NotMine, Posted, post_once


def remote_of(github: GitHub, pull: PullRequest, installation: int = 0) -> Remote:
    """Say where git finds both ends of a pull request; raises `GitHubError`."""
    return Remote(
        installation=installation,
        repository_id=pull.repository.id,
        number=pull.number,
        clone_url=pull.clone_url,
        token=github.git_token(),
        merge_base=github.merge_base(pull),
        head=pull.head,
    )


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review, the files it is of, and the seconds it took. `run` counts those of one head."""

    review: Review
    files: Sequence[FileDiff]
    seconds: float
    run: int = 0


def post_review(
    github: GitHub,
    pull: PullRequest,
    reviewed: Reviewed,
    keys: Sequence[MarkerKey],
    still_mine: Callable[[], bool],
) -> Posted | NotMine | None:
    """Post a review on the head that it is of; None where it found nothing to say.

    Where GitHub refuses a comment's place, for its diff may differ from git's in a corner, all
    findings stand in the review's body. Raises what `post_once` raises.
    """
    mark = Mark(pull.repository.id, pull.number, pull.base, pull.head, reviewed.run)
    lines = commentable_lines(reviewed.files)

    def post(most_inline: int) -> Posted | NotMine | None:
        draft = build_draft(
            reviewed.review, lines, mark, keys[0], seconds=reviewed.seconds,
            most_inline=most_inline,
        )  # fmt: skip
        if draft is None:
            return None
        return post_once(draft, mark, keys, github.reviews(pull), github.me(), still_mine)

    try:
        return post(MOST_INLINE)
    except GitHubInvalidError:
        return post(0)
