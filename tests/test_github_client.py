"""GitHub's answers, spoken byte by byte, and what the client makes of each; every request counts.

The fake GitHub has rules of its own and says what GitHub would. Here the test says it: limits,
proxies' pages, redirects and endless pages, which no rule brings about.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewbot.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubGoneError,
    GitHubInvalidError,
    GitHubLimitError,
    GitHubTemporaryError,
    SettingsError,
)
from reviewbot.github.app import App, FailedDelivery
from reviewbot.github.client import GitHub, PullRequest, personal
from reviewbot.github.comments import Comment, Draft
from reviewbot.github.posting import PostedReview
from reviewbot.github.webhook import Repository
from reviewbot.settings import Secret

PULL = "/repos/acme/shop/pulls/12"
REVIEWS = f"{PULL}/reviews"
TOKEN = "/app/installations/5/access_tokens"
GIT_TOKEN = "ghs_5_" + "a.long-one" * 60


@dataclass(frozen=True)
class Says:
    """One answer; `after` seconds."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    authorization: str
    body: Any


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet of clients that do not wait."""


class Script:
    """A server that says what it is told to, to each request in turn; the last thing for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.lines: dict[tuple[str, str], list[Says]] = {}
        self._server = Server(("127.0.0.1", 0), _speaker(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def says(self, method: str, path: str, *answers: Says) -> None:
        self.lines[method, path] = list(answers)

    def count(self, method: str, path: str) -> int:
        return sum((one.method, one.path) == (method, path) for one in self.asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Says:
        self.asked.append(asked)
        lines = self.lines.get((asked.method, asked.path), [Says(404, {"message": "Not Found"})])
        return lines.pop(0) if len(lines) > 1 else lines[0]


def _speaker(script: Script) -> type[BaseHTTPRequestHandler]:
    class Speaker(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def speak(self) -> None:
            address = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            says = script.answer(
                Asked(
                    self.command,
                    address.path,
                    parse_qs(address.query),
                    self.headers["authorization"] or "",
                    json.loads(sent) if sent else None,
                )
            )
            time.sleep(says.after)
            self.send_response_only(says.status)
            for name, value in says.headers.items():
                self.send_header(name, value)
            content = says.content()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = speak  # noqa: N815  # http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet."""

    return Speaker


@pytest.fixture
def script() -> Iterator[Script]:
    server = Script()
    yield server
    server.close()


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def app(script: Script, pem: str) -> App:
    script.says("POST", TOKEN, token())
    return App(script.url, 99, Secret(pem), timeout=5)


@pytest.fixture
def github(app: App) -> GitHub:
    return app.installation(5)


def token(seconds: float = 3600.0, text: str = GIT_TOKEN) -> Says:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return Says(201, {"token": text, "expires_at": moment})


def pull_body(url: str, **changes: Any) -> dict[str, Any]:
    owner = {"login": "acme", "type": "Organization"}
    repository = {"id": 7, "name": "shop", "owner": owner, "clone_url": f"{url}/acme/shop.git"}
    return {
        "number": 12,
        "title": "Sell more",
        "state": "open",
        "draft": False,
        "html_url": f"{url}/acme/shop/pull/12",
        "user": {"login": "ann", "type": "User"},
        "head": {"sha": "b" * 40, "repo": None},
        "base": {"ref": "main", "sha": "a" * 40, "repo": repository},
        **changes,
    }


def pull_of(script: Script) -> PullRequest:
    return PullRequest(
        Repository(7, "acme", "shop"),
        12,
        "Sell more",
        "open",
        draft=False,
        author="ann",
        author_is_bot=False,
        head="b" * 40,
        base="main",
        base_sha="a" * 40,
        clone_url=f"{script.url}/acme/shop.git",
        url=f"{script.url}/acme/shop/pull/12",
    )


# What is read


def test_a_pull_request_takes_one_request_and_a_deleted_fork_is_none_of_its_business(
    script: Script, github: GitHub
) -> None:
    script.says("GET", PULL, Says(body=pull_body(script.url)))
    assert github.fetch_pull("acme", "shop", 12) == pull_of(script)
    assert [(one.method, one.path) for one in script.asked] == [("POST", TOKEN), ("GET", PULL)]
    assert script.asked[1].authorization == f"Bearer {GIT_TOKEN}"


def test_an_author_whose_account_is_deleted_is_a_ghost(script: Script, github: GitHub) -> None:
    script.says("GET", PULL, Says(body=pull_body(script.url, user=None)))
    assert github.fetch_pull("acme", "shop", 12).author == "ghost"


def test_a_bot_is_known_as_one(script: Script, github: GitHub) -> None:
    bot = {"login": "renovate[bot]", "type": "Bot"}
    script.says("GET", PULL, Says(body=pull_body(script.url, user=bot)))
    assert github.fetch_pull("acme", "shop", 12).author_is_bot


def test_the_merge_base_takes_one_request(script: Script, github: GitHub) -> None:
    path = f"/repos/acme/shop/compare/{'a' * 40}...{'b' * 40}"
    script.says("GET", path, Says(body={"merge_base_commit": {"sha": "c" * 40}}))
    assert github.merge_base(pull_of(script)) == "c" * 40
    assert script.count("GET", path) == 1


def test_histories_without_a_common_commit_are_said_to_be_so(
    script: Script, github: GitHub
) -> None:
    path = f"/repos/acme/shop/compare/{'a' * 40}...{'b' * 40}"
    script.says("GET", path, Says(404, {"message": "No common ancestor between a and b."}))
    with pytest.raises(GitHubError, match="no commit in common") as raised:
        github.merge_base(pull_of(script))
    assert not isinstance(raised.value, GitHubGoneError)


def test_reviews_are_read_page_by_page_as_github_says(script: Script, github: GitHub) -> None:
    def review(number: int, state: str, user: Any = "me") -> dict[str, Any]:
        return {"id": number, "state": state, "user": user and {"login": user}, "body": None}

    more = {"Link": f'<{script.url}{REVIEWS}?page=2&per_page=100>; rel="next", <x>; rel="last"'}
    script.says(
        "GET",
        REVIEWS,
        Says(body=[review(1, "COMMENTED"), review(2, "DISMISSED", None)], headers=more),
        Says(body=[review(3, "PENDING")], headers={"Link": '<x>; rel="first"'}),
    )
    assert github.reviews(pull_of(script)).list() == (
        PostedReview(1, "me", "", submitted=True),
        PostedReview(2, "", "", submitted=True),
        PostedReview(3, "me", "", submitted=False),
    )
    asked = [one.query for one in script.asked if one.path == REVIEWS]
    assert asked == [{"per_page": ["100"]}, {"per_page": ["100"], "page": ["2"]}]


def test_a_link_to_another_host_is_not_followed_there(script: Script, github: GitHub) -> None:
    more = {"Link": f'<https://evil.invalid{REVIEWS}?page=2>; rel="next"'}
    script.says("GET", REVIEWS, Says(body=[], headers=more), Says(body=[]))
    assert github.reviews(pull_of(script)).list() == ()
    assert script.count("GET", REVIEWS) == 2


def test_pages_without_end_end(script: Script, github: GitHub) -> None:
    more = {"Link": f'<{script.url}{REVIEWS}?page=2>; rel="next"'}
    script.says("GET", REVIEWS, Says(body=[], headers=more))
    with pytest.raises(GitHubError, match="more than 200 pages"):
        github.reviews(pull_of(script)).list()


# What is written


def test_each_write_of_a_review_is_one_request_after_its_turn(script: Script, app: App) -> None:
    turns: list[int] = []
    reviews = app.installation(5, lambda: turns.append(len(script.asked))).reviews(pull_of(script))
    script.says("POST", REVIEWS, Says(body={"id": 31}))
    script.says("POST", f"{REVIEWS}/31/events", Says(body={"id": 31}))
    script.says("DELETE", f"{REVIEWS}/32", Says(body={"id": 32}))
    comments = (
        Comment("a.py", "one line", "RIGHT", 3, None),
        Comment("a.py", "two lines", "LEFT", 3, 2),
    )
    assert reviews.create_pending(Draft("b" * 40, "A body", comments)) == 31
    reviews.submit(31)
    reviews.delete_pending(32)
    assert [(one.method, one.body) for one in script.asked[1:]] == [
        (
            "POST",
            {
                "commit_id": "b" * 40,
                "body": "A body",
                "comments": [
                    {"path": "a.py", "body": "one line", "side": "RIGHT", "line": 3},
                    {
                        "path": "a.py",
                        "body": "two lines",
                        "side": "LEFT",
                        "line": 3,
                        "start_line": 2,
                        "start_side": "LEFT",
                    },
                ],
            },
        ),
        ("POST", {"event": "COMMENT"}),
        ("DELETE", None),
    ]
    assert turns == [0, 2, 3]


def test_without_a_turn_nothing_is_sent(script: Script, app: App) -> None:
    def no_turn() -> None:
        raise GitHubLimitError("others are first", 12.0)

    with pytest.raises(GitHubLimitError, match="others are first"):
        app.installation(5, no_turn).reviews(pull_of(script)).submit(31)
    assert script.asked == []


# What goes wrong

Call = Callable[[GitHub, PullRequest], object]


def reads(github: GitHub, pull: PullRequest) -> object:
    return github.fetch_pull("acme", "shop", pull.number)


def writes(github: GitHub, pull: PullRequest) -> object:
    return github.reviews(pull).create_pending(Draft(pull.head, "A body", ()))


both = pytest.mark.parametrize(
    ("call", "method", "path"), [(reads, "GET", PULL), (writes, "POST", REVIEWS)]
)


def in_a(seconds: float) -> str:
    return str(int(time.time() + seconds))


SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
PRIMARY = {"message": "API rate limit exceeded for installation ID 5."}


def limits() -> dict[str, tuple[Says, float]]:
    """The ways in which GitHub says that it is too much; times are those of now."""
    return {
        "429 with Retry-After": (Says(429, SECONDARY, {"Retry-After": "7"}), 7),
        "429 without": (Says(429, {"message": "Too many requests"}), 60),
        "403 with Retry-After": (Says(403, SECONDARY, {"Retry-After": "33"}), 33),
        "403 with Retry-After and no words": (
            Says(403, {"message": "No"}, {"Retry-After": "2"}),
            2,
        ),
        "403 without": (Says(403, SECONDARY, {"X-RateLimit-Remaining": "4000"}), 60),
        "403 as it was called before": (
            Says(403, {"message": "You have triggered an abuse detection mechanism."}),
            60,
        ),
        "the hour is used up": (
            Says(403, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_a(1800)}),
            1801,
        ),
        "the hour was used up": (
            Says(403, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_a(-50)}),
            1,
        ),
        "Retry-After as a date, by GitHub's clock": (
            Says(
                429,
                SECONDARY,
                {
                    "Retry-After": "Wed, 21 Oct 2026 07:28:20 GMT",
                    "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
                },
            ),
            20,
        ),
        "Retry-After as nonsense": (Says(429, SECONDARY, {"Retry-After": "soon"}), 60),
        "a 422 that is a limit": (
            Says(422, {"message": "Validation Failed", "errors": ["was submitted too quickly"]}),
            60,
        ),
    }


@both
@pytest.mark.parametrize("limit", limits())
def test_a_limit_says_how_long_to_wait_and_nobody_sleeps(
    script: Script, github: GitHub, limit: str, call: Call, method: str, path: str
) -> None:
    answer, seconds = limits()[limit]
    script.says(method, path, answer)
    started = time.monotonic()
    with pytest.raises(GitHubLimitError) as raised:
        call(github, pull_of(script))
    assert raised.value.seconds == pytest.approx(seconds, abs=2)
    assert script.count(method, path) == 1
    assert time.monotonic() - started < 2


@both
def test_a_missing_permission_is_named_with_who_grants_it(
    script: Script, github: GitHub, call: Call, method: str, path: str
) -> None:
    script.says(method, path, Says(403, {"message": "Resource not accessible by integration"}))
    with pytest.raises(
        GitHubDeniedError, match=r"pull_requests: (read|write): grant it on the App"
    ):
        call(github, pull_of(script))
    assert script.count(method, path) == 1


def test_the_permission_that_github_names_itself_is_named(script: Script, github: GitHub) -> None:
    named = {"X-Accepted-GitHub-Permissions": "pull_requests=write"}
    refused = Says(403, {"message": "Resource not accessible by integration"}, named)
    script.says("GET", PULL, refused)
    with pytest.raises(GitHubDeniedError, match="the permission pull_requests: write"):
        reads(github, pull_of(script))


@both
@pytest.mark.parametrize("status", [404, 410, 451])
def test_what_is_not_there_is_gone(
    script: Script, github: GitHub, status: int, call: Call, method: str, path: str
) -> None:
    script.says(method, path, Says(status, {"message": "Not Found"}))
    with pytest.raises(GitHubGoneError, match="Not Found"):
        call(github, pull_of(script))


@pytest.mark.parametrize(
    ("errors", "messages"),
    [
        (["Line could not be resolved", "Path is"], ("Line could not be resolved", "Path is")),
        ([{"message": "must be part of the diff"}], ("must be part of the diff",)),
        ([{"field": "body", "code": "missing_field"}], ("body is missing_field",)),
        ("Only one text", ("Only one text",)),
        ([7, {"message": 8}], ("a reason that cannot be read",) * 2),
        (None, ("Unprocessable Entity",)),
        ({"a": 1}, ("Unprocessable Entity",)),
    ],
)
def test_refused_content_comes_with_every_reason(
    script: Script, github: GitHub, errors: object, messages: tuple[str, ...]
) -> None:
    script.says("POST", REVIEWS, Says(422, {"message": "Unprocessable Entity", "errors": errors}))
    with pytest.raises(GitHubInvalidError) as raised:
        writes(github, pull_of(script))
    assert raised.value.messages == messages


FAILURES = {
    "a bad gateway's page": Says(502, b"<html>Bad gateway</html>"),
    "an error with words": Says(500, {"message": "Server Error"}),
    "a wait that the server wants": Says(503, {"message": "Busy"}, {"Retry-After": "120"}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_write_that_fails_is_sent_once(script: Script, github: GitHub, failure: str) -> None:
    script.says("POST", REVIEWS, FAILURES[failure])
    with pytest.raises(GitHubTemporaryError):
        writes(github, pull_of(script))
    assert script.count("POST", REVIEWS) == 1


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_that_fails_is_tried_again_without_long_waits(
    script: Script, github: GitHub, failure: str
) -> None:
    script.says("GET", PULL, FAILURES[failure], Says(body=pull_body(script.url)))
    started = time.monotonic()
    assert reads(github, pull_of(script)) == pull_of(script)
    assert script.count("GET", PULL) == 2
    assert time.monotonic() - started < 5


def test_a_read_that_fails_for_good_ends_after_three(script: Script, github: GitHub) -> None:
    script.says("GET", PULL, Says(502, b"<html>Bad gateway</html>"))
    with pytest.raises(GitHubTemporaryError, match="HTTP 502"):
        reads(github, pull_of(script))
    assert script.count("GET", PULL) == 3


def test_a_write_whose_answer_does_not_come_is_sent_once(script: Script, pem: str) -> None:
    script.says("POST", TOKEN, token())
    script.says("POST", REVIEWS, Says(body={"id": 31}, after=2.0))
    github = App(script.url, 99, Secret(pem), timeout=1).installation(5)
    with pytest.raises(GitHubTemporaryError, match="no answer of GitHub"):
        writes(github, pull_of(script))
    assert script.count("POST", REVIEWS) == 1


def test_a_github_that_nobody_answers_for_is_worth_another_try(pem: str) -> None:
    github = App("http://127.0.0.1:9", 99, Secret(pem), timeout=1).installation(5)
    with pytest.raises(GitHubTemporaryError, match="no answer of GitHub"):
        github.fetch_pull("acme", "shop", 12)


@both
@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"", b"{}", b"[", b"\xff"])
def test_an_answer_that_is_not_githubs_is_worth_another_try(
    script: Script, github: GitHub, body: bytes, call: Call, method: str, path: str
) -> None:
    script.says(method, path, Says(body=body))
    with pytest.raises(GitHubTemporaryError, match="REVIEWBOT_GITHUB_URL"):
        call(github, pull_of(script))
    assert script.count(method, path) == 1


def test_a_read_that_github_has_no_answer_to_yet_is_not_polled(
    script: Script, github: GitHub
) -> None:
    script.says("GET", PULL, Says(202, {}))
    with pytest.raises(GitHubTemporaryError, match="202"):
        reads(github, pull_of(script))
    assert script.count("GET", PULL) == 1


def test_a_repository_that_was_renamed_is_found(script: Script, github: GitHub) -> None:
    script.says("GET", PULL, Says(301, {}, {"Location": f"{script.url}/repositories/7/pulls/12"}))
    script.says("GET", "/repositories/7/pulls/12", Says(body=pull_body(script.url)))
    assert reads(github, pull_of(script)) == pull_of(script)


def test_redirects_in_a_circle_end(script: Script, github: GitHub) -> None:
    script.says("GET", PULL, Says(301, {}, {"Location": f"{script.url}/there"}))
    script.says("GET", "/there", Says(301, {}, {"Location": f"{script.url}{PULL}"}))
    with pytest.raises(GitHubError, match="in a circle"):
        reads(github, pull_of(script))
    assert len(script.asked) < 10


def test_a_redirect_to_another_host_is_refused(script: Script, github: GitHub) -> None:
    script.says("GET", PULL, Says(301, {}, {"Location": "http://evil.invalid/repos"}))
    with pytest.raises(GitHubError, match="REVIEWBOT_GITHUB_URL"):
        reads(github, pull_of(script))


@pytest.mark.parametrize(
    "clone_url",
    [
        "https://evil.invalid/acme/shop.git",
        "http://127.0.0.1:9/acme/shop.git",
        "http://127.0.0.1/acme/shop.git",
        "ssh://127.0.0.1/acme/shop.git",
        "",
    ],
)
def test_a_token_goes_to_no_other_host(script: Script, github: GitHub, clone_url: str) -> None:
    body = pull_body(script.url)
    body["base"]["repo"]["clone_url"] = clone_url
    script.says("GET", PULL, Says(body=body))
    with pytest.raises(GitHubError, match="REVIEWBOT_GITHUB_URL"):
        reads(github, pull_of(script))


# Tokens and keys


def test_tokens_are_kept_for_all_tasks_of_a_process(script: Script, app: App) -> None:
    script.says("GET", PULL, Says(body=pull_body(script.url)))
    for _ in range(3):
        reads(app.installation(5), pull_of(script))
    assert script.count("POST", TOKEN) == 1


def test_threads_that_want_a_token_at_once_share_one(script: Script, app: App) -> None:
    script.says("POST", TOKEN, Says(**{**vars(token()), "after": 0.2}))
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.append(app.installation(5).git_token().reveal()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [GIT_TOKEN] * 8
    assert script.count("POST", TOKEN) == 1


def test_a_token_that_is_soon_over_is_renewed(script: Script, github: GitHub) -> None:
    script.says("POST", TOKEN, token(299), token(360, "second"), token(3600, "third"))
    assert [github.git_token().reveal() for _ in range(3)] == [GIT_TOKEN, "second", "second"]


@both
def test_a_token_that_github_does_not_take_any_more_is_renewed_once(
    script: Script, github: GitHub, call: Call, method: str, path: str
) -> None:
    good = {"GET": pull_body(script.url), "POST": {"id": 31}}[method]
    script.says("POST", TOKEN, token(), token(3600, "second"))
    script.says(method, path, Says(401, {"message": "Bad credentials"}), Says(body=good))
    call(github, pull_of(script))
    sent = [one.authorization for one in script.asked if one.path == path]
    assert sent == [f"Bearer {GIT_TOKEN}", "Bearer second"]


@both
def test_credentials_that_are_wrong_are_said_to_be_so(
    script: Script, github: GitHub, call: Call, method: str, path: str
) -> None:
    script.says(method, path, Says(401, {"message": "Bad credentials"}))
    with pytest.raises(GitHubDeniedError, match="Bad credentials"):
        call(github, pull_of(script))
    assert script.count(method, path) == 2


def test_an_app_that_github_does_not_know_is_told_from_one_that_is_not_installed(
    script: Script, app: App
) -> None:
    script.says("POST", TOKEN, Says(404, {"message": "Integration not found"}))
    with pytest.raises(GitHubDeniedError, match="REVIEWBOT_GITHUB_APP_ID"):
        app.installation(5).git_token()
    script.says("POST", TOKEN, Says(404, {"message": "Not Found"}))
    with pytest.raises(GitHubGoneError):
        app.installation(5).git_token()


def test_a_suspended_installation_is_gone(script: Script, app: App) -> None:
    script.says("POST", TOKEN, Says(403, {"message": "This installation has been suspended"}))
    with pytest.raises(GitHubGoneError, match="suspended"):
        app.installation(5).git_token()


def test_a_clock_that_is_wrong_is_named(script: Script, app: App) -> None:
    text = "'Expiration time' claim ('exp') is too far in the future"
    script.says("POST", TOKEN, Says(401, {"message": text}))
    with pytest.raises(GitHubDeniedError, match="clock"):
        app.installation(5).git_token()


def test_a_private_key_may_be_on_one_line(script: Script, pem: str) -> None:
    script.says("POST", TOKEN, token())
    one_line = pem.strip().replace("\n", "\\n")
    assert App(script.url, 99, Secret(one_line)).installation(5).git_token().reveal() == GIT_TOKEN


@pytest.mark.parametrize("spoil", [lambda _: "", lambda _: "key", lambda pem: pem[:500]])
def test_a_private_key_that_is_none_is_named_and_not_shown(
    pem: str, spoil: Callable[[str], str]
) -> None:
    with pytest.raises(SettingsError, match="REVIEWBOT_GITHUB_PRIVATE_KEY") as raised:
        App("http://127.0.0.1:9", 99, Secret(spoil(pem)))
    assert raised.value.__suppress_context__
    assert pem[40:80] not in str(raised.value)


@pytest.mark.parametrize("kind", ["public", "elliptic", "locked"])
def test_a_key_of_another_kind_is_none(kind: str) -> None:
    with pytest.raises(SettingsError, match="REVIEWBOT_GITHUB_PRIVATE_KEY"):
        App("http://127.0.0.1:9", 99, Secret(other_key(kind)))


def other_key(kind: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    made: dict[str, Callable[[], bytes]] = {
        "public": lambda: key.public_key().public_bytes(pem, public),
        "elliptic": lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(
            pem, pkcs8, serialization.NoEncryption()
        ),
        "locked": lambda: key.private_bytes(
            pem, pkcs8, serialization.BestAvailableEncryption(b"secret")
        ),
    }
    return made[kind]().decode()


@pytest.mark.parametrize("url", ["", "api.github.com", "ftp://github.com", "https://"])
def test_an_address_that_is_none_is_named(url: str, pem: str) -> None:
    with pytest.raises(SettingsError, match="REVIEWBOT_GITHUB_URL"):
        App(url, 99, Secret(pem))


@pytest.mark.parametrize("text", ["", " ", "two words", "ghp_\nx", "ghp_…"])
def test_a_personal_token_that_is_none_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="REVIEWBOT_GITHUB_TOKEN"):
        personal("http://127.0.0.1:9", Secret(text))


def test_a_person_is_asked_for_once(script: Script) -> None:
    script.says("GET", "/user", Says(body={"login": "ann", "type": "User"}))
    github = personal(script.url, Secret("ghp_1\n"))
    assert (github.me(), github.me()) == ("ann", "ann")
    assert [one.authorization for one in script.asked] == ["Bearer ghp_1"]


def test_no_error_and_no_log_shows_a_token(
    script: Script, github: GitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", "github.Requester")
    script.says("GET", PULL, Says(502, b""), Says(502, b""), Says(401, {}), Says(401, {}))
    with pytest.raises(GitHubDeniedError) as raised:
        reads(github, pull_of(script))
    assert PULL in caplog.text
    assert GIT_TOKEN not in caplog.text + repr(raised.value) + repr(vars(github))


# The App


def test_the_app_is_asked_for_once(script: Script, app: App) -> None:
    script.says(
        "GET",
        "/app",
        Says(
            body={
                "id": 99,
                "slug": "reviewbot",
                "owner": {"login": "acme"},
                "permissions": {"checks": "write"},
                "events": ["pull_request"],
            }
        ),
    )
    assert app.account().bot_login == "reviewbot[bot]"
    assert app.account().login == "acme"
    assert app.installation(5).me() == "reviewbot[bot]"
    assert app.permissions() == {"checks": "write"}
    assert app.events() == ("pull_request",)
    assert app.lacks() == (
        "permission contents: read",
        "permission metadata: read",
        "permission pull_requests: write",
        "event check_run",
        "event check_suite",
        "event merge_group",
    )
    assert script.count("GET", "/app") == 1


def test_an_installation_is_there_or_not(script: Script, app: App) -> None:
    script.says("GET", "/app/installations/5", Says(body={"id": 5, "suspended_at": None}))
    assert app.is_installed(5)
    assert not app.is_installed(6)


def test_failed_deliveries_are_those_of_which_no_attempt_went_well(
    script: Script, app: App
) -> None:
    path = "/app/hook/deliveries"

    def attempt(number: int, guid: str, status: str, hour: int) -> dict[str, Any]:
        moment = f"2026-11-24T{hour:02}:00:00.123456Z"
        return {"id": number, "guid": guid, "status": status, "delivered_at": moment}

    newest = [attempt(9, "a", "OK", 9), attempt(8, "b", "timed out", 8)]
    older = [attempt(7, "a", "502", 7), attempt(6, "b", "502", 6), attempt(5, "c", "502", 5)]
    too_old = attempt(4, "d", "502", 1)
    more = {"Link": f'<{script.url}{path}?cursor=v1_8&per_page=100>; rel="next"'}
    script.says(
        "GET", path, Says(body=newest, headers=more), Says(body=[*older, too_old], headers=more)
    )
    since = 1795485600.0 + 3600 * 2
    assert app.failed_deliveries(since) == (
        FailedDelivery(5, "c", attempts=1),
        FailedDelivery(8, "b", attempts=2),
    )
    assert script.count("GET", path) == 2


def test_a_delivery_is_sent_again_with_one_request(script: Script, app: App) -> None:
    script.says("POST", "/app/hook/deliveries/8/attempts", Says(202, {}))
    app.redeliver(8)
    assert len(script.asked) == 1
