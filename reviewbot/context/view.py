"""A Chunk comes in; out comes what it shows of its file, and which definitions it touches."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from reviewbot.context.definitions import Definition, enclosing
from reviewbot.context.kinds import ANONYMOUS
from reviewbot.context.sources import Source, Sources
from reviewbot.context.symbols import removed, signature_changed
from reviewbot.diff.chunk import Chunk

_MOST_ANCHORS = 400  # changed lines of a chunk that are looked at
_MOST_CHANGED = 10  # definitions whose callers are looked for


@dataclass(frozen=True)
class View:
    """What a chunk shows of its file. Lines are 1-based, at head but for `gone`.

    `visible` are the lines that the chunk prints, `changed` the added ones, `anchors` these and
    the places of removed ones, `gone` the removed ones at base.
    """

    path: str
    head: Source
    base: Source | None
    visible: frozenset[int]
    changed: tuple[int, ...]
    anchors: tuple[int, ...]
    gone: frozenset[int]

    @cached_property
    def touched(self) -> tuple[Definition, ...]:
        """The definitions that its changed lines stand in, in their order."""
        found = (enclosing(self.head.outline, line) for line in self.anchors)
        return tuple(dict.fromkeys(one for one in found if one is not None))

    @cached_property
    def resigned(self) -> tuple[Definition, ...]:
        """The definitions at head whose signature it changes, the first few."""
        base = self.base
        if base is None:
            return ()
        found = (
            one
            for one in self.head.outline
            if one.name != ANONYMOUS
            and any(one.line <= line <= one.body_line for line in self.anchors)
            and signature_changed(one, base.outline)
        )
        return tuple(islice(found, _MOST_CHANGED))

    @cached_property
    def removed(self) -> tuple[Definition, ...]:
        """The definitions at base that it takes away, the first few."""
        if self.base is None:
            return ()
        found = (
            one
            for one in removed(self.base.outline, self.head.outline)
            if one.name != ANONYMOUS and one.line in self.gone
        )
        return tuple(islice(found, _MOST_CHANGED))


def view_of(chunk: Chunk, sources: Sources) -> View | None:
    """Compare a chunk with its file; None where the file has no syntax tree."""
    base = sources.base(chunk.path)
    head = sources.head(chunk.path)
    if head is None and base is not None:
        head = Source(chunk.path, base.language, (), (), (), ())  # deleted
    if head is None:
        return None
    lines = [line for hunk in chunk.hunks for line in hunk.lines()]
    changed = [line for line in lines if line.changed][:_MOST_ANCHORS]
    return View(
        path=chunk.path,
        head=head,
        base=base,
        visible=frozenset(line.new for line in lines if line.sign != "-"),
        changed=tuple(line.new for line in changed if line.sign == "+"),
        anchors=tuple(dict.fromkeys(line.new for line in changed)),
        gone=frozenset(line.old for line in changed if line.sign == "-"),
    )
