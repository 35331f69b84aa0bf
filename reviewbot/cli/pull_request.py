"""`reviewbot review --pr`: a pull request's name comes in; out come its diff, and with --post the
same review that the bot would post."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from reviewbot import bootstrap
from reviewbot.context.known import KnownFiles
from reviewbot.diff.parse import FileDiff
from reviewbot.errors import GitError, InputError, SettingsError
from reviewbot.findings.review import Review
from reviewbot.git.fetch import Limits, fetch_around, fetch_diff
from reviewbot.git.remote import Remote
from reviewbot.git.store import Store
from reviewbot.settings import Settings

_NAME = re.compile(
    r"(?:https?://[^/\s]+/)?([\w.-]+)/([\w.-]+)(?:#|/pull/)([1-9]\d{0,9})/?", re.ASCII
)
_STORE_BYTES = 1_000_000_000
_FREE_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Name:
    """A pull request as a person names it."""

    owner: str
    repository: str
    number: int


def parse_name(text: str) -> Name:
    """Read `owner/repo#12`, or the address of its page. Raises `InputError`."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} names no pull request: write it as owner/repo#12")
    return Name(found[1], found[2], int(found[3]))


class OpenPull:
    """A pull request that was read, and the way to post a review on it."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Read it with REVIEWBOT_GITHUB_TOKEN. Raises `InputError`, `GitHubError`."""
        wanted = parse_name(name)
        if settings.github_token is None:
            raise SettingsError(
                "REVIEWBOT_GITHUB_TOKEN is not set: --pr reads the pull request with it"
                " (a personal token; pull requests: write to post)"
            )
        try:
            from reviewbot.github.client import personal  # noqa: PLC0415
        except ImportError as error:
            raise InputError("--pr needs more packages: pip install 'reviewbot[github]'") from error
        self._settings = settings
        self._turn_at = 0.0
        self._github = personal(settings.github_url, settings.github_token, turn=self._turn)
        self._pull = self._github.fetch_pull(wanted.owner, wanted.repository, wanted.number)
        self._started = time.monotonic()
        folder = bootstrap.cache_folder(settings) / "repositories"
        self._store = Store(Path(folder), _STORE_BYTES, _FREE_BYTES)
        self._limits = Limits(diff=settings.max_diff_mb * 1_000_000)
        self._remote: Remote | None = None

    def fetch(self) -> bytes:
        """Give its diff, as git makes it. Raises `GitHubError`, `GitError`."""
        from reviewbot.github.pull_request import remote_of  # noqa: PLC0415

        self._remote = remote_of(self._github, self._pull)
        return fetch_diff(self._store, self._remote, self._limits)

    def around(self, files: Sequence[FileDiff]) -> KnownFiles:
        """Give the files around its diff; without them the review is made of the diff alone."""
        assert self._remote is not None
        try:
            return fetch_around(self._store, self._remote, files, self._limits)
        except GitError as error:
            return KnownFiles({}, {}, {}, f"the code around the change: {error}")

    def post(self, review: Review, files: Sequence[FileDiff]) -> None:
        """Post a review once, and say on stderr what came of it.

        Raises `PersonsDraftError` where a draft of the token's owner is in the way.
        """
        from reviewbot.github.posting import Posted  # noqa: PLC0415
        from reviewbot.github.pull_request import Reviewed, post_review  # noqa: PLC0415

        reviewed = Reviewed(review, files, time.monotonic() - self._started)
        keys = bootstrap.marker_keys(self._settings)
        came = post_review(self._github, self._pull, reviewed, keys, self._is_current)
        click.echo(f"reviewbot: {self._said(came if isinstance(came, Posted) else None, review)}",
                   err=True)  # fmt: skip

    def _said(self, posted: object, review: Review) -> str:
        from reviewbot.github.posting import Posted  # noqa: PLC0415

        if isinstance(posted, Posted):
            how = "was posted before" if posted.already else "is posted"
            return f"the review {how}: {self._pull.url}#pullrequestreview-{posted.review_id}"
        if not review.findings:
            return "there is nothing to say, so nothing is posted"
        raise InputError("the pull request has a newer head: nothing is posted; review it again")

    def _is_current(self) -> bool:
        """Whether what was reviewed is still the head: asked right before the submit."""
        repository = self._pull.repository
        now = self._github.fetch_pull(repository.owner, repository.name, self._pull.number)
        return (now.head, now.base) == (self._pull.head, self._pull.base)

    def _turn(self) -> None:
        """Keep GitHub's pace between two writes."""
        wait = self._turn_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._turn_at = time.monotonic() + self._settings.github_write_interval
