"""Lines of a Source come in; out comes a Piece of context as a model may be shown it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from reviewbot.context.definitions import Definition
from reviewbot.context.sources import Source
from reviewbot.diff.tokens import estimate_tokens

Why = Literal["around", "import", "called", "overridden", "caller"]

_MOST_LINE = 300  # characters of a line that are shown
_SHORT_BODY = 12  # lines of a definition that is shown whole
_AROUND = 4  # tokens of the marks that a template puts around a piece
_WORD = re.compile(r"\w")
_HASH = frozenset(("python", "ruby"))


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to know. `title` is a line for people and models, `text` is code."""

    path: str
    start_line: int
    title: str
    text: str
    why: Why

    @property
    def tokens(self) -> int:
        """Estimate the tokens it takes in a prompt."""
        return estimate_tokens(self.title) + estimate_tokens(self.text) + _AROUND


def title_of(path: str, definition: Definition) -> str:
    """Say where a definition stands and what it is."""
    return f"{path}:{definition.line} {definition.kind} `{definition.title}`"


def excerpt(source: Source, lines: Collection[int], start: int | None = None) -> str:
    """Write some lines of a file in order, without blank ones; "…" stands for lines between.

    Where they do not begin at `start`, the first "…" says so.
    """
    rows: list[str] = []
    before = None if start is None else start - 1
    for line in sorted(lines):
        text = source.text(line)[:_MOST_LINE].rstrip()
        if not text:
            before = line if before in (None, line - 1) else before
            continue
        if before is not None and before != line - 1:
            rows.append(text[: len(text) - len(text.lstrip())] + "…")
        rows.append(text)
        before = line
    text = "\n".join(rows)
    return text if _WORD.search(text) else ""  # closing brackets say nothing


def comment(source: Source, line: int, words: str) -> str:
    """Write words as a comment that is indented as a line of the file is."""
    text = source.text(line)
    mark = "#" if source.language in _HASH else "//"
    return f"{text[: len(text) - len(text.lstrip())]}{mark} {words}"


def summary(source: Source, definition: Definition) -> str:
    """Write a definition whole where it is short, else its signature and what it is for.

    A class comes with the signature of its constructor.
    """
    if definition.end_line - definition.line < _SHORT_BODY:
        return excerpt(source, range(definition.start_line, definition.end_line + 1))
    first = source.text(definition.line)
    rows = [first[: len(first) - len(first.lstrip())] + definition.signature]
    if definition.doc:
        rows.insert(0, comment(source, definition.line, definition.doc))
    if definition.kind in ("class", "struct", "record"):
        rows.extend(
            f"    {one.signature}"
            for one in source.outline
            if one.owner == definition.name
            and definition.holds(one.line)
            and (one.kind == "constructor" or one.name in ("__init__", "initialize", "init"))
        )
    return "\n".join(rows)
