"""What a review is of comes in; out comes the hidden, signed mark by which we know it again."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARK = re.compile(
    r"<!-- reviewbot:v1 key=([0-9a-f]{8}) repository=(\d{1,19}) number=(\d{1,19})"
    r" base=([0-9a-f]{2,2048}) head=([0-9a-f]{40,64}) run=(\d{1,9}) sig=([0-9a-f]{64}) -->",
    re.ASCII,
)
_OPENING = re.compile(r"<!--(?=\s*reviewbot\b)", re.IGNORECASE)
_EXTERNAL_ID = re.compile(r"reviewbot:(\d{1,19}):(\d{1,19}):(\d{1,9}):(.{1,255})", re.ASCII)
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What a review is of: a pull request's head against a base branch, and which run of it."""

    repository_id: int
    number: int
    base: str
    head: str
    run: int


@dataclass(frozen=True, slots=True, repr=False)
class MarkerKey:
    """A key to sign marks with, and its name in them."""

    id: str
    key: bytes


def marker_key(material: str) -> MarkerKey:
    """Derive a key from a secret; neither the key nor its name tells the secret."""
    key = hmac.new(material.encode(), b"reviewbot marker", hashlib.sha256).digest()
    return MarkerKey(hashlib.sha256(key).hexdigest()[:8], key)


def render_marker(mark: Mark, key: MarkerKey) -> str:
    """Give the mark as a comment of HTML, which nobody sees.

    Raises `ValueError` for a mark that would not be found again, as one without a base: a review
    that carries it would be posted over and over.
    """
    text = (
        f"<!-- reviewbot:v1 key={key.id} repository={mark.repository_id} number={mark.number}"
        f" base={mark.base.encode().hex()} head={mark.head} run={mark.run}"
        f" sig={_signature(mark, key)} -->"
    )
    if not is_marked(text, mark, (key,)):
        raise ValueError("this mark cannot be found again")
    return text


def find_marks(body: str, keys: Sequence[MarkerKey]) -> tuple[Mark, ...]:
    """Give the marks in a text that one of the keys signed; all others are somebody's words."""
    found = []
    for match in _MARK.finditer(body):
        name, repository, number, base, head, run, signature = match.groups()
        try:
            mark = Mark(int(repository), int(number), bytes.fromhex(base).decode(), head, int(run))
        except ValueError:
            continue
        fits = (one for one in keys if one.id == name)
        if any(hmac.compare_digest(_signature(mark, one), signature) for one in fits):
            found.append(mark)
    return tuple(found)


def is_marked(body: str, mark: Mark, keys: Sequence[MarkerKey]) -> bool:
    """Whether a text carries this very mark."""
    return mark in find_marks(body, keys)


def has_any_marker(body: str, keys: Sequence[MarkerKey], repository_id: int, number: int) -> bool:
    """Whether a text carries a mark of ours for this pull request, of whichever head or run."""
    every = find_marks(body, keys)
    return any((one.repository_id, one.number) == (repository_id, number) for one in every)


def without_marks(text: str) -> str:
    """Give somebody's text so that no mark is found in it, a signed one that was copied neither.

    Code is shown as it is, so escaping alone does not do: the opening gets a space of no width.
    """
    return _OPENING.sub("<!-\u200b-", text)


def external_id(mark: Mark) -> str:
    """Give the name under which the check run of a review is found again."""
    return f"reviewbot:{mark.repository_id}:{mark.number}:{mark.run}:{mark.base}"


def read_external_id(text: str) -> tuple[int, int, int, str] | None:
    """Give repository, number, run and base of a check run's name; None where it is not ours."""
    found = _EXTERNAL_ID.fullmatch(text)
    if found is None or not found[4].isprintable():
        return None
    repository, number, run = int(found[1]), int(found[2]), int(found[3])
    return (repository, number, run, found[4]) if max(repository, number) <= _MOST else None


def _signature(mark: Mark, key: MarkerKey) -> str:
    fields = (mark.repository_id, mark.number, mark.base, mark.head, mark.run)
    text = "\0".join(str(field) for field in fields)  # no field may hold a NUL
    return hmac.new(key.key, text.encode(), hashlib.sha256).hexdigest()
