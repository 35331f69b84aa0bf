"""The fake GitHub against the rules and texts that are known of the real one, over real HTTP."""

import base64
import hashlib
import hmac
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, Github
from github.Requester import Requester

from tests.bot import eventually
from tests.fakes.forge import FakeGitHub, Pull
from tests.fakes.forge.faults import (
    BAD_GATEWAY,
    NO_ANSWER,
    NO_PERMISSION,
    PRIMARY,
    SECONDARY,
    SECONDARY_AFTER,
    TOO_MANY,
    TOO_MANY_AFTER,
    When,
)
from tests.fakes.forge.judge import DESCRIPTION, violations
from tests.fakes.forge.state import APP_ID
from tests.fakes.wire import Reply, Request, WireServer, json_reply

judged = pytest.mark.skipif(not DESCRIPTION.exists(), reason="GitHub's description is not here")
LINES = [f"line {number}" for number in range(1, 41)]
CHANGED = ["line 1", "new 2", *LINES[2:30], "new 31", "new 32", *LINES[31:]]
"""Hunks: lines 1 to 5, of which 2 was changed, and 28 to 35, where 31 became two."""


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


class Caller:
    """Somebody who calls the API and follows nothing by himself."""

    def __init__(self, github: FakeGitHub, token: str) -> None:
        self._client = httpx2.Client(
            base_url=github.url, headers={"Authorization": f"Bearer {token}"}, timeout=20,
            trust_env=False,
        )  # fmt: skip

    def __call__(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        return self._client.request(method, path, json=body)

    def refused(self, method: str, path: str, body: Any = None) -> list[str]:
        """What GitHub says is wrong with a request."""
        answer = self(method, path, body)
        assert answer.status_code == 422
        faults: list[str] = answer.json()["errors"]
        return faults


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
def pull(github: FakeGitHub) -> Pull:
    repo = github.repository()
    repo.commit({"a.py": text(LINES)})
    return repo.opens_pull_request({"a.py": text(CHANGED)})


def app(github: FakeGitHub) -> Caller:
    return Caller(github, Auth.AppAuth(APP_ID, github.private_key).create_jwt())


def token(github: FakeGitHub, installation: int = 1) -> str:
    path = f"/app/installations/{installation}/access_tokens"
    made: str = app(github)("POST", path, {}).json()["token"]
    return made


def bot(github: FakeGitHub, installation: int = 1) -> Caller:
    return Caller(github, token(github, installation))


def person(github: FakeGitHub, login: str) -> Caller:
    github.personal_tokens[f"ghp_{login}"] = login
    return Caller(github, f"ghp_{login}")


def path_of(pull: Pull) -> str:
    return f"/repos/{pull.repo.full_name}/pulls/{pull.number}"


def reviews_of(pull: Pull) -> str:
    return f"{path_of(pull)}/reviews"


def on(line: int, side: str = "RIGHT", path: str = "a.py", **more: object) -> dict[str, object]:
    return {"path": path, "body": "Why?", "line": line, "side": side, **more}


def draft(pull: Pull, *comments: dict[str, object], body: str = "A review.") -> dict[str, object]:
    return {"commit_id": pull.head, "body": body, "comments": list(comments)}


# Who calls


@pytest.mark.usefixtures("pull")
def test_a_token_is_long_has_dots_and_an_end(github: FakeGitHub) -> None:
    answer = app(github)("POST", "/app/installations/1/access_tokens", {})
    made = answer.json()
    assert answer.status_code == 201
    assert len(made["token"]) > 255
    assert "." in made["token"]
    assert made["token"].startswith("ghs_")
    assert datetime.fromisoformat(made["expires_at"]).timestamp() > time.time()


@pytest.mark.usefixtures("pull")
def test_another_key_makes_no_token(github: FakeGitHub) -> None:
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    forged = jwt.encode({"iss": str(APP_ID)}, other, algorithm="RS256")
    answer = Caller(github, forged)("POST", "/app/installations/1/access_tokens", {})
    assert (answer.status_code, github.every_token) == (401, [])


WRONG_APPS = {
    "of an app that is not there": ({"iss": "999"}, 404, "Integration not found"),
    "good for too long": ({"exp": 3600.0}, 401, "'Expiration time' claim ('exp') is too far"),
    "that ended": ({"exp": -1.0}, 401, "A JSON web token could not be decoded"),
}


@pytest.mark.usefixtures("pull")
@pytest.mark.parametrize(("claims", "status", "words"), WRONG_APPS.values(), ids=WRONG_APPS)
def test_an_apps_own_token_is_looked_at(
    github: FakeGitHub, claims: dict[str, Any], status: int, words: str
) -> None:
    now = int(time.time())
    whole = {"iss": str(APP_ID), "iat": now, "exp": now + int(claims.get("exp", 300))} | {
        name: value for name, value in claims.items() if name == "iss"
    }
    caller = Caller(github, jwt.encode(whole, github.private_key, algorithm="RS256"))
    answer = caller("POST", "/app/installations/1/access_tokens", {})
    assert answer.status_code == status
    assert answer.json()["message"].startswith(words)


@pytest.mark.usefixtures("pull")
def test_an_installation_is_no_user(github: FakeGitHub) -> None:
    assert bot(github)("GET", "/user").status_code == 403
    assert person(github, "ada")("GET", "/user").json()["login"] == "ada"


def test_a_token_that_nobody_gave_is_refused(github: FakeGitHub, pull: Pull) -> None:
    answer = Caller(github, "ghs_none")("GET", path_of(pull))
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_token_ends_while_it_is_used(github: FakeGitHub, pull: Pull) -> None:
    short = token(github)
    assert Caller(github, short)("GET", path_of(pull)).status_code == 200
    github.tokens[short] = (1, 0.0)
    assert Caller(github, short)("GET", path_of(pull)).status_code == 401


def test_an_installation_that_is_gone_has_no_tokens(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    github.uninstalls(1)
    assert caller("GET", path_of(pull)).status_code == 401
    assert app(github)("POST", "/app/installations/1/access_tokens", {}).status_code == 404
    assert app(github)("GET", "/app/installations/1").status_code == 404


def test_an_installation_sees_its_own_repositories_only(github: FakeGitHub, pull: Pull) -> None:
    github.repository("other/shop", installation=2)
    assert bot(github, 2)("GET", path_of(pull)).status_code == 404


def test_pygithub_takes_what_it_answers(github: FakeGitHub, pull: Pull) -> None:
    read = requester(github).requestJsonAndCheck("GET", path_of(pull))[1]
    assert read["head"]["sha"] == pull.head


def requester(github: FakeGitHub) -> Requester:
    return Github(auth=Auth.Token(token(github)), base_url=github.url).requester


# Pull requests


def test_a_pull_request_is_shown_as_it_is_now(github: FakeGitHub, pull: Pull) -> None:
    pull.pushes({"a.py": text(LINES[:10])})
    pull.closes()
    shown = bot(github)("GET", path_of(pull)).json()
    assert (shown["state"], shown["head"]["sha"]) == ("closed", pull.head)
    assert shown["base"]["sha"] == pull.repo.tip("main")
    assert shown["base"]["repo"]["clone_url"] == f"{github.root}/acme/shop.git"


def test_the_repository_of_a_deleted_fork_is_null(github: FakeGitHub, pull: Pull) -> None:
    fork = pull.repo.opens_pull_request({"b.py": "x = 1\n"}, fork=True)
    fork.fork_deleted = True
    assert bot(github)("GET", path_of(fork)).json()["head"]["repo"] is None


def test_the_merge_base_stays_when_the_base_moves_on(github: FakeGitHub, pull: Pull) -> None:
    before = pull.repo.tip("main")
    after = pull.repo.commit({"b.py": "x = 1\n"})
    answer = bot(github)("GET", f"/repos/acme/shop/compare/{after}...{pull.head}").json()
    assert answer["merge_base_commit"]["sha"] == before


# Reviews

TAKEN: dict[str, dict[str, object]] = {
    "an added line": on(2),
    "a line of context": on(5),
    "the second added line": on(32),
    "a deleted line": on(31, "LEFT"),
    "a line of context on the left": on(30, "LEFT"),
    "several lines of a hunk": on(35, start_line=28, start_side="RIGHT"),
    "lines from left to right": on(32, start_line=31, start_side="LEFT"),
}


@pytest.mark.parametrize("comment", TAKEN.values(), ids=TAKEN)
def test_a_comment_within_a_hunk_is_taken(
    github: FakeGitHub, pull: Pull, comment: dict[str, object]
) -> None:
    answer = bot(github)("POST", reviews_of(pull), draft(pull, comment))
    assert (answer.status_code, answer.json()["state"]) == (200, "PENDING")
    assert [review.comments for review in pull.pending] == [[comment]]


NO_LINE = "line must be part of the diff and Pull request review thread diff hunk can't be blank"
NO_PATH = "path is invalid and Pull request review thread diff hunk can't be blank"
OTHER_HUNK = "start line must be part of the same hunk as the line."
NOT_BEFORE = "start line must precede the end line."
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a line between the hunks": (on(15), NO_LINE),
    "a line behind the file's end": (on(400), NO_LINE),
    "a line that only the right side has": (on(35, "LEFT"), NO_LINE),
    "a file that did not change": (on(1, path="README.md"), NO_PATH),
    "a start in another hunk": (on(31, start_line=2, start_side="RIGHT"), OTHER_HUNK),
    "a start on the line itself": (on(31, start_line=31, start_side="RIGHT"), NOT_BEFORE),
    "a start behind the line": (on(31, start_line=32, start_side="RIGHT"), NOT_BEFORE),
}


@pytest.mark.parametrize(("comment", "words"), REFUSED.values(), ids=REFUSED)
def test_one_bad_comment_refuses_the_whole_review(
    github: FakeGitHub, pull: Pull, comment: dict[str, object], words: str
) -> None:
    faults = bot(github).refused("POST", reviews_of(pull), draft(pull, on(2), comment))
    assert faults == [f"Pull request review thread {words}"]
    assert pull.every_review == []


def test_what_only_the_base_changed_since_takes_no_comment(github: FakeGitHub, pull: Pull) -> None:
    pull.repo.commit({"b.py": "x = 1\n"})
    caller, elsewhere = bot(github), on(1, "LEFT", path="b.py")
    faults = caller.refused("POST", reviews_of(pull), draft(pull, elsewhere))
    assert faults == [f"Pull request review thread {NO_PATH}"]
    assert caller("POST", reviews_of(pull), draft(pull, on(2))).status_code == 200


def test_bodies_have_65536_characters_at_most(github: FakeGitHub, pull: Pull) -> None:
    words = "Body is too long (maximum is 65536 characters)"
    caller, long = bot(github), "ä" * 65_537
    assert caller.refused("POST", reviews_of(pull), draft(pull, body=long)) == [words]
    comment = on(2) | {"body": long}
    assert caller.refused("POST", reviews_of(pull), draft(pull, comment)) == [words]
    fits = draft(pull, body=long[1:])
    assert caller("POST", reviews_of(pull), fits).status_code == 200


def test_one_user_has_one_pending_review(github: FakeGitHub, pull: Pull) -> None:
    caller, words = bot(github), "User can only have one pending review per pull request"
    assert caller("POST", reviews_of(pull), draft(pull)).status_code == 200
    assert caller.refused("POST", reviews_of(pull), draft(pull)) == [words]
    at_once = draft(pull) | {"event": "COMMENT"}
    assert caller.refused("POST", reviews_of(pull), at_once) == [words]
    assert person(github, "ada")("POST", reviews_of(pull), draft(pull)).status_code == 200


def test_of_many_pending_reviews_at_once_one_is_taken(github: FakeGitHub, pull: Pull) -> None:
    callers = [bot(github) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda one: one("POST", reviews_of(pull), draft(pull)), callers)
    assert sorted(one.status_code for one in answers) == [200, *[422] * 7]


def test_a_pending_review_is_its_authors_own(github: FakeGitHub, pull: Pull) -> None:
    ada, caller = person(github, "ada"), bot(github)
    number = ada("POST", reviews_of(pull), draft(pull)).json()["id"]
    assert [one["id"] for one in ada("GET", reviews_of(pull)).json()] == [number]
    assert caller("GET", reviews_of(pull)).json() == []
    assert caller("DELETE", f"{reviews_of(pull)}/{number}").status_code == 404
    assert pull.reviews == []


def test_a_review_is_submitted_once_and_then_stays(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    number = caller("POST", reviews_of(pull), draft(pull, on(2))).json()["id"]
    event = f"{reviews_of(pull)}/{number}/events"
    assert caller("POST", event, {"event": "COMMENT"}).json()["state"] == "COMMENTED"
    assert caller("POST", event, {"event": "COMMENT"}).status_code == 422
    assert caller("DELETE", f"{reviews_of(pull)}/{number}").status_code == 422
    assert [review.id for review in pull.reviews] == [number]
    assert [comment["line"] for comment in pull.comments] == [2]


def test_a_deleted_review_is_not_there(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    number = caller("POST", reviews_of(pull), draft(pull)).json()["id"]
    assert caller("DELETE", f"{reviews_of(pull)}/{number}").status_code == 200
    event = f"{reviews_of(pull)}/{number}/events"
    assert caller("POST", event, {"event": "COMMENT"}).status_code == 404
    assert caller("GET", reviews_of(pull)).json() == []


def test_a_list_has_pages_that_name_the_next(github: FakeGitHub, pull: Pull) -> None:
    for _ in range(5):
        pull.person_drafts_review("ada").submitted_at = 0.0
    caller, address, found = bot(github), f"{reviews_of(pull)}?per_page=2", []
    for _ in range(3):
        answer = caller("GET", address)
        found.append(len(answer.json()))
        address = answer.links.get("next", {}).get("url", "")
    assert (found, address) == ([2, 2, 1], "")


def test_a_list_that_lags_shows_what_was(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    caller("POST", reviews_of(pull), draft(pull))
    github.list_lag = 3600.0
    assert caller("GET", reviews_of(pull)).json() == []
    github.list_lag = 0.0
    assert len(caller("GET", reviews_of(pull)).json()) == 1


# Check runs


def note(line: int) -> dict[str, object]:
    return {"path": "a.py", "start_line": line, "end_line": line, "annotation_level": "notice",
            "message": "Why?"}  # fmt: skip


def output(first: int, count: int) -> dict[str, object]:
    notes = [note(line) for line in range(first, first + count)]
    return {"output": {"title": "A title", "summary": "A summary", "annotations": notes}}


def started(caller: Caller, pull: Pull, name: str = "reviewbot") -> int:
    body = {"name": name, "head_sha": pull.head, "external_id": "7", "status": "in_progress"}
    number: int = caller("POST", "/repos/acme/shop/check-runs", body).json()["id"]
    return number


def test_annotations_are_appended_fifty_at_a_time(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    path = f"/repos/acme/shop/check-runs/{started(caller, pull)}"
    assert caller("PATCH", path, output(1, 51)).status_code == 422
    github.violations.clear()  # GitHub's description says so, too
    assert caller("PATCH", path, output(1, 50)).status_code == 200
    assert caller("PATCH", path, output(51, 50)).status_code == 200
    assert caller("GET", path).json()["output"]["annotations_count"] == 100
    [check] = pull.checks
    assert [one["start_line"] for one in check.annotations] == list(range(1, 101))


def test_a_check_run_is_found_by_its_commit_and_name(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    number = started(caller, pull)
    started(caller, pull, name="lint")
    path = f"/repos/acme/shop/commits/{pull.head}/check-runs?check_name=reviewbot&filter=all"
    shown = caller("GET", path).json()
    assert (shown["total_count"], shown["check_runs"][0]["id"]) == (1, number)
    assert shown["check_runs"][0]["app"]["id"] == APP_ID


def test_without_a_filter_the_latest_check_run_of_a_name_is_listed(
    github: FakeGitHub, pull: Pull
) -> None:
    caller = bot(github)
    first, second = started(caller, pull), started(caller, pull)
    path = f"/repos/acme/shop/commits/{pull.head}/check-runs"
    assert [one["id"] for one in caller("GET", path).json()["check_runs"]] == [second]
    every = caller("GET", f"{path}?filter=all").json()["check_runs"]
    assert [one["id"] for one in every] == [second, first]


def test_a_conclusion_completes_a_check_run(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    path = f"/repos/acme/shop/check-runs/{started(caller, pull)}"
    assert caller("PATCH", path, {"conclusion": "neutral"}).json()["status"] == "completed"


def test_check_runs_lag_as_reviews_do(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    started(caller, pull)
    github.list_lag = 3600.0
    path = f"/repos/acme/shop/commits/{pull.head}/check-runs"
    assert caller("GET", path).json()["total_count"] == 0


# Deliveries


class Receiver:
    """Keeps what is delivered; answers with a status."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.status = 202
        self._wire = WireServer(self._respond)
        self.url = self._wire.url
        self.close = self._wire.close

    async def _respond(self, request: Request) -> Reply:
        self.got.append(request)
        return json_reply(self.status, {})

    @property
    def actions(self) -> list[str]:
        return [one.json()["action"] for one in self.got]


@pytest.fixture
def receiver(pull: Pull) -> Iterator[Receiver]:
    receiver = Receiver()
    pull.repo.github.webhook_url = receiver.url
    yield receiver
    receiver.close()


def test_what_people_do_is_delivered_and_signed(
    github: FakeGitHub, pull: Pull, receiver: Receiver
) -> None:
    delivery = pull.pushes({"a.py": "x = 1\n"})
    [got] = receiver.got
    signature = hmac.new(github.secret.encode(), got.content, hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={signature}"
    assert got.headers["x-github-event"] == "pull_request"
    assert got.headers["x-github-delivery"] == delivery.guid
    assert got.json()["pull_request"]["head"]["sha"] == pull.head
    assert (got.json()["installation"]["id"], delivery.status) == (1, 202)


def test_each_thing_that_people_do_is_told(pull: Pull, receiver: Receiver) -> None:
    pull.repo.commit({}, branch="next")
    first = pull.head
    pull.pushes({"a.py": "x = 1\n"})
    pull.force_pushes(first)
    assert pull.repo.git.run("rev-parse", pull.ref) == first
    pull.closes()
    pull.reopens()
    pull.is_ready()
    pull.changes_base("next")
    assert receiver.actions == [
        "synchronize", "synchronize", "closed", "reopened", "ready_for_review", "edited",
    ]  # fmt: skip
    assert receiver.got[1].json()["pull_request"]["head"]["sha"] == first
    assert receiver.got[5].json()["changes"] == {"base": {"ref": {"from": "main"}}}


def test_a_delivery_that_failed_is_listed_and_sent_again_under_its_id(
    github: FakeGitHub, pull: Pull, receiver: Receiver
) -> None:
    receiver.status = 503
    failed = pull.closes()
    receiver.status = 202
    [listed] = app(github)("GET", "/app/hook/deliveries").json()
    assert (listed["guid"], listed["status"], listed["status_code"]) == (
        failed.guid, "failed", 503
    )  # fmt: skip
    path = f"/app/hook/deliveries/{listed['id']}/attempts"
    assert app(github)("POST", path).status_code == 202
    eventually(lambda: len(receiver.got) == 2)
    assert [one.headers["x-github-delivery"] for one in receiver.got] == [failed.guid] * 2
    assert receiver.got[0].content == receiver.got[1].content


def test_a_receiver_that_is_down_is_a_failed_delivery(
    github: FakeGitHub, pull: Pull, receiver: Receiver
) -> None:
    receiver.close()
    pull.closes()
    [listed] = app(github)("GET", "/app/hook/deliveries").json()
    assert (listed["status"], listed["status_code"]) == ("failed", 0)


def test_deliveries_come_late_in_another_order_and_twice(
    github: FakeGitHub, pull: Pull, receiver: Receiver
) -> None:
    github.holds_deliveries()
    closed = pull.closes()
    pull.reopens()
    assert receiver.got == []
    github.lets_go(reverse=True)
    github.delivers_again(closed)
    assert receiver.actions == ["reopened", "closed", "closed"]


# Faults


def stored(pull: Pull) -> int:
    return len(pull.pending)


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_a_bad_gateway_comes_before_or_after_the_effect_and_once(
    github: FakeGitHub, pull: Pull, when: When, count: int
) -> None:
    caller = bot(github)
    github.fails("create_review", BAD_GATEWAY, when)
    assert caller("POST", reviews_of(pull), draft(pull)).status_code == 502
    assert stored(pull) == count
    assert caller("GET", reviews_of(pull)).status_code == 200


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_an_answer_is_lost_before_or_after_the_effect(
    github: FakeGitHub, pull: Pull, when: When, count: int
) -> None:
    caller = bot(github)
    github.fails("create_review", NO_ANSWER, when)
    with pytest.raises(httpx2.TransportError):
        caller("POST", reviews_of(pull), draft(pull))
    assert stored(pull) == count


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_a_request_is_held_before_or_after_its_effect(
    github: FakeGitHub, pull: Pull, when: When, count: int
) -> None:
    caller = bot(github)
    hold = github.holds("create_review", when)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(caller, "POST", reviews_of(pull), draft(pull))
        hold.wait()
        assert stored(pull) == count
        assert bot(github)("GET", path_of(pull)).status_code == 200
        hold.released.set()
        assert answer.result().status_code == 200
    assert stored(pull) == 1


def test_a_head_moves_while_a_request_is_held(github: FakeGitHub, pull: Pull) -> None:
    caller, old = bot(github), pull.head
    hold = github.holds("create_review")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(caller, "POST", reviews_of(pull), draft(pull, on(31)))
        hold.wait()
        pull.pushes({"a.py": text(LINES)})
        hold.released.set()
        assert answer.result().json()["commit_id"] == old
    assert pull.head != old


LIMITS: dict[str, tuple[Reply, int, str, str | None]] = {
    "secondary": (SECONDARY, 403, "You have exceeded a secondary rate limit", None),
    "secondary, with Retry-After": (SECONDARY_AFTER, 403, "You have exceeded a secondary", "2"),
    "too many": (TOO_MANY, 429, "You have exceeded a secondary rate limit", None),
    "too many, with Retry-After": (TOO_MANY_AFTER, 429, "You have exceeded a secondary", "2"),
    "primary": (PRIMARY, 403, "API rate limit exceeded for installation ID 1.", None),
    "permission": (NO_PERMISSION, 403, "Resource not accessible by integration", None),
}


@pytest.mark.parametrize(("reply", "status", "words", "wait"), LIMITS.values(), ids=LIMITS)
def test_a_limit_is_told_in_githubs_words_and_stores_nothing(
    github: FakeGitHub, pull: Pull, reply: Reply, status: int, words: str, wait: str | None
) -> None:
    caller = bot(github)
    github.fails("create_review", reply)
    answer = caller("POST", reviews_of(pull), draft(pull))
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)
    assert answer.json()["message"].startswith(words)
    assert stored(pull) == 0


def test_a_share_of_all_requests_fails_at_random(github: FakeGitHub, pull: Pull) -> None:
    caller = bot(github)
    github.faults.at_random(0.25, seed=1)
    codes = [caller("GET", path_of(pull)).status_code for _ in range(60)]
    assert set(codes) == {200, 502}
    assert 10 < codes.count(502) < 50


# git


def git(folder: Path, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git with a token of GitHub's in its configuration; it never asks a person."""
    header = "Authorization: Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
           "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "1",
           "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}  # fmt: skip
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def fetched(folder: Path, token: str, pull: Pull, *what: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    git(folder, token, "init", "-q", "--bare")
    git(folder, token, "remote", "add", "origin", f"{pull.repo.github.root}/acme/shop.git")
    git(folder, token, "config", "remote.origin.promisor", "true")
    return git(folder, token, "fetch", "-q", "--depth=1", "--filter=blob:none", "origin", *what)


def test_git_fetches_commits_by_id_and_files_when_they_are_wanted(
    github: FakeGitHub, pull: Pull, tmp_path: Path
) -> None:
    folder, key = tmp_path / "clone", token(github)
    base = pull.repo.tip("main")
    assert fetched(folder, key, pull, base, pull.head).returncode == 0
    missing = git(folder, key, "rev-list", "--objects", "--missing=print", pull.head).stdout
    assert "?" in missing
    shown = git(folder, key, "diff", "-M", base, pull.head).stdout
    assert [line for line in shown.splitlines() if line[:2] in ("+n", "-l")] == [
        "-line 2", "+new 2", "-line 31", "+new 31", "+new 32",
    ]  # fmt: skip


def test_git_is_refused_without_a_token_that_lives(pull: Pull, tmp_path: Path) -> None:
    assert fetched(tmp_path / "clone", "ghs_none", pull, pull.head).returncode != 0


def test_git_is_refused_to_another_installation(
    github: FakeGitHub, pull: Pull, tmp_path: Path
) -> None:
    github.repository("other/shop", installation=2)
    key = token(github, 2)
    assert fetched(tmp_path / "clone", key, pull, pull.head).returncode != 0


def test_a_pull_requests_own_ref_outlives_its_fork(
    github: FakeGitHub, pull: Pull, tmp_path: Path
) -> None:
    fork = pull.repo.opens_pull_request({"b.py": "x = 1\n"}, fork=True)
    fork.fork_deleted = True
    folder, key = tmp_path / "clone", token(github)
    assert fetched(folder, key, pull, f"{fork.ref}:{fork.ref}").returncode == 0
    assert git(folder, key, "rev-parse", fork.ref).stdout.strip() == fork.head


# The judge


@judged
def test_a_request_that_breaks_githubs_description_is_found(github: FakeGitHub, pull: Pull) -> None:
    bot(github)("POST", reviews_of(pull), draft(pull) | {"event": "PERHAPS"})
    [found] = github.violations
    assert "PERHAPS" in found
    github.violations.clear()


@judged
def test_a_request_that_breaks_it_is_found_though_it_is_refused(
    github: FakeGitHub, pull: Pull
) -> None:
    comment = on(2) | {"line": "2"}
    assert bot(github)("POST", reviews_of(pull), draft(pull, comment)).status_code == 422
    [found] = github.violations
    assert "'2' is not of type 'integer'" in found
    github.violations.clear()


@pytest.mark.usefixtures("pull")
def test_a_call_that_the_fake_lacks_is_found(github: FakeGitHub) -> None:
    assert bot(github)("GET", "/repos/acme/shop/forks").status_code == 404
    assert "this fake has no such call" in github.violations[0]
    github.violations.clear()


def test_a_call_that_the_fake_itself_fails_at_is_found(github: FakeGitHub, pull: Pull) -> None:
    body = draft(pull) | {"commit_id": "0" * 40}
    assert bot(github)("POST", reviews_of(pull), body).status_code == 500
    assert "no answer, CalledProcessError" in github.violations[0]
    github.violations.clear()


@judged
def test_an_answer_that_breaks_githubs_description_is_found(github: FakeGitHub, pull: Pull) -> None:
    asked = Request("GET", f"/api/v3{path_of(pull)}", {}, b"")
    answer = bot(github)("GET", path_of(pull))
    right = json_reply(200, answer.json())
    wrong = json_reply(200, answer.json() | {"number": "one"})
    assert violations(asked, right) == []
    [found] = violations(asked, wrong)
    assert "'one' is not of type 'integer'" in found
