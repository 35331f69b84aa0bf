"""A request to GitHub's API in; the change of its state, and the answer, out."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jwt

from tests.fakes.forge import render, rules
from tests.fakes.forge.faults import NO_PERMISSION, refusal
from tests.fakes.forge.people import Pull, Repo
from tests.fakes.forge.state import APP_ID, BOT, NEVER, Check, Review
from tests.fakes.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from tests.fakes.forge.server import FakeGitHub

Answer = Callable[["Asked"], Reply]
MOST_SECONDS = 600
"""How long an App's own token may be good for."""


class RefusedError(Exception):
    """The request is refused with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Route:
    """One operation, and the parts of the path that name its object."""

    operation: str
    answer: Answer
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender is known."""

    github: "FakeGitHub"
    login: str
    installation: int | None
    parts: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def repo(self) -> Repo:
        repo = self.github.repos.get(f"{self.parts['owner']}/{self.parts['repo']}")
        if repo is None or self.installation not in (None, repo.installation):
            raise RefusedError(refusal(404, "Not Found"))
        return repo

    @property
    def pull(self) -> Pull:
        pull = self.repo.pulls.get(int(self.parts["number"]))
        if pull is None:
            raise RefusedError(refusal(404, "Not Found"))
        return pull

    @property
    def review(self) -> Review:
        now = time.time()
        for review in self.pull.every_review:
            seen = review.state(now) != "PENDING" or review.author == self.login
            if review.id == int(self.parts["review"]) and review.exists(now) and seen:
                return review
        raise RefusedError(refusal(404, "Not Found"))

    @property
    def check(self) -> Check:
        for check in self.repo.checks:
            if check.id == int(self.parts["check"]):
                return check
        raise RefusedError(refusal(404, "Not Found"))

    def page(self, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """Cut the page that was asked for, and link to the next."""
        size = int(self.query.get("per_page", "30"))
        number = int(self.query.get("page", "1"))
        cut = items[(number - 1) * size : number * size]
        if number * size >= len(items):
            return cut, {}
        rest = "&".join(f"{k}={v}" for k, v in self.query.items() if k != "page")
        link = f'<{self.github.root}{self.parts["path"]}?{rest}&page={number + 1}>; rel="next"'
        return cut, {"link": link}


def _get_app(asked: Asked) -> Reply:
    return json_reply(200, render.app(asked.github.owner, asked.github.permissions))


def _get_installation(asked: Asked) -> Reply:
    installation = int(asked.parts["installation"])
    if installation in asked.github.gone_installations:
        return refusal(404, "Not Found")
    return json_reply(200, render.installation(installation, asked.github.owner))


def _make_token(asked: Asked) -> Reply:
    installation = int(asked.parts["installation"])
    known = {repo.installation for repo in asked.github.repos.values()}
    if installation in asked.github.gone_installations or installation not in known:
        return refusal(404, "Not Found")
    token = f"ghs_{asked.github.next_id()}_eyJhbGciOiJSUzI1NiJ9.{'x' * 300}.{'y' * 80}"
    ends = time.time() + asked.github.token_seconds
    asked.github.tokens[token] = (installation, ends)
    asked.github.every_token.append(token)
    moment = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json_reply(201, render.token(token, moment))


def _list_deliveries(asked: Asked) -> Reply:
    newest = sorted(asked.github.deliveries, key=lambda one: one.id, reverse=True)
    cut, headers = asked.page([render.delivery(one) for one in newest])
    return json_reply(200, cut, **headers)


def _redeliver(asked: Asked) -> Reply:
    for delivery in list(asked.github.deliveries):
        if delivery.id == int(asked.parts["delivery"]):
            asked.github.sends_soon(delivery)
            return json_reply(202, {})
    return refusal(404, "Not Found")


def _get_user(asked: Asked) -> Reply:
    if asked.installation is not None:
        return NO_PERMISSION
    return json_reply(200, {"login": asked.login, "id": 7, "type": "User"})


def _get_pull(asked: Asked) -> Reply:
    return json_reply(200, render.pull(asked.pull))


def _compare(asked: Asked) -> Reply:
    base, head = asked.parts["basehead"].split("...")
    merge_base = asked.repo.git.merge_base(base, head)
    return json_reply(200, render.comparison(merge_base, base, head))


def _list_reviews(asked: Asked) -> Reply:
    at = time.time() - asked.github.list_lag
    seen = [
        render.review(review, asked.pull, at)
        for review in asked.pull.every_review
        if review.exists(at) and (review.state(at) != "PENDING" or review.author == asked.login)
    ]
    cut, headers = asked.page(seen)
    return json_reply(200, cut, **headers)


def _invalid(*faults: str) -> Reply:
    body = {"message": "Unprocessable Entity", "errors": list(faults), "status": "422",
            "documentation_url": "https://docs.github.com/rest/pulls/reviews"}  # fmt: skip
    return json_reply(422, body)


def _create_review(asked: Asked) -> Reply:
    pull, now = asked.pull, time.time()
    mine = [one for one in pull.pending if one.author == asked.login]
    if mine:
        return _invalid(rules.ONE_PENDING)
    head = asked.body.get("commit_id", pull.head)
    hunks = pull.repo.git.hunks(pull.repo.tip(pull.base), head)
    if faults := rules.review_faults(asked.body, hunks):
        return _invalid(*faults)
    review = Review(
        asked.github.next_id(), asked.login, asked.body.get("body") or "", head,
        asked.body.get("comments", []), submitted_at=now if asked.body.get("event") else NEVER,
    )  # fmt: skip
    pull.every_review.append(review)
    return json_reply(200, render.review(review, pull, now))


def _submit_review(asked: Asked) -> Reply:
    review, now = asked.review, time.time()
    if review.state(now) != "PENDING":
        return _invalid("Could not submit a review that is not pending.")
    review.submitted_at = now
    return json_reply(200, render.review(review, asked.pull, now))


def _delete_review(asked: Asked) -> Reply:
    review, now = asked.review, time.time()
    if review.state(now) != "PENDING":
        return _invalid("Can not delete a non-pending pull request review")
    review.deleted_at = now
    return json_reply(200, render.review(review, asked.pull, now))


def _list_checks(asked: Asked) -> Reply:
    name, at = asked.query.get("check_name"), time.time() - asked.github.list_lag
    seen = [
        one
        for one in reversed(asked.repo.checks)
        if one.head == asked.parts["ref"] and name in (None, one.name) and one.created_at <= at
    ]
    if asked.query.get("filter") != "all":  # GitHub shows the latest of each name
        seen = list({one.name: one for one in reversed(seen)}.values())
    found = [render.check(one) for one in seen]
    cut, headers = asked.page(found)
    return json_reply(200, {"total_count": len(found), "check_runs": cut}, **headers)


def _create_check(asked: Asked) -> Reply:
    body = asked.body
    check = Check(
        asked.github.next_id(), body["name"], body["head_sha"], body.get("external_id", "")
    )
    return _write_check(asked, check) or _stored(asked, check)


def _stored(asked: Asked, check: Check) -> Reply:
    asked.repo.checks.append(check)
    return json_reply(201, render.check(check))


def _update_check(asked: Asked) -> Reply:
    return _write_check(asked, asked.check) or json_reply(200, render.check(asked.check))


def _write_check(asked: Asked, check: Check) -> Reply | None:
    output = asked.body.get("output", {})
    if faults := rules.output_faults(output):
        return _invalid(*faults)
    check.title = output.get("title", check.title)
    check.summary = output.get("summary", check.summary)
    check.annotations += output.get("annotations", [])
    check.status = asked.body.get("status", check.status)
    if "conclusion" in asked.body:
        check.conclusion, check.status = asked.body["conclusion"], "completed"
    return None


def _get_check(asked: Asked) -> Reply:
    return json_reply(200, render.check(asked.check))


_PULL = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)/pulls/(?P<number>\d+)"
_REPO = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
_ROUTES: tuple[tuple[str, str, str, Answer], ...] = (
    ("get_app", "GET", r"/app", _get_app),
    ("get_installation", "GET", r"/app/installations/(?P<installation>\d+)", _get_installation),
    ("make_token", "POST", r"/app/installations/(?P<installation>\d+)/access_tokens", _make_token),
    ("list_deliveries", "GET", r"/app/hook/deliveries", _list_deliveries),
    ("redeliver", "POST", r"/app/hook/deliveries/(?P<delivery>\d+)/attempts", _redeliver),
    ("get_user", "GET", r"/user", _get_user),
    ("get_pull", "GET", _PULL, _get_pull),
    ("compare", "GET", _REPO + r"/compare/(?P<basehead>[^/]+)", _compare),
    ("list_reviews", "GET", _PULL + r"/reviews", _list_reviews),
    ("create_review", "POST", _PULL + r"/reviews", _create_review),
    ("delete_review", "DELETE", _PULL + r"/reviews/(?P<review>\d+)", _delete_review),
    ("submit_review", "POST", _PULL + r"/reviews/(?P<review>\d+)/events", _submit_review),
    ("list_checks", "GET", _REPO + r"/commits/(?P<ref>[^/]+)/check-runs", _list_checks),
    ("create_check", "POST", _REPO + r"/check-runs", _create_check),
    ("update_check", "PATCH", _REPO + r"/check-runs/(?P<check>\d+)", _update_check),
    ("get_check", "GET", _REPO + r"/check-runs/(?P<check>\d+)", _get_check),
)
_BY_JWT = {"get_app", "get_installation", "make_token", "list_deliveries", "redeliver"}


