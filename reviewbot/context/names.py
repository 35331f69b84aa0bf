"""A node that defines comes in; out comes its name, or the one that it is lent."""

import re
from collections.abc import Mapping, Sequence

from reviewbot.context.kinds import Grammar
from reviewbot.context.syntax import Node, Spot, locate

_MOST_NAME = 100  # characters
_NAME_KINDS = frozenset(("simple_identifier", "type_identifier", "identifier"))
NEED_BODY = frozenset(("struct_specifier", "union_specifier", "enum_specifier", "class_specifier"))
"""In C these name a type where they have no body."""
_INLINE = re.compile(
    r"(?:\w+\.)?(?:memo|forwardRef|lazy|cache|debounce|throttle|async\w*|catchAsync|fn"
    r"|(?:use|with|create|define|make|wrap)[A-Z]\w*)"
)
"""Calls that give back the function that they are given, more or less."""
_RECEIVER = re.compile(r"([\w.]+)\s*(?:\[[^\]]*\])?\s*\)$")

Key = tuple[int, int, str]


def lent_names(
    spots: Sequence[Spot], text: str, grammar: Grammar
) -> Mapping[Key, tuple[str, Spot]]:
    """Give the functions that are named by what they are assigned to, and that node."""
    lent: dict[Key, tuple[str, Spot]] = {}
    functions = grammar.anonymous | NEED_BODY
    for spot in spots:
        fields = grammar.named_by.get(spot.kind)
        if fields is None:
            continue
        value = _value(spot.node, fields[1], functions)
        named = spot.node.field(fields[0])
        if value is None or named is None:
            continue
        place = locate(named)
        name = text[place.start : place.end][-_MOST_NAME:]
        name = re.split(r"[.:>]", name)[-1].strip(" $*'\"\t\n")
        lent[locate(value).key] = name, spot
    return lent


def _value(node: Node, field: str, functions: frozenset[str]) -> Node | None:
    """Look through brackets and wrapping calls for the function that a node is given."""
    value = node.field(field)
    if value is None and node.kind() == "property_declaration":
        value = next((c for c in node.children() if c.kind() == "willset_didset_block"), None)
    for _ in range(6):
        if value is None or value.kind() in functions:
            return value
        kind = value.kind()
        if kind in ("parenthesized_expression", "arguments"):
            value = value.child(1)
        elif kind in ("expression_list", "as_expression", "satisfies_expression"):
            value = value.child(0)
        elif kind == "call_expression":
            called = value.field("function")
            inline = called is not None and _INLINE.fullmatch(called.text()[:_MOST_NAME])
            value = value.field("arguments") if inline else None
        else:
            return None
    return None


def name_of(spot: Spot, grammar: Grammar) -> tuple[str, str]:
    """Give the name of a definition, and its owner where the node itself says it."""
    node = spot.node
    if spot.kind == "impl_item":
        return _bare(node.field("type")), ""
    if spot.kind == "function_definition" and node.field("declarator") is not None:
        return _declared(node)
    owner = ""
    receiver = node.field("receiver")
    if receiver is not None and (found := _RECEIVER.search(receiver.text()[-_MOST_NAME:])):
        owner = found[1].rpartition(".")[2]
    fixed = grammar.fixed.get(spot.kind, "")
    if fixed and spot.kind != "companion_object":
        return fixed, owner
    named = node.field("name")
    for child in () if named else node.children()[:64]:
        if child.kind() in _NAME_KINDS:
            named = child
            break
        if child.kind() == "receiver_type":
            owner = _bare(child)
    if named is None:
        return fixed, owner
    if spot.kind == "class_declaration" and named.kind() == "user_type":
        return _bare(named), owner
    return named.text()[:_MOST_NAME].strip("'\""), owner


def _bare(node: Node | None) -> str:
    """Give the last name of a type, without what it is generic over."""
    text = node.text()[:_MOST_NAME] if node else ""
    words = re.findall(r"\w+", text.partition("<")[0])
    return words[-1] if words else ""


def _declared(node: Node) -> tuple[str, str]:
    """Go down a declarator of C to the name, which C++ may qualify with its class."""
    below: Node | None = node
    for _ in range(16):
        if below is None:
            return "", ""
        if below.kind() == "operator_cast":
            break
        inner = below.field("declarator")
        if inner is None and below.kind() in ("reference_declarator", "parenthesized_declarator"):
            inner = next((c for c in below.children() if c.is_named()), None)
        if inner is None:
            break
        below = inner
    text = below.text()[: 2 * _MOST_NAME] if below else ""
    *path, name = re.sub(r"<[^<>]*>(?=::|$)", "", text.partition("(")[0]).split("::")
    return name.strip()[:_MOST_NAME], path[-1].strip() if path else ""


def property_name(spot: Spot) -> str:
    """Give the name of Kotlin's property."""
    for child in spot.node.children()[:16]:
        if child.kind() == "variable_declaration":
            return re.split(r"\W", child.text()[:_MOST_NAME])[0]
    return ""
