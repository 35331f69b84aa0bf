"""A Chunk and what can be read of its repository come in; out comes the Context of the change."""

from collections.abc import Iterator
from dataclasses import dataclass

from reviewbot.context.callers import callers
from reviewbot.context.definitions import Definition
from reviewbot.context.lookup import callees, wanted_names
from reviewbot.context.piece import Piece, excerpt, title_of
from reviewbot.context.sources import Source, Sources
from reviewbot.context.symbols import imports_in_play, words_of
from reviewbot.context.view import View, view_of
from reviewbot.diff.chunk import Chunk

MAX_TOKENS = 2_000
"""More context makes a small model worse."""
_SMALL_BODY = 40  # lines of the definition around a change that are shown whole
_SHORT_COMMENT = 6  # lines above a definition that are shown with its signature
_MOST_DEFINITIONS = 8
_MOST_IMPORTS = 12
_MOST_OUTER = 3


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around a chunk, the most useful first; `tokens` estimates all its pieces.

    `searched` says whether the repository was searched, or only the diff; `partial` whether
    places may be missing all the same. `dropped` counts the pieces that had no room.
    """

    pieces: tuple[Piece, ...] = ()
    searched: bool = False
    partial: bool = True
    tokens: int = 0
    dropped: int = 0


def gather(chunk: Chunk, sources: Sources, max_tokens: int = MAX_TOKENS) -> Context:
    """Collect what a reviewer of a chunk looks up: what is around it, what it calls, who calls it.

    A file of another language, or one that is too large, has no pieces. Reads the repository,
    so it may take as long as that does; a review's chunks share one `Sources`.
    """
    view = view_of(chunk, sources)
    if view is None:
        return Context(searched=sources.searched, partial=sources.partial)
    pieces = [*_around(view, max_tokens // 2), *_imports(view)]
    sources.find(wanted_names(view))  # one search for all
    pieces += callees(view, sources)
    pieces += callers(view, sources)
    kept, tokens = _within(pieces, max_tokens)
    return Context(kept, sources.searched, sources.partial, tokens, len(pieces) - len(kept))


def _within(pieces: list[Piece], max_tokens: int) -> tuple[tuple[Piece, ...], int]:
    """Drop pieces from the end until the others fit."""
    tokens = 0
    for index, piece in enumerate(pieces):
        if tokens + piece.tokens > max_tokens:
            return tuple(pieces[:index]), tokens
        tokens += piece.tokens
    return tuple(pieces), tokens


def _around(view: View, max_tokens: int) -> Iterator[Piece]:
    """Show the definitions that hold the change, as far as the chunk does not show them."""
    shown = set(view.visible)
    for definition in view.touched[:_MOST_DEFINITIONS]:
        outer = [
            one
            for one in view.head.outline
            if one is not definition
            and one.start_line <= definition.start_line
            and one.end_line >= definition.end_line
        ]
        heads = {
            line
            for one in outer[-_MOST_OUTER:]
            for line in range(one.line, min(one.body_line, one.line + 5) + 1)
        }
        for rows in _rows(definition):
            lines = (heads | set(rows)) - shown
            piece = Piece(
                path=view.path,
                start_line=definition.line,
                title=f"{title_of(view.path, definition)} is around the change",
                text=excerpt(view.head, lines, min((rows.start, *heads))),
                why="around",
            )
            if not piece.text:
                break
            if piece.tokens <= max_tokens:
                shown |= lines
                yield piece
                break


def _rows(definition: Definition) -> tuple[range, ...]:
    """Give the lines of a definition to show: all of a small one; else, or where these are too
    many tokens, its signature with a short comment above it.
    """
    whole = range(definition.start_line, definition.end_line + 1)
    above = definition.line - definition.start_line
    start = definition.start_line if above <= _SHORT_COMMENT else definition.line
    head = range(start, min(definition.body_line, definition.line + 11) + 1)
    return (whole, head) if len(whole) <= _SMALL_BODY else (head,)


def _imports(view: View) -> Iterator[Piece]:
    """Show the imports that the changed lines use."""
    head: Source = view.head
    names = words_of(head.text(line) for line in view.changed)
    lines = {
        line
        for one in imports_in_play(head.imports, names)[:_MOST_IMPORTS]
        for line in range(one.start_line, min(one.end_line, one.start_line + 5) + 1)
        if line not in view.visible
    }
    if text := excerpt(head, lines):
        first = min(lines)
        yield Piece(view.path, first, f"{view.path}:{first} imports in play", text, "import")
