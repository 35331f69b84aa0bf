"""A delivery's headers and bytes come in; out comes what it hints at, verified before it is read.

GitHub signs the body only: its id and the name of its event are anyone's word. So a delivery is a
hint to look, and never a fact to act on.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from reviewbot.errors import InputError

T = TypeVar("T")
Payload = Mapping[str, msgspec.Raw]

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME = re.compile(r"(?!\.{1,2}\Z)[\w.-]{1,255}", re.ASCII)  # no step in the path of an address
_ACTION = re.compile(r"[a-z_]{0,64}")
_MOST = 2**63 - 1


class WebhookError(InputError):
    """The body is no JSON object: nothing that GitHub sends."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: the number that stays, and the name that may change."""

    id: int
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class ReviewPull:
    """A pull request may have a head, or a base, that was not reviewed."""

    repository: Repository
    number: int
    base: str
    head: str


@dataclass(frozen=True, slots=True)
class ClosePull:
    """A pull request may be closed."""

    repository: Repository
    number: int


@dataclass(frozen=True, slots=True)
class RerunCheck:
    """A person wants the review behind our check run once more."""

    repository: Repository
    head: str
    external_id: str


@dataclass(frozen=True, slots=True)
class RerunSuite:
    """A person wants all reviews of a head once more."""

    repository: Repository
    head: str


@dataclass(frozen=True, slots=True)
class CheckMergeGroup:
    """A merge queue waits for our check on a head."""

    repository: Repository
    head: str


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """An installation may be gone."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do, and why."""

    reason: str


Hint = ReviewPull | ClosePull | RerunCheck | RerunSuite | CheckMergeGroup | Uninstalled | Nothing


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery; `installation` is 0 where it names none."""

    guid: str
    event: str
    action: str
    installation: int
    hint: Hint


@dataclass(frozen=True, slots=True)
class Policy:
    """What is passed over at the door. `owners` are in small letters; empty: anyone's."""

    app_id: int
    owners: frozenset[str] = frozenset()
    skip_drafts: bool = True
    skip_bots: bool = True
    skip_own: bool = True


def verify(body: bytes, signature: str | None, secrets: Sequence[bytes]) -> bool:
    """Whether the header X-Hub-Signature-256 is that of one of the secrets over these bytes."""
    kind, _, given = (signature or "").partition("=")
    if kind != "sha256" or not given.isascii():
        return False
    # every secret is tried, so that the time says nothing about which one fits
    fits = [
        hmac.compare_digest(hmac.digest(secret, body, "sha256").hex(), given) for secret in secrets
    ]
    return any(fits)


class _MalformedError(Exception):
    """A field that an event needs is missing, or is not what it should be."""


class _Login(msgspec.Struct):
    login: str
    type: str = "User"


class _Repository(msgspec.Struct):
    id: int
    name: str
    owner: _Login


class _Id(msgspec.Struct):
    id: int


class _Head(msgspec.Struct):
    sha: str


class _Base(msgspec.Struct):
    ref: str


class _Pull(msgspec.Struct):
    number: int
    head: _Head
    base: _Base
    user: _Login | None = None
    draft: bool = False


class _Check(msgspec.Struct):
    head_sha: str
    app: _Id
    external_id: str | None = None


class _Group(msgspec.Struct):
    head_sha: str


