"""A request comes in; out comes GitHub's answer as a typed value, by PyGithub.

The only file that imports PyGithub, of which it uses the signing and the sending: its objects
fetch behind one's back. It is not made for threads, so nobody shares a `Client`. No call sleeps
for a limit: that, like each answer that is no success, becomes one of our errors.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from github import Auth, Github
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    RequestsResponse,
)
from jwt import PyJWTError
from urllib3 import Retry

from reviewbot.errors import GitHubError, GitHubTemporaryError, SettingsError
from reviewbot.github.refusal import Answer, Need, refusal
from reviewbot.github.wire import read
from reviewbot.settings import Secret

T = TypeVar("T")
API_VERSION = "2022-11-28"

# PyGithub prints by itself, and at the level DEBUG shows each body: tokens are bodies, too.
logging.getLogger("github").handlers.clear()
logging.getLogger("github.Requester").disabled = True

_HOPS = 5  # requests for one call: a repository that was renamed redirects, and none in a circle
_PAGES = 200  # of a hundred each; more is a server that walks in a circle, too


class Credentials(Protocol):
    """What a client shows GitHub."""

    @property
    def grant(self) -> str:
        """Say where a person gives more permissions; ends a sentence."""
        ...

    def secret(self) -> Secret:
        """Give what to send now."""
        ...

    def renew(self) -> bool:
        """GitHub did not take it: make a new one; False where there is none."""
        ...


class AppKey:
    """An App's own credentials: each request is signed anew."""

    grant = "check REVIEWBOT_GITHUB_APP_ID, the private key and this computer's clock"

    def __init__(self, app_id: int, private_key: Secret) -> None:
        """Take a key in PEM, of which line ends may be written as `\\n`, and try it.

        Raises `SettingsError` where it signs nothing.
        """
        pem = private_key.reveal().replace("\\n", "\n").strip() or "none"
        self._auth = Auth.AppAuth(app_id, pem)
        try:
            self._auth.create_jwt()
        except (ValueError, TypeError, AttributeError, PyJWTError):
            raise SettingsError(
                "REVIEWBOT_GITHUB_PRIVATE_KEY (or _FILE) is no RSA private key in PEM without a"
                " password: generate one on the App's page, and give the whole file"
            ) from None

    def secret(self) -> Secret:
        """Sign a token that is good for five minutes."""
        return Secret(self._auth.create_jwt())

    def renew(self) -> bool:
        """The key stays what it is."""
        return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where GitHub's API is, and how long one attempt may take, in seconds.

    `note_limit` hears how many requests GitHub says are left in this hour.
    """

    url: str
    timeout: int
    user_agent: str
    note_limit: Callable[[int], None] = lambda _: None


class _Watched:
    """What both kinds of connection share: PyGithub polls and follows redirects without bound."""

    hops = 0

    def watch(self, response: RequestsResponse, verb: str) -> RequestsResponse:
        self.hops += 1
        if self.hops > _HOPS:
            raise GitHubError("GitHub redirects in a circle; is REVIEWBOT_GITHUB_URL right?")
        if response.status == 202 and verb == "GET":
            raise GitHubTemporaryError("GitHub has no answer yet (202)")
        return response


class _Http(HTTPRequestsConnectionClass, _Watched):
    def getresponse(self) -> RequestsResponse:
        return self.watch(super().getresponse(), self.verb)


class _Https(HTTPSRequestsConnectionClass, _Watched):
    def getresponse(self) -> RequestsResponse:
        return self.watch(super().getresponse(), self.verb)


class Client:
    """Sends one request after the other; `turn` is waited for before each write.

    `turn` may raise instead: nothing is sent then.
    """

    def __init__(
        self, place: Place, credentials: Credentials, turn: Callable[[], None] | None = None
    ) -> None:
        self.url = place.url
        self._place = place
        self._credentials = credentials
        self._turn = turn
        url = urlsplit(place.url)
        kind = _Https if url.scheme == "https" else _Http
        self._connection = kind(
            url.hostname or "", url.port, timeout=place.timeout, retry=_retry(), pool_size=1
        )

    def get(self, path: str, kind: type[T], needs: str, **query: str | int) -> T:
        """Read one answer; tried up to three times where GitHub fails."""
        return read(self._send("GET", path, needs, query).text, kind, f"GET {path}")

    def pages(self, path: str, kind: type[T], needs: str, **query: str | int) -> Iterator[T]:
        """Read page after page, each when it is asked for; GitHub says where the next one is."""
        for _ in range(_PAGES):
            answer = self._send("GET", path, needs, query)
            yield read(answer.text, kind, f"GET {path}")
            following = _next_page(answer.headers.get("link", ""))
            if following is None:
                return
            path, query = following, {}
        raise GitHubError(f"GitHub gives more than {_PAGES} pages of {path}")

    def write(
        self, verb: str, path: str, kind: type[T], needs: str, body: dict[str, object] | None = None
    ) -> T:
        """Send a write once. After a `GitHubTemporaryError` nobody knows whether it happened;
        after a `GitHubLimitError` and any other it did not.
        """
        if self._turn is not None:
            self._turn()
        text = self._send(verb, path, needs, {}, body).text
        return read(text or "{}", kind, f"{verb} {path}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(
        self,
        verb: str,
        path: str,
        needs: str,
        query: dict[str, str | int],
        body: dict[str, object] | None = None,
    ) -> Answer:
        """Send a request, once more with new credentials: a 401 says that nothing was done."""
        answer = self._request(verb, path, query, body)
        if answer.status == 401 and self._credentials.renew():
            answer = self._request(verb, path, query, body)
        left = answer.headers.get("x-ratelimit-remaining", "")
        if left.isdigit():
            self._place.note_limit(int(left))
        if answer.status >= 300:
            need = Need(needs, self._credentials.grant)
            raise refusal(answer, f"{verb} {urlsplit(path).path}", need, time.time())
        return answer

    def _request(
        self,
        verb: str,
        path: str,
        query: dict[str, str | int],
        body: dict[str, object] | None,
    ) -> Answer:
        github = Github(
            auth=Auth.AppAuthToken(self._credentials.secret().reveal()),  # each kind is a Bearer
            base_url=self._place.url,
            user_agent=self._place.user_agent,
            api_version=API_VERSION,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        self._connection.hops = 0
        headers = {"Accept": "application/vnd.github+json"}
        try:
            return Answer(
                *github.requester.requestJson(
                    verb, path, dict(query), headers, body, self._connection
                )
            )
        except OSError as error:  # requests' own errors are of this kind, too
            reason = f"{type(error).__name__} within {self._place.timeout} s"
            raise GitHubTemporaryError(f"no answer of GitHub to {verb} {path}: {reason}") from error
        except RuntimeError as error:
            raise GitHubError(f"{error} (REVIEWBOT_GITHUB_URL)") from error


def _retry() -> Retry:
    """Send what only reads again, up to twice; a connection that was refused, any request.

    PyGithub's own class would sleep for limits, and send writes again.
    """
    return Retry(
        total=2,
        allowed_methods={"GET", "HEAD"},
        status_forcelist={500, 502, 503, 504},
        backoff_factor=0.5,
        backoff_max=2.0,
        respect_retry_after_header=False,
        raise_on_status=False,
    )


def _next_page(link: str) -> str | None:
    """Read where the next page is, as a path: the host stays ours whatever the header says."""
    for part in link.split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None
