"""The definitions whose signature a change alters come in; out come Pieces that call them."""

from collections.abc import Iterator

from reviewbot.context.definitions import Definition, enclosing
from reviewbot.context.lookup import MOST_MEANINGS, meanings_of
from reviewbot.context.piece import Piece
from reviewbot.context.repository import MOST_PLACES
from reviewbot.context.sources import Source, Sources, related
from reviewbot.context.view import View

_MOST_CALLERS = 8  # of one definition
_MOST_FILES = 12  # that are parsed to find them
_MOST_LINE = 300


def callers(view: View, sources: Sources) -> Iterator[Piece]:
    """Show the calls of what has another signature now, and of what is gone."""
    for definition in view.resigned:
        if len(meanings_of(definition.name, view, sources)) <= MOST_MEANINGS:
            words = f"calls `{definition.title}`, whose signature the change alters"
            yield from _calls(definition, words, view, sources)
    for definition in view.removed:
        if not meanings_of(definition.name, view, sources):
            words = f"calls `{definition.title}`, which the change removes"
            yield from _calls(definition, words, view, sources)


def _calls(definition: Definition, words: str, view: View, sources: Sources) -> Iterator[Piece]:
    places = sources.find([definition.name])[definition.name]
    if len(places) >= MOST_PLACES:
        return
    lines: dict[str, list[int]] = {view.path: []}  # the changed file first
    for place in places:
        if related(view.path, place.path):
            lines.setdefault(place.path, []).append(place.line)
    found = 0
    for path in list(lines)[:_MOST_FILES]:
        source = view.head if path == view.path else sources.head(path)
        if source is None:
            continue
        for line in _called(source, definition.name):
            if path == view.path and line in view.visible:
                continue
            found += 1
            if found > _MOST_CALLERS:
                return
            yield Piece(path, line, f"{path}:{line} {words}", _text(source, line), "caller")


def _called(source: Source, name: str) -> list[int]:
    """Give the lines of a file that call a name, by its syntax tree."""
    uses = (use for use in source.uses if use.role == "call" and use.name == name)
    return list(dict.fromkeys(use.line for use in uses))


def _text(source: Source, line: int) -> str:
    """Write a call below the signature of what it stands in."""
    called = source.text(line)[:_MOST_LINE].rstrip()
    around = enclosing(source.outline, line)
    if around is None or around.line <= line <= around.body_line:
        return called
    first = source.text(around.line)
    indent = first[: len(first) - len(first.lstrip())]
    return f"{indent}{around.signature}\n{called[: len(called) - len(called.lstrip())]}…\n{called}"