def parse_delivery(event: str, guid: str, body: bytes, policy: Policy) -> Delivery:
    """Read the few fields that matter, and tolerate the rest: real payloads break every schema.

    A field that is not what it should be makes the delivery one with nothing to do. Raises
    `WebhookError` where the body is no JSON object.
    """
    try:
        payload = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except RecursionError:
        return Delivery(guid, event, "", 0, Nothing("malformed: nested too deeply"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookError("the body is no JSON object") from error
    action, installation = "", 0
    try:
        action = _action(payload)
        installation = _installation(payload)
        hint = _hint(event, action, installation, payload, policy)
    except _NotAllowedError as error:
        hint = Nothing(str(error))
    except _MalformedError as error:
        hint = Nothing(f"malformed: {error}")
    return Delivery(guid, event, action, installation, hint)


def _hint(event: str, action: str, installation: int, payload: Payload, policy: Policy) -> Hint:
    if not installation:
        return Nothing("a ping" if event == "ping" else "no installation")
    match event, action:
        case "installation", "deleted":
            return Uninstalled()
        case "pull_request", _:
            return _pull(action, payload, policy)
        case (("check_run" | "check_suite"), "rerequested"):
            return _rerun(event, payload, policy)
        case "merge_group", "checks_requested":
            group = _read(payload, "merge_group", _Group)
            return CheckMergeGroup(_repository(payload, policy), _sha(group.head_sha))
        case _:
            return Nothing("an event that changes nothing here")


def _pull(action: str, payload: Payload, policy: Policy) -> Hint:
    wanted = {"opened", "reopened", "ready_for_review", "synchronize", "closed"}
    if action == "edited" and "base" in _changes(payload):
        wanted = {"edited"}
    if action not in wanted:
        return Nothing("an event that changes nothing here")
    pull = _read(payload, "pull_request", _Pull)
    repository, number = _repository(payload, policy), _positive(pull.number, "number")
    if action == "closed":
        return ClosePull(repository, number)
    if pull.draft and policy.skip_drafts:
        return Nothing("a draft")
    if pull.user is not None and pull.user.type == "Bot" and policy.skip_bots:
        return Nothing("a bot's pull request")
    return ReviewPull(repository, number, _branch(pull.base.ref), _sha(pull.head.sha))


def _rerun(event: str, payload: Payload, policy: Policy) -> Hint:
    check = _read(payload, event, _Check)
    if check.app.id != policy.app_id:
        return Nothing("another App's check")
    if policy.skip_own and _is_bot(payload):
        return Nothing("an event of a bot")
    repository, head = _repository(payload, policy), _sha(check.head_sha)
    if event == "check_run":
        return RerunCheck(repository, head, _external_id(check.external_id or ""))
    return RerunSuite(repository, head)  # whose list of pull requests is empty for forks


def _read(payload: Payload, name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload[name], type=kind)
    except KeyError:
        raise _MalformedError(f"no {name}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _MalformedError(f"{name} is not what it should be") from None


def _action(payload: Payload) -> str:
    """Give the action, fit for a row of a table: PostgreSQL takes no NUL in a text."""
    text = _read(payload, "action", str) if "action" in payload else ""
    if not _ACTION.fullmatch(text):
        raise _MalformedError("action is none of GitHub's")
    return text


def _installation(payload: Payload) -> int:
    if bytes(payload.get("installation", b"null")).strip() == b"null":
        return 0
    return _positive(_read(payload, "installation", _Id).id, "installation")


def _changes(payload: Payload) -> Mapping[str, msgspec.Raw]:
    return _read(payload, "changes", dict[str, msgspec.Raw]) if "changes" in payload else {}


def _is_bot(payload: Payload) -> bool:
    return "sender" in payload and _read(payload, "sender", _Login).type == "Bot"


class _NotAllowedError(_MalformedError):
    """The repository is of an owner whose repositories are not reviewed."""


def _repository(payload: Payload, policy: Policy) -> Repository:
    found = _read(payload, "repository", _Repository)
    owner = found.owner.login
    if not (_NAME.fullmatch(found.name) and _NAME.fullmatch(owner)):
        raise _MalformedError("the repository's name is none")
    if policy.owners and "*" not in policy.owners and owner.lower() not in policy.owners:
        raise _NotAllowedError("an owner whose repositories are not reviewed")
    return Repository(_positive(found.id, "repository"), owner, found.name)


def _positive(number: int, name: str) -> int:
    if not 1 <= number <= _MOST:
        raise _MalformedError(f"{name} is no number of GitHub's")
    return number


def _sha(text: str) -> str:
    if not _SHA.fullmatch(text):
        raise _MalformedError("a commit's id is none")
    return text


def _branch(text: str) -> str:
    if not (1 <= len(text) <= 255 and text.isprintable()):
        raise _MalformedError("a branch's name is none")
    return text


def _external_id(text: str) -> str:
    if len(text) > 512 or not text.isprintable():
        raise _MalformedError("external_id is none of ours")
    return text
