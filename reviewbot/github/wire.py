"""GitHub's JSON comes in; out come the few fields that this program reads of it, checked."""

from typing import TypeVar

import msgspec

from reviewbot.errors import GitHubTemporaryError

T = TypeVar("T")


class User(msgspec.Struct):
    """Who did something: `type` is User, Bot or Organization."""

    login: str
    type: str = "User"


class BaseRepository(msgspec.Struct):
    """The repository that a pull request is to go into."""

    id: int
    name: str
    owner: User
    clone_url: str


class Head(msgspec.Struct):
    """A pull request's own end; its repository is gone where the fork was deleted."""

    sha: str


class Base(msgspec.Struct):
    """The end that a pull request is to go into."""

    ref: str
    sha: str
    repo: BaseRepository


class Pull(msgspec.Struct):
    """A pull request; its author is gone where the account was deleted."""

    number: int
    title: str
    state: str
    html_url: str
    head: Head
    base: Base
    user: User | None = None
    draft: bool = False


class Commit(msgspec.Struct):
    """A commit."""

    sha: str


class Comparison(msgspec.Struct):
    """Two commits compared."""

    merge_base_commit: Commit


class Review(msgspec.Struct):
    """A review; `state` is PENDING before it is submitted."""

    id: int
    state: str
    body: str | None = None
    user: User | None = None


class CheckOutput(msgspec.Struct):
    """What a check run shows."""

    annotations_count: int = 0


class Owner(msgspec.Struct):
    """The App that made a check run."""

    id: int


class CheckRun(msgspec.Struct):
    """A check run."""

    id: int
    status: str
    output: CheckOutput
    external_id: str | None = None
    app: Owner | None = None


class CheckRuns(msgspec.Struct):
    """One page of check runs."""

    check_runs: list[CheckRun]


class InstallationToken(msgspec.Struct):
    """A new token; `expires_at` is ISO 8601."""

    token: str
    expires_at: str


class OwnApp(msgspec.Struct):
    """The App that the credentials are of."""

    id: int
    slug: str
    owner: User
    permissions: dict[str, str]
    events: list[str]


class HookDelivery(msgspec.Struct):
    """One attempt to deliver an event; its `status` is OK where it went well."""

    id: int
    guid: str
    delivered_at: str
    status: str


class Nothing(msgspec.Struct):
    """An answer of which nothing is read."""


class Made(msgspec.Struct):
    """Something that was just created."""

    id: int


def read(text: str, kind: type[T], what: str) -> T:
    """Decode an answer.

    Raises `GitHubTemporaryError` where it is not what GitHub's API sends: a proxy's page, or an
    answer cut short. Of a write it is unknown then whether it happened.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise GitHubTemporaryError(
            f"the answer to {what} is none of GitHub's API ({error});"
            " is REVIEWBOT_GITHUB_URL the API's own address?"
        ) from None
