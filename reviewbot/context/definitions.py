"""The nodes of a file come in; out come its definitions, and the one that a line stands in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reviewbot.context.doc import first_line
from reviewbot.context.kinds import ANONYMOUS, Grammar
from reviewbot.context.names import NEED_BODY, lent_names, name_of, property_name
from reviewbot.context.syntax import Spot, locate

_MOST_SIGNATURE = 600  # characters of a signature, and 12 lines
_BODY_KINDS = frozenset(("function_body", "class_body", "enum_class_body", "statements"))
"""Bodies in the grammar of Kotlin, which names no field."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Something with a name that lines stand in. Line numbers are 1-based, ends included.

    `start_line` is that of its doc comment or first attribute, `line` where it begins without
    its comments, `body_line` where its body does. `owner` is the name of what it belongs to:
    the class, Go's receiver, what stands before C++'s `::`; empty where there is none. `doc`
    is the first line of its documentation.
    """

    kind: str
    name: str
    owner: str
    start_line: int
    line: int
    body_line: int
    end_line: int
    signature: str
    doc: str

    @property
    def title(self) -> str:
        """Its name behind that of its owner."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    def holds(self, line: int) -> bool:
        """Whether a line of the file is one of its lines."""
        return self.start_line <= line <= self.end_line


Outline = tuple[Definition, ...]
"""The definitions of a file, the outer before the inner."""


def enclosing(outline: Outline, line: int) -> Definition | None:
    """Give the innermost definition with a name that a line stands in.

    Where only functions without a name hold the line it is the innermost of these.
    """
    named = unnamed = None
    for definition in outline:
        if definition.start_line > line and definition.line > line:
            continue
        if not definition.holds(line):
            continue
        if definition.name == ANONYMOUS:
            unnamed = definition
        else:
            named = definition
    return named or unnamed


def outline_of(spots: Sequence[Spot], text: str, grammar: Grammar) -> Outline:
    """Find the definitions among the nodes of a file. `text` is what was parsed."""
    wraps = _wraps(spots, grammar)
    lent = lent_names(spots, text, grammar)
    leads = _leads(spots, text, grammar)
    held: list[tuple[Spot, str]] = []  # named definitions around the node at hand
    accessed: Spot | None = None  # Kotlin's property before its accessors
    found: list[Definition] = []
    for spot in spots:
        while held and not held[-1][0].holds(spot):
            held.pop()
        if spot.kind == "property_declaration":
            accessed = spot
        if not _defines(spot, grammar):
            continue
        name, outer = lent.get(spot.key, ("", spot))
        owner = ""
        if spot.kind in ("getter", "setter") and accessed is not None:
            name, outer = property_name(accessed), accessed
        elif not name and spot.kind not in grammar.anonymous:
            name, owner = name_of(spot, grammar)
        while (around := wraps.get(outer.key)) is not None:
            outer = around
        name = name or ANONYMOUS
        owner = owner or (held[-1][1] if held else "")
        start, comments = _lead(outer, leads)
        found.append(_definition(spot, outer, (name, owner), (start, comments), (text, grammar)))
        if name != ANONYMOUS:
            held.append((spot, name))
    return tuple(found)


def _definition(
    spot: Spot,
    outer: Spot,
    names: tuple[str, str],
    lead: tuple[int, list[str]],
    source: tuple[str, Grammar],
) -> Definition:
    text, grammar = source
    start, body, line = outer.start, _body(spot), outer.line
    if names[0] == ANONYMOUS:
        start = text.rfind("\n", 0, start) + 1
    word = grammar.defines.get(spot.kind) or ("class" if spot.kind == "class" else "function")
    stop = body.start if body else spot.end
    if stop - start > _MOST_SIGNATURE and spot.start < stop:
        start = spot.start  # decorators may be longer than all else
    signature = _signature(text[start : min(stop, start + 2 * _MOST_SIGNATURE)])
    if body is None and word not in ("function", "method", "constructor", "property"):
        signature = signature.partition("\n")[0].rstrip(" {=")
    return Definition(
        kind=word,
        name=names[0],
        owner=names[1],
        start_line=lead[0],
        line=line,
        body_line=body.line if body else spot.end_line,
        end_line=max(outer.end_line, spot.end_line),
        signature=signature,
        doc=_docstring(body) or first_line(lead[1]),
    )


def _defines(spot: Spot, grammar: Grammar) -> bool:
    if spot.kind in NEED_BODY and spot.node.field("body") is None:
        return False
    return spot.kind in grammar.defines or spot.kind in grammar.anonymous


def _wraps(spots: Sequence[Spot], grammar: Grammar) -> dict[tuple[int, int, str], Spot]:
    """Give the node around each one that wraps it and nothing else."""
    inner = {*grammar.defines, *grammar.named_by, *grammar.anonymous, *grammar.wraps}
    wraps: dict[tuple[int, int, str], Spot] = {}
    for spot in spots:
        if spot.kind in grammar.wraps:
            within = [child for child in spot.node.children() if child.kind() in inner]
            if len(within) == 1:
                wraps[locate(within[0]).key] = spot
    return wraps


def _body(spot: Spot) -> Spot | None:
    node = spot.node
    if spot.kind in ("computed_property", "willset_didset_block"):
        return spot
    for field in ("body", "accessors", "value"):
        if (body := node.field(field)) is not None:
            return locate(body)
    if node.field("name") is None:
        for child in node.children()[:64]:
            if child.kind() in _BODY_KINDS:
                return locate(child)
    return None


def _signature(text: str) -> str:
    lines = [line.rstrip() for line in text.strip().split("\n")]
    shown = "\n".join(line for line in lines if line)[:_MOST_SIGNATURE].split("\n")[:12]
    return "\n".join(shown).removesuffix("{").rstrip()


def _leads(spots: Sequence[Spot], text: str, grammar: Grammar) -> dict[int, Spot]:
    """Give comments and attributes that stand alone on their lines, by the last of these."""
    leads: dict[int, Spot] = {}
    for spot in spots:
        if spot.kind in grammar.leads:
            before = text[text.rfind("\n", 0, spot.start) + 1 : spot.start]
            after = text[spot.end : spot.end + 100].partition("\n")[0]
            if not before.strip() and (text[spot.end - 1] == "\n" or not after.strip()):
                leads.setdefault(spot.end_line, spot)
    return leads


def _lead(outer: Spot, leads: Mapping[int, Spot]) -> tuple[int, list[str]]:
    """Go up over the comments and attributes of a definition: its first line, and the texts."""
    line = outer.line
    comments: list[str] = []
    while (spot := leads.get(line - 1)) is not None:
        if "comment" in spot.kind:
            if spot.column != outer.column:
                break
            comments.append(spot.node.text())
        line = spot.line
    return line, comments[::-1]


def _docstring(body: Spot | None) -> str:
    first = body.node.child(0) if body and body.kind == "block" else None
    if first is not None and first.kind() == "expression_statement":
        first = first.child(0)
    return first_line([first.text()]) if first is not None and first.kind() == "string" else ""
