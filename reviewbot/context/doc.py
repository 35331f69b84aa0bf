"""The comments above a definition come in; out comes the first line of what they say."""

import re
from collections.abc import Iterable

_MOST = 160  # characters
_MARKS = re.compile(r"^\s*(?:[rRuU]?(?:\"\"\"|'''|[\"'])|/\*+!?|///?!?|\*(?!/)|#+!?|--)?\s?")
_ENDS = re.compile(r"\s*(?:\*+/|\"\"\"|''')\s*$")
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>")
_DIRECTIVE = re.compile(r"(?:[-=*#/]{3,}|@\w+|eslint|prettier|noqa|type: ignore|nolint|go:|-\*-)")


def first_line(comments: Iterable[str]) -> str:
    """Give the first line that says something, without marks and tags; empty where none does."""
    for comment in comments:
        for line in comment[:4_000].split("\n"):
            words = _TAGS.sub("", _ENDS.sub("", _MARKS.sub("", line, count=1))).strip(" \t\r\"'")
            if words and not _DIRECTIVE.match(words):
                return words[:_MOST]
    return ""
