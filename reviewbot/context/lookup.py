"""The names that a change calls, uses and overrides come in; out come Pieces that define them."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from reviewbot.context.definitions import Definition, enclosing
from reviewbot.context.kinds import ANONYMOUS
from reviewbot.context.piece import Piece, summary, title_of
from reviewbot.context.repository import Place
from reviewbot.context.sources import Source, Sources, related
from reviewbot.context.symbols import bases_of, words_of
from reviewbot.context.view import View

MOST_NAMES = 30
MOST_MEANINGS = 5
"""A name with more definitions than this says nothing."""
_MOST_SHOWN = 3  # definitions of one name
_MOST_FILES = 8  # that are parsed for one name
_DEFINES = (
    r"\b(?:def|func|fun|fn|function|class|struct|enum|trait|interface|protocol|record|type|module"
    r"|object|macro_rules!|typedef|union|extension|define|const|let|var|val)\b"
    r"(?:\s*\([^)]*\)\s*|[^=(]*)(?<![\w$]){name}(?![\w$])"
    r"|^\s*(?!return\b)(?:[^\s=()]+\s+)+[*&]*(?:\w+::)?{name}\s*\([^;]*$"  # as C and Java do
    r"|^\s*{name}\s*\(.*\{{\s*$"
)
"""How a line looks that may define a name."""


class Wanted(NamedTuple):
    """A name to look up: `owner` is who it is asked of; `overrider` is what overrides it."""

    name: str
    why: str
    owner: str
    overrider: str


class Meaning(NamedTuple):
    """A definition in its file."""

    source: Source
    definition: Definition


def wanted_names(view: View) -> list[str]:
    """Give every name that is to be looked up for a chunk, in the order of their use."""
    changed = [one.name for one in (*view.resigned, *view.removed)]
    return list(dict.fromkeys([*changed, *(one.name for one in wanted(view))]))


def wanted(view: View) -> list[Wanted]:
    """Give what the changed lines override, then call, then mention as a type."""
    found: dict[str, Wanted] = {}
    for definition in view.touched:
        for base in _overridden(view, definition):
            # one name may be looked up once, and an override says more than a call
            entry = Wanted(definition.name, "overridden", base, definition.title)
            found.setdefault(definition.name, entry)
    lines = set(view.changed)
    uses = [use for use in view.head.uses if use.line in lines and len(use.name) > 1]
    for role in ("call", "base", "type"):
        for use in uses:
            if use.role == role:
                owner = use.owner
                if owner in ("self", "this", "cls", "Self", "static"):
                    around = enclosing(view.head.outline, use.line)
                    owner = around.owner if around else ""
                found.setdefault(use.name, Wanted(use.name, "called", owner, ""))
    return list(found.values())[:MOST_NAMES]


def _overridden(view: View, definition: Definition) -> frozenset[str]:
    """Give the bases of a method's class, where the change touches the method's signature."""
    head = range(definition.line, definition.body_line + 1)
    if not definition.owner or definition.name.startswith("__"):
        return frozenset()
    if not any(line in head for line in view.changed):
        return frozenset()
    for outer in reversed(view.head.outline):
        if outer.name == definition.owner and outer.holds(definition.line):
            return bases_of(outer, view.head.uses)
    return frozenset()


def callees(view: View, sources: Sources) -> Iterator[Piece]:
    """Show the definitions of what the changed lines override and call."""
    shown: set[tuple[str, int]] = set()
    for want in wanted(view):
        meanings = _chosen(want, _imported(want, meanings_of(want.name, view, sources), view))
        for source, definition in meanings[:_MOST_SHOWN]:
            place = source.path, definition.line
            if place in shown or _seen(view, source, definition):
                continue
            shown.add(place)
            title = title_of(source.path, definition)
            if want.why == "overridden":
                title += f" is overridden by `{want.overrider}`"
                yield Piece(*place, title, summary(source, definition), "overridden")
            else:
                yield Piece(*place, f"{title} is used here", summary(source, definition), "called")


def _chosen(want: Wanted, meanings: list[Meaning]) -> list[Meaning]:
    """Keep what is meant: of an owner that is known, its own; of too many, none."""
    if want.why == "overridden":
        return [one for one in meanings if one.definition.owner == want.owner][:1]
    if want.owner and any(one.definition.owner == want.owner for one in meanings):
        meanings = [one for one in meanings if one.definition.owner == want.owner]
    return meanings if len(meanings) <= MOST_MEANINGS else []


def _imported(want: Wanted, meanings: list[Meaning], view: View) -> list[Meaning]:
    """Of several meanings of a name that the file imports keep those from where it says.

    That is known by the name of the file or of its folder.
    """
    said = words_of(one.text for one in view.head.imports if want.name in one.names)
    if len(meanings) < 2 or not said or want.owner:
        return meanings
    return [one for one in meanings if said.intersection(_module(one.source.path))]


def _module(path: str) -> tuple[str, str]:
    place = PurePosixPath(path)
    return place.stem, place.parent.name


def _seen(view: View, source: Source, definition: Definition) -> bool:
    """Whether the chunk shows a definition, or stands in it."""
    if source.path != view.path:
        return False
    lines = range(definition.line, definition.body_line + 1)
    return definition in view.touched or all(line in view.visible for line in lines)


def meanings_of(name: str, view: View, sources: Sources) -> list[Meaning]:
    """Give the definitions of a name, the nearest first: same file, same folder, others."""
    found = _in_file(view.head, name)
    for path in _paths(name, view.path, sources)[:_MOST_FILES]:
        source = sources.head(path)
        if source is not None:
            found += _in_file(source, name)
    return found


def _in_file(source: Source, name: str) -> list[Meaning]:
    found = [one for one in source.outline if one.name == name != ANONYMOUS]
    # an impl or an extension stands beside the type itself
    types = [one for one in found if one.kind != "impl"]
    return [Meaning(source, one) for one in types or found]


def _paths(name: str, near: str, sources: Sources) -> list[str]:
    """Give the other files that may define a name, those that look most like it first."""
    looks = re.compile(_DEFINES.format(name=re.escape(name)))
    best: dict[str, tuple[bool, bool, int, str]] = {}
    for place in sources.find([name])[name]:
        if place.path == near or not related(near, place.path):
            continue
        rank = _rank(place, near, looks)
        best[place.path] = min(best.get(place.path, rank), rank)
    return sorted(best, key=lambda path: best[path])


def _rank(place: Place, near: str, looks: re.Pattern[str]) -> tuple[bool, bool, int, str]:
    folder, other = PurePosixPath(near).parent, PurePosixPath(place.path).parent
    together = sum(1 for a, b in zip(folder.parts, other.parts, strict=False) if a == b)
    return not looks.search(place.text[:300]), folder != other, -together, place.path
