"""Credentials come in; out comes GitHub as a task sees it: a pull request, its reviews, its checks.

A `GitHub` is one task's own, with one connection; `app.py` makes those of an App.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from reviewbot.errors import GitHubError, GitHubGoneError, SettingsError
from reviewbot.github import wire
from reviewbot.github.pygithub import Client, Place
from reviewbot.github.rest import RestChecks, RestReviews
from reviewbot.github.webhook import Repository
from reviewbot.settings import Secret

Turn = Callable[[], None]
"""Waits until a write may be sent, or raises `GitHubLimitError`."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as it is now. `state` is open or closed, `base` is a branch,
    and `repository` the one that it is to go into, by its present name.
    """

    repository: Repository
    number: int
    title: str
    state: str
    draft: bool
    author: str
    author_is_bot: bool
    head: str
    base: str
    base_sha: str
    clone_url: str
    url: str


class GitHub:
    """GitHub for one task, in one thread. Every method raises `GitHubError`s."""

    def __init__(
        self, client: Client, token: Callable[[], Secret], me: Callable[[], str], app: int
    ) -> None:
        self._client = client
        self._app = app
        self.git_token = token
        """Gives a token for git; it is good for five minutes."""
        self.me = me
        """Gives the login that writes."""

    def fetch_pull(self, owner: str, name: str, number: int) -> PullRequest:
        """Read a pull request: one request. Its repository's name is the present one."""
        pull = self._client.get(
            f"{_path(owner, name)}/pulls/{number}", wire.Pull, "pull_requests: read"
        )
        repository = pull.base.repo
        _check_host(repository.clone_url, self._client.url)
        return PullRequest(
            repository=Repository(repository.id, repository.owner.login, repository.name),
            number=pull.number,
            title=pull.title,
            state=pull.state,
            draft=pull.draft,
            author=pull.user.login if pull.user else "ghost",
            author_is_bot=pull.user is not None and pull.user.type == "Bot",
            head=pull.head.sha,
            base=pull.base.ref,
            base_sha=pull.base.sha,
            clone_url=repository.clone_url,
            url=pull.html_url,
        )

    def merge_base(self, pull: PullRequest) -> str:
        """Give the commit that the pull request branches off from: one request."""
        path = f"{_repository(pull.repository)}/compare/{pull.base_sha}...{pull.head}"
        try:
            compared = self._client.get(path, wire.Comparison, "contents: read", per_page=1)
        except GitHubGoneError as error:
            if "No common ancestor" in str(error):
                raise GitHubError("base and head have no commit in common") from error
            raise
        return compared.merge_base_commit.sha

    def reviews(self, pull: PullRequest) -> RestReviews:
        """Give the reviews of a pull request, for `post_once`."""
        return RestReviews(self._client, f"{_repository(pull.repository)}/pulls/{pull.number}")

    def checks(self, repository: Repository) -> RestChecks:
        """Give the check runs of a repository; only an App may write them."""
        return RestChecks(self._client, _repository(repository), self._app)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def personal(url: str, token: Secret, *, turn: Turn | None = None, timeout: int = 30) -> GitHub:
    """Give GitHub as the owner of a token sees it, at the API's address `url`.

    Raises `SettingsError` for a token that no header can hold.
    """
    text = token.reveal().strip()
    if not (text.isascii() and text.isprintable() and " " not in text and text):
        raise SettingsError("REVIEWBOT_GITHUB_TOKEN is no token: it has blanks or odd characters")
    clean = Secret(text)
    client = Client(place_of(url, timeout), _PersonalToken(clean), turn)
    me = cache(lambda: client.get("/user", wire.User, "a person's token").login)
    return GitHub(client, lambda: clean, me, 0)


@dataclass(frozen=True, slots=True)
class _PersonalToken:
    token: Secret
    grant: str = "check REVIEWBOT_GITHUB_TOKEN"

    def secret(self) -> Secret:
        return self.token

    def renew(self) -> bool:
        return False


def place_of(url: str, timeout: int) -> Place:
    """Give the place of an API; raises `SettingsError` where `url` is no address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("REVIEWBOT_GITHUB_URL is no address: write https://api.github.com")
    return Place(url.rstrip("/"), timeout, "reviewbot")


def _check_host(clone_url: str, api_url: str) -> None:
    """Raise where git would send the token elsewhere: it goes to the forge whose API this is.

    The API of github.com is at api.github.com; that of GitHub Enterprise Server at its own host.
    """
    api, clone = urlsplit(api_url), urlsplit(clone_url)
    here = (api.scheme, api.netloc.lower().removeprefix("api."))
    if (clone.scheme, clone.netloc.lower()) != here:
        raise GitHubError(
            f"GitHub gives {clone.hostname} as the repository's host, and the API is at"
            f" {api.hostname}: is REVIEWBOT_GITHUB_URL right?"
        )


def _path(owner: str, name: str) -> str:
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"


def _repository(repository: Repository) -> str:
    return _path(repository.owner, repository.name)
