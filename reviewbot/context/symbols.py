"""The nodes of a file come in; out come the names that its lines call, use, extend and import."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from reviewbot.context.definitions import Definition, Outline
from reviewbot.context.kinds import Grammar
from reviewbot.context.syntax import Node, Spot, locate

Role = Literal["call", "type", "base"]

_CALLEE_FIELDS = ("function", "constructor", "method", "name", "type", "macro")
_MOST_CALLEE = 120  # characters of it that are read, from its end
_MOST_TEXT = 400
_CALLEE = re.compile(
    r"(?:([\w$]+)\s*(?:\?\.|!\.|\.|::|->|\?->)\s*)?([\w$]+[?!]?)\s*(?:(?:::)?<[^()]*>|\[[^()\]]*\])?$"
)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_WORD = re.compile(r"[^\W\d][\w$]*")
_LEAF = re.compile(r"[A-Za-z_$][\w$]*(?!\w|\s*(?:\.(?!\s)|::|\\))")
_QUOTED = re.compile(r"[\"'`<]([^\"'`<>]*)[\"'`>]")
_REQUIRED = re.compile(
    r"^[ \t]*(?:const|let|var)\s+([^=\n]{1,300})=\s*(?:await\s+)?(?:require|import)\s*\(.*",
    re.MULTILINE,
)
_KEYWORDS = frozenset(
    ("import", "from", "as", "use", "static", "type", "using", "const", "crate", "self", "super",
     "pub", "function", "include", "default", "typeof", "global")
)  # fmt: skip
_IMPL = re.compile(r"\bimpl\b.*?([\w]+)\s*(?:<[^{]*>)?\s+for\s", re.DOTALL)


class Use(NamedTuple):
    """A name that a line uses; `owner` is the word before its dot, if it has one."""

    line: int
    name: str
    role: Role
    owner: str


@dataclass(frozen=True, slots=True)
class Import:
    """An import and the names that it brings; lines are 1-based."""

    start_line: int
    end_line: int
    text: str
    names: frozenset[str]


def uses_of(spots: Sequence[Spot], text: str, grammar: Grammar) -> tuple[Use, ...]:
    """Find the names that a file calls, mentions as types and extends, in its order."""
    return tuple(_uses(spots, text, grammar))


def _uses(spots: Sequence[Spot], text: str, grammar: Grammar) -> Iterator[Use]:
    for spot in spots:
        if spot.kind in grammar.calls:
            use = _call(spot, text)
            if use is not None:
                yield use
        elif spot.kind in grammar.bases:
            yield from _words(spot, text, "base")
        elif spot.kind in grammar.types:
            yield from _words(spot, text, "type")
        elif spot.kind == "class_definition":  # Python's bases are arguments like any other
            bases = spot.node.field("superclasses")
            if bases is not None:
                yield from _words(locate(bases), text, "base")


def _words(spot: Spot, text: str, role: Role) -> Iterator[Use]:
    for word in _WORD.findall(text[spot.start : min(spot.end, spot.start + _MOST_TEXT)]):
        yield Use(spot.line, word, role, "")


def _call(spot: Spot, text: str) -> Use | None:
    callee = _callee(spot.node)
    if callee is None:
        return None
    place = locate(callee)
    found = _CALLEE.search(text[max(place.start, place.end - _MOST_CALLEE) : place.end])
    if found is None or (spot.kind.startswith("jsx_") and found[2][:1].islower()):
        return None
    owner = found[1] or _receiver(spot, place, text)
    # of these marks only Ruby's belong to a name
    name = found[2] if callee.kind() == "identifier" else found[2].rstrip("?!")
    return Use(place.end_line, name, "call", owner)


def _callee(node: Node) -> Node | None:
    for field in _CALLEE_FIELDS:
        if (callee := node.field(field)) is not None:
            return callee
    for at in range(3):
        child = node.child(at)
        if child is None or child.is_named():
            return child
    return None


def _receiver(spot: Spot, name: Spot, text: str) -> str:
    """Give the word before the dot where the name is a node by itself, as in Java and PHP."""
    before = text[max(spot.start, name.start - _MOST_CALLEE) : name.start].rstrip()
    found = re.search(r"([\w$]+)\s*(?:\?\.|\.|::|->|\?->|&\.)$", before)
    return found[1].lstrip("$") if found else ""


def imports_of(spots: Sequence[Spot], text: str, grammar: Grammar) -> tuple[Import, ...]:
    """Find the imports of a file."""
    found = [
        Import(spot.line, spot.end_line, said, _imported(spot.kind, said))
        for spot in spots
        if spot.kind in grammar.imports
        for said in [text[spot.start : spot.end][: 10 * _MOST_TEXT]]
    ]
    if grammar.family == "js":
        line, at = 1, 0
        for required in _REQUIRED.finditer(text):
            line, at = line + text.count("\n", at, required.start()), required.start()
            names = frozenset(_NAME.findall(required[1]))
            found.append(Import(line, line, required[0].strip()[:_MOST_TEXT], names))
    return tuple(found)


def _imported(kind: str, said: str) -> frozenset[str]:
    """Give the names that an import brings into its file."""
    if kind in ("import_spec", "preproc_include"):
        alias = said.partition('"')[0].split()
        quoted = _QUOTED.search(said)
        parts = [part for part in (quoted[1] if quoted else "").split("/") if part]
        if len(parts) > 1 and re.fullmatch(r"v\d+", parts[-1]):
            parts.pop()
        last = re.sub(r"\.\w+$|^go-|-go$", "", parts[-1]) if parts else ""
        return frozenset(alias[:1] if kind == "import_spec" and alias else [last])
    bare = re.sub(r"[\"'][^\"']*[\"']", "", said)
    if kind == "import_from_statement":
        bare = bare.partition("import")[2]
    names = set(_LEAF.findall(bare))
    if kind == "import_statement":
        names |= set(re.findall(r"(?:import|,)\s+([\w$]+)", bare))
    return frozenset(names - _KEYWORDS)


def words_of(lines: Iterable[str]) -> frozenset[str]:
    """Give every word of some lines of code that may be a name."""
    return frozenset(word for line in lines for word in _NAME.findall(line[:2_000]))


def imports_in_play(imports: Iterable[Import], names: Collection[str]) -> tuple[Import, ...]:
    """Keep the imports that bring one of these names."""
    return tuple(one for one in imports if not one.names.isdisjoint(names))


def bases_of(definition: Definition, uses: Iterable[Use]) -> frozenset[str]:
    """Give what a class extends or implements, or the trait of an impl."""
    found = {
        use.name
        for use in uses
        if use.role == "base" and definition.line <= use.line <= definition.body_line
    }
    if definition.kind == "impl" and (trait := _IMPL.search(definition.signature)):
        found.add(trait[1])
    return frozenset(found)


def signature_changed(definition: Definition, base: Outline) -> bool:
    """Whether a definition stood in the base, and with another signature.

    Where several have its name, as overloads do, it is changed when none has its signature.
    """
    before = {
        _squeezed(one.signature)
        for one in base
        if one.title == definition.title and one.kind == definition.kind
    }
    return bool(before) and _squeezed(definition.signature) not in before


def removed(base: Outline, head: Outline) -> tuple[Definition, ...]:
    """Give the definitions of the base whose name is defined no more."""
    here = {definition.name for definition in head}
    return tuple(one for one in base if one.name not in here)


def _squeezed(signature: str) -> str:
    """Take out what is no part of a signature: white space, and a comma at the end."""
    return re.sub(r",(?=[)\]}])", "", re.sub(r"\s+", "", signature))
