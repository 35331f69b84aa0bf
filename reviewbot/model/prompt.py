"""A Chunk comes in; out come the messages that a model is shown, from the files in `prompts/`."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError

from reviewbot.diff.chunk import Chunk, print_lines
from reviewbot.diff.tokens import estimate_tokens
from reviewbot.errors import ReviewbotError
from reviewbot.servers.completion import Message

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "prompts", _PACKAGE.parent / "prompts")
"""Where the templates lie in a wheel, and in a checkout."""

_CONTROL_STRING = re.compile(
    r"<(?=\|[^|<>\n]{1,40}\|?>|[\w-]{1,40}\|>|｜"
    r"|/?(?:s|tool_call|tool_response|tools|documents|think|schema|change)>"
    r"|(?:start|end)_of_\w{1,20}>|(?:bos|eos|pad|unk|mask)>|(?:fim|jupyter)_\w{1,20}>|/?SYS>>)"
    r"|\[(?=/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_(?:CALLS|RESULTS|CONTENT))\])"
)
_BREAK = "\u200b"
_BROKEN = re.compile(rf"([<\[])(?:{_BREAK}|\\u200b)")
_CONTROLS = {code: 0x2400 + code for code in range(32) if code != 9} | {127: 0x2421}
_CONTROLS |= dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029), 0x2424)  # may read as line ends
MAX_PATH = 200
"""Characters of a path that are shown: its end says more than its beginning."""
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


def build_messages(chunk: Chunk) -> tuple[Message, ...]:
    """Render the request that asks for the defects of a chunk.

    The constant text comes first and is the same to the byte in every request, the task's few
    words come last, so that a server's prefix cache serves the most of both.
    """
    hunks: list[list[ShownLine]] = [[] for _ in chunk.hunks]
    for printed in print_lines(chunk):
        line = printed.line
        hunks[printed.hunk].append(ShownLine(printed.id, line.sign, neutralise(line.text)))
    change = _template("change").render(
        path=shown_path(chunk.path),
        hunks=[
            ShownHunk(neutralise(hunk.section), tuple(lines))
            for hunk, lines in zip(chunk.hunks, hunks, strict=True)
        ],
        task=_task("find"),
    )
    return Message("system", _task("system")), Message("user", change)


def shown_path(path: str) -> str:
    """Give a path as a prompt shows it: of a very long one, its end."""
    return neutralise(path[-MAX_PATH:])


@cache
def overhead_tokens() -> int:
    """Estimate what a request costs before its first line of code is counted."""
    return estimate_tokens(_task("system")) + estimate_tokens(_task("find")) + TEMPLATE_TOKENS


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
        keep_trailing_newline=False,
    )


@cache
def _template(name: str) -> Template:
    try:
        return _environment().get_template(f"{name}.md.j2")
    except TemplateError as error:
        raise ReviewbotError(f"the prompt {name!r} cannot be used: {error}") from error


@cache
def _task(name: str) -> str:
    """Render a template that has no variables."""
    return _template(name).render()
