"""`reviewbot review --pr`: a pull request's name comes in; out come its diff, and with --post the
same review that the bot would post."""

import re
from dataclasses import dataclass

from reviewbot.errors import InputError

_NAME = re.compile(
    r"(?:https?://[^/\s]+/)?(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:#|/pull/)(?P<number>[1-9]\d{0,9})/?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Name:
    """A pull request as a person names it."""

    owner: str
    repository: str
    number: int


def parse_name(text: str) -> Name:
    """Read `owner/repo#12`, or the address of its page. Raises `InputError`."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} names no pull request: write it as owner/repo#12")
    return Name(found["owner"], found["name"], int(found["number"]))
