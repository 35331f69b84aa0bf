"""An App's credentials come in; out comes GitHub as each of its installations sees it.

An `App` serves every thread of a process, and keeps what is good for all of them: the tokens.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from reviewbot.errors import GitHubGoneError, GitHubLimitError, GitHubTemporaryError
from reviewbot.github import wire
from reviewbot.github.client import GitHub, Turn, place_of
from reviewbot.github.pygithub import AppKey, Client
from reviewbot.github.rest import PER_PAGE
from reviewbot.github.tokens import Token, Tokens
from reviewbot.settings import Secret

T = TypeVar("T")

_JWT = "the App's own credentials"
_PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "metadata": "read",
    "pull_requests": "write",
}
_EVENTS = ("pull_request", "check_run", "check_suite", "merge_group")


@dataclass(frozen=True, slots=True)
class Account:
    """The App: who owns it, its name in addresses, and the login that its reviews are by."""

    login: str
    slug: str
    bot_login: str


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """An event that GitHub could not deliver: its last attempt, and how many there were."""

    id: int
    guid: str
    attempts: int


class App:
    """A GitHub App; serves every thread of a process, and keeps its tokens."""

    def __init__(
        self,
        url: str,
        app_id: int,
        private_key: Secret,
        *,
        timeout: int = 30,
        note_limit: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Take the API's address and the App's credentials; `note_limit` hears what is left of
        GitHub's limit.

        Raises `SettingsError` for a private key that is none.
        """
        self._id = app_id
        self._key = AppKey(app_id, private_key)
        self._place = replace(place_of(url, timeout), note_limit=note_limit)
        self._tokens = Tokens(self._fetch_token)
        self._own: wire.OwnApp | None = None
        self._lock = threading.Lock()

    def installation(self, installation: int, turn: Turn | None = None) -> GitHub:
        """Give GitHub as an installation sees it; `turn` is waited for before each write."""
        credentials = _InstallationCredentials(self._tokens, installation)
        client = Client(self._place, credentials, turn)
        return GitHub(client, credentials.secret, lambda: self.account().bot_login, self._id)

    def account(self) -> Account:
        """Give the App's names; asked for once."""
        own = self._asked()
        return Account(own.owner.login, own.slug, f"{own.slug}[bot]")

    def permissions(self) -> dict[str, str]:
        """Give what the App asks of those who install it, such as checks: write."""
        return dict(self._asked().permissions)

    def events(self) -> tuple[str, ...]:
        """Give the events that GitHub sends the App."""
        return tuple(self._asked().events)

    def lacks(self) -> tuple[str, ...]:
        """Name the permissions and events that the App is to be given on its page."""
        granted, heard = self.permissions(), self.events()
        permissions = (
            f"permission {name}: {level}"
            for name, level in _PERMISSIONS.items()
            if granted.get(name) not in (level, "write", "admin")
        )
        return (*permissions, *(f"event {name}" for name in _EVENTS if name not in heard))

    def is_installed(self, installation: int) -> bool:
        """Say whether an installation is there; one that is suspended is."""
        try:
            self._get(f"/app/installations/{installation}", wire.Nothing)
        except GitHubGoneError:
            return False
        return True

    def failed_deliveries(self, since: float) -> tuple[FailedDelivery, ...]:
        """List the events since a Unix time of which no attempt went well, the oldest first."""
        attempts: dict[str, list[wire.HookDelivery]] = {}
        for delivery in self._deliveries(since):
            attempts.setdefault(delivery.guid, []).append(delivery)
        failed = [
            FailedDelivery(tried[0].id, guid, len(tried))
            for guid, tried in attempts.items()
            if all(one.status != "OK" for one in tried)
        ]
        return tuple(reversed(failed))

    def redeliver(self, delivery: int) -> None:
        """Have GitHub send an event once more."""
        path = f"/app/hook/deliveries/{delivery}/attempts"
        with closing(Client(self._place, self._key)) as client:
            client.write("POST", path, wire.Nothing, _JWT)

    def _deliveries(self, since: float) -> Iterator[wire.HookDelivery]:
        """Give the attempts since a time, the newest first, as GitHub lists them."""
        with closing(Client(self._place, self._key)) as client:
            kind, path = list[wire.HookDelivery], "/app/hook/deliveries"
            for page in client.pages(path, kind, _JWT, per_page=PER_PAGE):
                for delivery in page:
                    if _moment(delivery.delivered_at) < since:
                        return
                    yield delivery

    def _fetch_token(self, installation: int) -> Token:
        path = f"/app/installations/{installation}/access_tokens"
        with closing(Client(self._place, self._key)) as client:
            try:
                made = client.write("POST", path, wire.InstallationToken, _JWT)
            except GitHubLimitError:
                raise
            except GitHubTemporaryError:  # a token too many harms nobody
                made = client.write("POST", path, wire.InstallationToken, _JWT)
        return Token(Secret(made.token), _moment(made.expires_at))

    def _asked(self) -> wire.OwnApp:
        with self._lock:
            if self._own is None:
                self._own = self._get("/app", wire.OwnApp)
            return self._own

    def _get(self, path: str, kind: type[T]) -> T:
        with closing(Client(self._place, self._key)) as client:
            return client.get(path, kind, _JWT)


class _InstallationCredentials:
    """An installation's token, out of those that the process keeps."""

    grant = (
        "grant it on the App's page under Permissions & events, and let the installation's owner"
        " accept it"
    )

    def __init__(self, tokens: Tokens, installation: int) -> None:
        self._tokens = tokens
        self._installation = installation
        self._sent: Secret | None = None

    def secret(self) -> Secret:
        self._sent = self._tokens.get(self._installation)
        return self._sent

    def renew(self) -> bool:
        if self._sent is not None:
            self._tokens.drop(self._installation, self._sent)
        return True


def _moment(iso: str) -> float:
    """Read a time of GitHub's; one that cannot be read is past."""
    try:
        return datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 0.0