def find(request: Request) -> tuple[str, Route | None]:
    """Find the operation of a request."""
    path = request.path.removeprefix("/api/v3")
    for operation, method, pattern, answer in _ROUTES:
        found = re.fullmatch(pattern, path)
        if found and method == request.method:
            return operation, Route(operation, answer, found.groupdict() | {"path": request.path})
    return "unknown", None


def answer(github: "FakeGitHub", route: Route | None, request: Request) -> Reply:
    """Do what a request asks for, and answer it."""
    if route is None:
        return refusal(404, "Not Found")
    try:
        login, installation = _sender(github, route, request)
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        body = request.json() if request.content else {}
        asked = Asked(github, login, installation, route.parts, query, body)
        if request.method != "GET" and installation is not None:
            github.write_times.setdefault(installation, []).append(time.time())
        return route.answer(asked)
    except RefusedError as refused:
        return refused.reply


def _sender(github: "FakeGitHub", route: Route, request: Request) -> tuple[str, int | None]:
    token = request.headers.get("authorization", "").partition(" ")[2]
    if route.operation in _BY_JWT:
        return _app(github, token), None
    return _user(github, token)


def _app(github: "FakeGitHub", token: str) -> str:
    try:
        options: Any = {"require": ["exp", "iat", "iss"]}
        claims = jwt.decode(token, github.public_key, algorithms=["RS256"], options=options)
    except jwt.InvalidTokenError:
        message = "A JSON web token could not be decoded"
        raise RefusedError(refusal(401, message)) from None
    if claims["exp"] > time.time() + MOST_SECONDS:
        message = "'Expiration time' claim ('exp') is too far in the future"
        raise RefusedError(refusal(401, message))
    if claims["iss"] != str(APP_ID):
        raise RefusedError(refusal(404, "Integration not found"))
    return BOT


def _user(github: "FakeGitHub", token: str) -> tuple[str, int | None]:
    if token in github.personal_tokens:
        return github.personal_tokens[token], None
    installation, ends = github.tokens.get(token, (0, 0.0))
    if ends < time.time() or installation in github.gone_installations:
        raise RefusedError(refusal(401, "Bad credentials"))
    return BOT, installation


def may_read(github: "FakeGitHub", request: Request) -> bool:
    """Whether git may read: its token stands in a Basic login, and sees the repository."""
    login = request.headers.get("authorization", "").removeprefix("Basic ")
    token = base64.b64decode(login).decode().partition(":")[2]
    try:
        _, installation = _user(github, token)
    except RefusedError:
        return False
    repo = github.repos.get(request.path.partition(".git/")[0].removeprefix("/"))
    return repo is not None and installation in (None, repo.installation)
