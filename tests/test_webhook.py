"""Deliveries: what is verified, what each hints at, and what hostile ones come to: nothing."""

import hashlib
import hmac
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reviewbot.github.webhook import (
    CheckMergeGroup,
    ClosePull,
    Delivery,
    Hint,
    Nothing,
    Policy,
    Repository,
    RerunCheck,
    RerunSuite,
    ReviewPull,
    Uninstalled,
    WebhookError,
    parse_delivery,
    verify,
)

EXAMPLES = Path(__file__).parents[2] / "shared" / "data" / "github" / "webhook-examples.json"
SECRETS = (b"now", b"before")
BODY = b'{"zen":"Keep it logically awesome."}'
POLICY = Policy(app_id=7)
REPOSITORY = Repository(11, "acme", "shop")
HEAD, OTHER = "a" * 40, "b" * 64
NOT_OURS = Nothing("an event that changes nothing here")

needs_examples = pytest.mark.skipif(
    not EXAMPLES.exists(), reason=f"GitHub's example payloads are not here: {EXAMPLES}"
)


@cache
def examples() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Event and payload of each; none without the folder."""
    if not EXAMPLES.exists():
        return ()
    kinds = json.loads(EXAMPLES.read_text("utf-8"))
    return tuple((kind["name"], payload) for kind in kinds for payload in kind["examples"])


def payload(action: str, **more: Any) -> dict[str, Any]:
    repository = {"id": 11, "name": "shop", "owner": {"login": "acme", "type": "Organization"}}
    base = {"action": action, "installation": {"id": 5}, "repository": repository}
    return base | {"sender": {"login": "mona", "type": "User"}} | more


def pull(**more: Any) -> dict[str, Any]:
    return {
        "number": 3, "draft": False, "user": {"login": "mona", "type": "User"},
        "head": {"sha": HEAD}, "base": {"ref": "main"},
    } | more  # fmt: skip


def check(**more: Any) -> dict[str, Any]:
    return {"head_sha": HEAD, "app": {"id": 7}, "external_id": "reviewbot:11:3:0:main"} | more


def read(event: str, value: object, policy: Policy = POLICY) -> Delivery:
    return parse_delivery(event, "guid-1", json.dumps(value).encode(), policy)


def hint(event: str, value: object, policy: Policy = POLICY) -> Hint:
    return read(event, value, policy).hint


def made_by(event: str, value: dict[str, Any]) -> Policy:
    """The policy of the App that made the check of an example, and its own bot may ask again."""
    return Policy(app_id=value.get(event, {}).get("app", {}).get("id", 7), skip_own=False)


def signed(body: bytes, secret: bytes = SECRETS[0]) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_body_signed_with_the_present_or_the_earlier_secret_is_genuine(secret: bytes) -> None:
    assert verify(BODY, signed(BODY, secret), SECRETS)


@pytest.mark.parametrize(
    "signature",
    [
        None, "", "sha256=", "sha256", signed(BODY)[7:], signed(BODY)[:-1], signed(BODY) + "0",
        signed(BODY).replace("sha256", "sha1"), signed(BODY).upper(), signed(BODY, b"guessed"),
        signed(BODY + b" "), " " + signed(BODY), "sha256=\xe9" + signed(BODY)[8:],
        "sha256=" + "\ud800" * 64,
    ],
)  # fmt: skip
def test_any_other_signature_is_refused(signature: str | None) -> None:
    assert not verify(BODY, signature, SECRETS)


def test_without_a_secret_nothing_is_genuine() -> None:
    assert not verify(BODY, signed(BODY, b""), ())


def test_github_s_own_example_of_a_signature_is_genuine() -> None:
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verify(b"Hello, World!", known, (b"It's a Secret to Everybody",))


@needs_examples
def test_there_are_91_examples_of_12_events() -> None:
    assert len(examples()) == 91
    assert len({event for event, _ in examples()}) == 12


@needs_examples
@pytest.mark.parametrize(("event", "value"), examples())
def test_a_real_payload_is_read(event: str, value: dict[str, Any]) -> None:
    delivery = read(event, value)
    assert delivery.action == value.get("action", "")
    assert delivery.installation == value.get("installation", {"id": 0})["id"]
    assert not getattr(delivery.hint, "reason", "").startswith("malformed")


@needs_examples
def test_so_many_of_the_real_payloads_hint_at_something() -> None:
    hints = [
        type(hint(event, value, made_by(event, value))).__name__ for event, value in examples()
    ]
    counts = {name: hints.count(name) for name in set(hints)}
    assert counts == {
        "ReviewPull": 7, "ClosePull": 2, "RerunCheck": 2, "RerunSuite": 2, "CheckMergeGroup": 2,
        "Uninstalled": 2, "Nothing": 74,
    }  # fmt: skip


@pytest.mark.parametrize("action", ["opened", "reopened", "ready_for_review", "synchronize"])
def test_a_pull_request_with_a_new_head_is_to_be_reviewed(action: str) -> None:
    delivery = read("pull_request", payload(action, pull_request=pull()))
    review = ReviewPull(REPOSITORY, 3, "main", HEAD)
    assert delivery == Delivery("guid-1", "pull_request", action, 5, review)


def test_a_changed_base_is_to_be_reviewed_and_a_changed_title_is_not() -> None:
    edited = payload("edited", pull_request=pull(), changes={"base": {"ref": {"from": "old"}}})
    assert hint("pull_request", edited) == ReviewPull(REPOSITORY, 3, "main", HEAD)
    assert hint("pull_request", edited | {"changes": {"title": {"from": "x"}}}) == NOT_OURS
    assert hint("pull_request", payload("edited", pull_request=pull())) == NOT_OURS


def test_a_closed_pull_request_is_told_even_if_it_is_a_draft_of_a_bot() -> None:
    closed = pull(draft=True, user={"login": "dependabot[bot]", "type": "Bot"})
    assert hint("pull_request", payload("closed", pull_request=closed)) == ClosePull(REPOSITORY, 3)


def test_drafts_and_bots_are_passed_over_unless_a_setting_says_otherwise() -> None:
    draft = payload("opened", pull_request=pull(draft=True))
    bot = payload("opened", pull_request=pull(user={"login": "renovate[bot]", "type": "Bot"}))
    assert hint("pull_request", draft) == Nothing("a draft")
    assert hint("pull_request", bot) == Nothing("a bot's pull request")
    every = replace(POLICY, skip_drafts=False, skip_bots=False)
    assert isinstance(hint("pull_request", draft, every), ReviewPull)
    assert isinstance(hint("pull_request", bot, every), ReviewPull)


def test_a_pull_request_whose_author_is_gone_is_reviewed() -> None:
    assert isinstance(
        hint("pull_request", payload("opened", pull_request=pull(user=None))), ReviewPull
    )


def test_a_rerun_of_our_check_names_what_it_was_of() -> None:
    rerun = RerunCheck(REPOSITORY, HEAD, "reviewbot:11:3:0:main")
    assert hint("check_run", payload("rerequested", check_run=check())) == rerun
    suite = check(external_id=None)
    assert hint("check_suite", payload("rerequested", check_suite=suite)) == RerunSuite(
        REPOSITORY, HEAD
    )


@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_the_check_of_another_app_and_what_a_bot_asks_for_are_passed_over(event: str) -> None:
    foreign = payload("rerequested", **{event: check(app={"id": 8})})
    bot = {"login": "reviewbot[bot]", "type": "Bot"}
    own = payload("rerequested", sender=bot, **{event: check()})
    assert hint(event, foreign) == Nothing("another App's check")
    assert hint(event, own) == Nothing("an event of a bot")
    assert not isinstance(hint(event, own, replace(POLICY, skip_own=False)), Nothing)
    assert hint(event, payload("created", **{event: check()})) == NOT_OURS


def test_a_merge_queue_and_an_uninstall_are_told() -> None:
    group = payload("checks_requested", merge_group={"head_sha": OTHER})
    assert hint("merge_group", group) == CheckMergeGroup(REPOSITORY, OTHER)
    gone = {"action": "deleted", "installation": {"id": 5}}
    assert hint("installation", gone) == Uninstalled()


def test_pings_strange_events_and_those_of_no_installation_are_nothing() -> None:
    opened = payload("opened", pull_request=pull())
    assert hint("ping", {"zen": "x"}) == Nothing("a ping")
    assert hint("gollum", payload("edited")) == NOT_OURS
    assert hint("pull_request", payload("labeled")) == NOT_OURS
    assert hint("pull_request", opened | {"installation": None}) == Nothing("no installation")
    without = {name: value for name, value in opened.items() if name != "installation"}
    assert hint("pull_request", without) == Nothing("no installation")


def test_only_repositories_of_the_owners_are_reviewed() -> None:
    opened = payload("opened", pull_request=pull())
    refused = Nothing("an owner whose repositories are not reviewed")
    assert hint("pull_request", opened, replace(POLICY, owners=frozenset({"other"}))) == refused
    shouted = payload("opened", pull_request=pull())
    shouted["repository"]["owner"]["login"] = "ACME"
    for owners in ({"acme"}, {"*"}, set[str]()):
        allowed = replace(POLICY, owners=frozenset(owners))
        assert isinstance(hint("pull_request", shouted, allowed), ReviewPull)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'"x"', b"{", b"{}x", b"\xff",
                                  b"\xef\xbb\xbf{}", b'{"a":NaN}', b"payload=%7B%7D"])  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookError):
        parse_delivery("pull_request", "guid-1", body, POLICY)


HOSTILE: list[dict[str, Any]] = [
    {"pull_request": None},
    {"pull_request": pull(number=0)},
    {"pull_request": pull(number=-3)},
    {"pull_request": pull(number=2**63)},
    {"pull_request": pull(number=10**4200)},
    {"pull_request": pull(number=3.5)},
    {"pull_request": pull(number=1e300)},
    {"pull_request": pull(number="3")},
    {"pull_request": pull(number=True)},
    {"pull_request": pull(head=None)},
    {"pull_request": pull(head={"sha": "a" * 39})},
    {"pull_request": pull(head={"sha": "A" * 40})},
    {"pull_request": pull(head={"sha": "g" * 40})},
    {"pull_request": pull(head={"sha": "a" * 40 + "\n"})},
    {"pull_request": pull(head={"sha": "../" * 13 + "a"})},
    {"pull_request": pull(base={"ref": ""})},
    {"pull_request": pull(base={"ref": "x" * 256})},
    {"pull_request": pull(base={"ref": "a\nb"})},
    {"pull_request": pull(base={"ref": "a\0"})},
    {"pull_request": pull(base={"ref": "a\u202eb"})},
    {"pull_request": pull(draft="no")},
    {"pull_request": pull(user=[])},
    {"installation": {"id": 0}},
    {"installation": {"id": -1}},
    {"installation": {"id": 2**64}},
    {"installation": []},
    {"repository": None},
    {"repository": {"id": 1.5, "name": "a", "owner": {"login": "b"}}},
    {"repository": {"id": 2**63, "name": "a", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "a/b", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "..", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "a", "owner": {"login": "."}}},
    {"repository": {"id": 1, "name": "a\r\nX: y", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "a?b#c%2f", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "", "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "a" * 256, "owner": {"login": "b"}}},
    {"repository": {"id": 1, "name": "a"}},
    {"action": None},
    {"action": "opened\0"},
    {"action": "x" * 65},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_field_that_is_not_what_it_should_be_makes_nothing_of_the_delivery(
    hostile: dict[str, Any],
) -> None:
    delivery = read("pull_request", payload("opened", pull_request=pull()) | hostile)
    assert isinstance(delivery.hint, Nothing)
    assert delivery.hint.reason.startswith("malformed: ")
    assert delivery.action in {"", "opened"}
    assert delivery.installation in {0, 5}


@pytest.mark.parametrize("external_id", ["a\0b", "a\nb", "x" * 513, 7])
def test_a_check_run_with_a_strange_external_id_is_nothing(external_id: object) -> None:
    value = payload("rerequested", check_run=check(external_id=external_id))
    assert isinstance(hint("check_run", value), Nothing)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_body_that_is_nested_without_end_is_nothing(opening: bytes) -> None:
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    deep = opening * 200_000 + b"1" + closing * 200_000
    body = b'{"action":"opened","installation":{"id":5},"pull_request":' + deep + b"}"
    assert parse_delivery("pull_request", "g", body, POLICY).hint == Nothing(
        "malformed: nested too deeply"
    )


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    body = json.dumps(payload("opened", pull_request=pull()))[:-1] + ',"action":"closed"}'
    delivery = parse_delivery("pull_request", "g", body.encode(), POLICY)
    assert delivery.hint == ClosePull(REPOSITORY, 3)


def test_a_broken_text_in_a_field_that_nobody_reads_does_no_harm() -> None:
    body = json.dumps(payload("opened", pull_request=pull())).encode()[:-1] + b',"x":"\xff\xfe"}'
    assert isinstance(parse_delivery("pull_request", "g", body, POLICY).hint, ReviewPull)
