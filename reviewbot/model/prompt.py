"""A Chunk comes in; out come the messages that a model is shown, from the files in `prompts/`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError

from reviewbot.context.note import Note
from reviewbot.diff.chunk import Chunk, print_lines
from reviewbot.diff.tokens import estimate_tokens
from reviewbot.errors import ReviewbotError
from reviewbot.servers.completion import Message

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "prompts", _PACKAGE.parent / "prompts")
"""Where the templates lie in a wheel, and in a checkout."""

_CONTROL_STRING = re.compile(
    r"<(?=\|[^|<>\n]{1,40}\|?>|[\w-]{1,40}\|>|｜"
    r"|/?(?:s|tool_call|tool_response|tools|documents|think|schema|change|context|claim)>"
    r"|(?:start|end)_of_\w{1,20}>|(?:bos|eos|pad|unk|mask)>|(?:fim|jupyter)_\w{1,20}>|/?SYS>>)"
    r"|\[(?=/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_(?:CALLS|RESULTS|CONTENT))\])"
)
_BREAK = "\u200b"
_BROKEN = re.compile(rf"([<\[])(?:{_BREAK}|\\u200b)")
_CONTROLS = {code: 0x2400 + code for code in range(32) if code != 9} | {127: 0x2421}
_CONTROLS |= dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029), 0x2424)  # may read as line ends
MAX_PATH = 200
"""Characters of a path that are shown: its end says more than its beginning."""
LONGEST_TASK = 100
"""Tokens of the longest task without a claim; a claim is short and has the answer's room."""
MAX_CLAIM = 800
"""Characters of a claim's body that are shown: what it needs more for is no claim."""
TEMPLATE_TOKENS = 60
"""What a chat template and the words around a change add, at most, beside the texts counted."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line for the template: its id, its sign, and its text with nothing a model obeys."""

    id: str
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownHunk:
    """A hunk for the template, without its numbers: a change that only moved reads the same."""

    section: str
    lines: tuple[ShownLine, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What one request shows: a chunk, and notes of the code around it."""

    chunk: Chunk
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says is wrong, for the judge: where by the ids of its lines, and in words.

    `evidence` is what analyzers say of the same lines.
    """

    start: str
    end: str
    title: str
    body: str
    evidence: tuple[str, ...] = ()


def build_messages(shown: Shown, focus: str | None = None) -> tuple[Message, ...]:
    """Render the request that asks for the defects of a chunk, of one kind above all with a focus.

    The constant text comes first and is the same to the byte in every request, the task's few
    words come last, so that a server's prefix cache serves the most of both.
    """
    return _messages(shown, _task("find", focus))


def build_judgement(shown: Shown, claim: Claim) -> tuple[Message, ...]:
    """Render the request that asks whether a claim holds: behind the same words as before."""
    return _messages(shown, _template("judge").render(_words(claim)).rstrip())


def build_wording(shown: Shown, claim: Claim) -> tuple[Message, ...]:
    """Render the request to word a claim that holds: behind the same words as before."""
    return _messages(shown, _template("word").render(_words(claim)).rstrip())


def _words(claim: Claim) -> dict[str, object]:
    one = claim.start == claim.end
    return {
        "start": claim.start,
        "end": claim.end,
        "place": f"Line {claim.start}" if one else f"Lines {claim.start} to {claim.end}",
        "title": neutralise(claim.title),
        "body": [neutralise(line) for line in claim.body[:MAX_CLAIM].split("\n") if line.strip()],
        "evidence": [neutralise(line) for line in claim.evidence],
    }


def _messages(shown: Shown, task: str) -> tuple[Message, ...]:
    return Message("system", _task("system")), Message("user", _change(shown) + task)


@lru_cache(maxsize=8)  # for each look at a chunk, and each claim about it
def _change(shown: Shown) -> str:
    """Render what all requests about a chunk begin with."""
    chunk = shown.chunk
    hunks: list[list[ShownLine]] = [[] for _ in chunk.hunks]
    for printed in print_lines(chunk):
        line = printed.line
        hunks[printed.hunk].append(ShownLine(printed.id, line.sign, neutralise(line.text)))
    return _template("change").render(
        path=shown_path(chunk.path),
        notes=[Note(neutralise(note.title), _neutral_lines(note.text)) for note in shown.notes],
        hunks=[
            ShownHunk(neutralise(hunk.section), tuple(lines))
            for hunk, lines in zip(chunk.hunks, hunks, strict=True)
        ],
    )


def task_share(messages: Sequence[Message]) -> float:
    """Give the share of a request that stands behind the change: the rest of it is the same for
    every request about the chunk, so that a prefix cache may have it.
    """
    whole = sum(len(message.content) for message in messages)
    last = messages[-1].content
    return (len(last) - max(0, last.rfind("</change>"))) / max(1, whole)


def _neutral_lines(text: str) -> str:
    return "\n".join(neutralise(line) for line in text.split("\n"))


def shown_path(path: str) -> str:
    """Give a path as a prompt shows it: of a very long one, its end."""
    return neutralise(path[-MAX_PATH:])


@cache
def overhead_tokens() -> int:
    """Estimate what a request costs before its first line of code is counted."""
    return estimate_tokens(_task("system")) + LONGEST_TASK + TEMPLATE_TOKENS


def neutralise(text: str) -> str:
    """Break up what a chat template would read as control strings, and show control characters.

    `restore` undoes the first. A carriage return at the end is git's, not the code's.
    """
    text = text.removesuffix("\r")
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    return _CONTROL_STRING.sub(lambda match: match[0] + _BREAK, text)


def restore(text: str) -> str:
    """Give an answer, still as JSON, the control strings back that `neutralise` broke up."""
    return _BROKEN.sub(r"\1", text)


@cache
def _environment() -> Environment:
    # what is rendered is a prompt, not a page: escaping HTML would change the code in it
    return Environment(  # noqa: S701
        loader=FileSystemLoader([folder for folder in _FOLDERS if folder.is_dir()]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def digest_prompts(folders: Sequence[Path] = _FOLDERS) -> str:
    """Give a digest of all templates: with another, the same change is asked about otherwise."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.glob("*.j2")):
            digest.update(f"{file.name}\n{file.read_text()}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _template(name: str) -> Template:
    try:
        return _environment().get_template(f"{name}.md.j2")
    except TemplateError as error:
        raise ReviewbotError(f"the prompt {name!r} cannot be used: {error}") from error


def render(name: str, **variables: object) -> str:
    """Render a template that stands for itself; a variable that is missing is an error."""
    return _template(name).render(variables).rstrip()


@cache
def _task(name: str, focus: str | None = None) -> str:
    """Render a template that has no variables but the focus."""
    return _template(name).render(focus=focus).rstrip()
