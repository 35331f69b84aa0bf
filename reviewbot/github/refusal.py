"""An answer of GitHub that is no success comes in; out comes the error that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import msgspec

from reviewbot.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubGoneError,
    GitHubInvalidError,
    GitHubLimitError,
    GitHubTemporaryError,
)

LIMIT_SECONDS = 60.0
"""How long to wait where GitHub limits us and does not say for how long."""

_LIMIT_WORDS = ("rate limit", "abuse detection", "submitted too quickly")
_LONGEST = 300  # characters of GitHub's own text in ours


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub sent; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Need:
    """What a request takes: a permission, such as `checks: write`, and who grants it where."""

    permission: str
    grant: str


class _Detail(msgspec.Struct):
    message: str | None = None
    field: str | None = None
    code: str | None = None


class _Body(msgspec.Struct):
    message: str = ""
    errors: object = None


def refusal(answer: Answer, what: str, need: Need, now: float) -> GitHubError:
    """Turn an answer with a status of 300 and more into the error to raise.

    `what` names the request for a person; `now` is Unix time, for limits that end at a moment.
    """
    body = _read(answer.text)
    said = _shorten("; ".join((body.message, *_messages(body.errors))) or f"HTTP {answer.status}")
    if _is_limit(answer, said):
        seconds = _limit_seconds(answer, now)
        return GitHubLimitError(f"GitHub wants a pause of {seconds:.0f} s: {said}", seconds)
    return _error(answer, said, _messages(body.errors) or (body.message,), what, need)


def _error(
    answer: Answer, said: str, messages: tuple[str, ...], what: str, need: Need
) -> GitHubError:
    text = f"GitHub refuses {what}: {said}"
    match answer.status:
        case 401:
            error: GitHubError = GitHubDeniedError(
                f"{text}; the credentials are wrong or expired: {need.grant}"
            )
        case 403 if "installation has been suspended" in said:
            error = GitHubGoneError(text)
        case 403:
            error = GitHubDeniedError(f"{text}; it takes {_permission(answer, need)}: {need.grant}")
        case 404 if said.startswith("Integration not found"):
            error = GitHubDeniedError(f"{text}; is REVIEWBOT_GITHUB_APP_ID right?")
        case 404 | 410 | 451:
            error = GitHubGoneError(text)
        case 422:
            error = GitHubInvalidError(text, messages)
        case status if status >= 500 or status == 408:
            error = GitHubTemporaryError(f"GitHub fails at {what}: {said}")
        case status if status < 400:
            error = GitHubError(f"{text}; is REVIEWBOT_GITHUB_URL the API's own address?")
        case _:
            error = GitHubError(text)
    return error


def _read(text: str) -> _Body:
    """Read what an error says; a proxy's page says nothing."""
    try:
        return msgspec.json.decode(text, type=_Body)
    except (msgspec.DecodeError, UnicodeError):
        return _Body()


def _messages(errors: object) -> tuple[str, ...]:
    """Give the reasons of a 422: GitHub sends texts for some requests, and objects for others."""
    if isinstance(errors, str):
        return (errors,)
    return tuple(_message(one) for one in errors) if isinstance(errors, list) else ()


def _message(error: object) -> str:
    if isinstance(error, str):
        return error
    try:
        detail = msgspec.convert(error, _Detail)
    except msgspec.ValidationError:
        return "a reason that cannot be read"
    return detail.message or f"{detail.field} is {detail.code}"


def _is_limit(answer: Answer, said: str) -> bool:
    """Tell a limit from a refusal; both come as 403. `submitted too quickly` comes as 422, too."""
    if answer.status == 429:
        return True
    if answer.status == 422:
        return _LIMIT_WORDS[-1] in said
    used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    words = any(word in said.lower() for word in _LIMIT_WORDS)
    return answer.status == 403 and (used_up or words or "retry-after" in answer.headers)


def _limit_seconds(answer: Answer, now: float) -> float:
    """Read how long to wait; the moments are those of GitHub's clock, where it tells it."""
    after = answer.headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return max(float(after), 1.0)
    clock = _moment(answer.headers.get("date")) or now
    if (until := _moment(after)) is not None:
        return max(until - clock, 1.0)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(float(reset) - clock + 1.0, 1.0)  # within that second nobody knows when
    return LIMIT_SECONDS


def _moment(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _permission(answer: Answer, need: Need) -> str:
    """Name the permission; GitHub names it itself in a header of most answers."""
    accepted = answer.headers.get("x-accepted-github-permissions", "")
    return f"the permission {accepted.replace('=', ': ') or need.permission}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
