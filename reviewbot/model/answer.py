"""A model's text comes in; out comes what it said, checked, or why nothing can be made of it."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from reviewbot.servers.completion import Finish

Severity = Literal["critical", "major", "minor"]
Category = Literal[
    "correctness",
    "security",
    "concurrency",
    "resources",
    "errors",
    "performance",
    "contract",
    "maintainability",
]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "start": {"type": "string", "pattern": r"^[0-9]{1,4}\.[a-z]{2}$"},
                    "end": {"type": "string", "pattern": r"^[0-9]{1,4}\.[a-z]{2}$"},
                    "severity": {"type": "string", "enum": list(get_args(Severity))},
                    "category": {
                        "type": "string",
                        "enum": list(get_args(Category)),
                    },
                    "title": {"type": "string"},
                    "body": {"type": "array", "items": {"type": "string"}},
                    "suggestion": {"type": "array", "items": {"type": "string"}},
                },
                "required": [
                    "start", "end", "severity", "category", "title", "body", "suggestion",
                ],
            },
        }
    },
    "required": ["findings"],
}  # fmt: skip
"""What every answer must be. Constant, as TGI compiles a schema for 3 to 5 s once; without
bounds of length, as each would take it minutes; with lines as arrays, as its strings hold no
newline."""

_SPACE = re.compile(r"\s*")
MAX_FINDINGS = 40
MAX_TITLE = 160
MAX_BODY = 2_000
MAX_SUGGESTION_LINES = 60


class Said(msgspec.Struct, frozen=True):
    """One finding as the model gives it: ids are not yet checked against the chunk."""

    start: str
    end: str
    severity: Severity
    category: Category
    title: str
    body: list[str]
    suggestion: list[str]


Problem = Literal["cut", "unparsable"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer holds. `problem` says that it is not whole: `said` are its complete
    findings. `malformed` counts those that break the schema.
    """

    said: tuple[Said, ...]
    malformed: int
    problem: Problem | None


def parse_answer(text: str, finish: Finish) -> Answer:
    """Read an answer. One that was cut by its length gives the findings that were complete.

    An object that was closed is whole, however the model went on behind it.
    """
    raw, whole = _raw_findings(text)
    if raw is None:
        return Answer((), 0, "cut" if finish == "length" else "unparsable")
    said: list[Said] = []
    malformed = 0
    for item in raw:
        try:
            said.append(_bounded(msgspec.convert(item, Said)))
        except (msgspec.ValidationError, UnicodeEncodeError):  # half a surrogate pair in an error
            malformed += 1
    malformed += max(0, len(said) - MAX_FINDINGS)
    problem: Problem | None = None
    if finish == "length" and not whole:
        problem = "cut"
    elif not whole or (malformed and not said):
        problem = "unparsable"
    return Answer(tuple(said[:MAX_FINDINGS]), malformed, problem)


def _raw_findings(text: str) -> tuple[list[Any] | None, bool]:
    """Give the complete elements of the list of findings, and whether the whole text is JSON.

    None where there is no such list. Text around the object is passed over: a server that
    enforces no schema may wrap it in a fence.
    """
    start = text.find("{")
    try:
        whole, _ = json.JSONDecoder().raw_decode(text, max(start, 0))
    except (ValueError, RecursionError):
        return _complete_elements(text)
    found = whole.get("findings") if isinstance(whole, dict) else None
    return (found, True) if isinstance(found, list) else (None, False)


def _complete_elements(text: str) -> tuple[list[Any] | None, bool]:
    """Read a list of findings element by element until the text breaks off."""
    at = text.find("[", text.find('"findings"'))
    if '"findings"' not in text or at < 0:
        return None, False
    elements: list[Any] = []
    decoder = json.JSONDecoder()
    while True:
        at = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]  # it always matches
        try:
            element, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return elements, False
        elements.append(element)
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] != ",":
            return elements, False


def _bounded(said: Said) -> Said:
    """Hold the lengths that the schema cannot: a cut is marked, a huge suggestion goes."""
    body = _encodable("\n".join(said.body))
    if len(body) > MAX_BODY:
        body = body[: MAX_BODY - 1] + "…"
    title = " ".join(_encodable(said.title).split())
    if len(title) > MAX_TITLE:
        title = title[: MAX_TITLE - 1] + "…"
    suggestion = _encodable("\n".join(said.suggestion)).split("\n") if said.suggestion else []
    if len(suggestion) > MAX_SUGGESTION_LINES:
        suggestion = []
    return msgspec.structs.replace(said, title=title, body=body.split("\n"), suggestion=suggestion)


def _encodable(text: str) -> str:
    """Turn half a surrogate pair, which JSON can spell and no file can hold, into U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
