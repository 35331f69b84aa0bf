"""A file's syntax tree and a name come in; out comes what each place does with that name."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from reviewbot.context.syntax import Node
from reviewbot.findings.claims.roles import (
    ASSIGNS,
    BINDS,
    BLOCKS,
    CLASSES,
    FREE,
    FUNCTIONS,
    IMPORTS,
    MEMBERS,
    READS,
    WRAPS,
)

Role = Literal["bind", "import", "write", "read", "member", "other"]
"""Only what the tables know: "other" is a place of which nothing is claimed, and "member" is a
name behind a dot, a key or a keyword, which is not the variable of that name."""

MOST_USES = 300
"""Places of a name in one file; of a name with more, nothing is claimed."""

_NAMES = ("identifier", "constant", "name", "identifier_pattern")
_GO_IMPORT = r'^"(?:[^"]*/)?{0}"$'


class Use(NamedTuple):
    """One place of a name: 1-based line, offsets in characters, and the innermost scope."""

    role: Role
    line: int
    start: int
    node: Node


def uses(root: Node, name: str) -> tuple[Use, ...]:
    """Give every place of a name that is code, in the order of the text; none of too many."""
    word = name.removeprefix("$")
    if not re.fullmatch(r"\w+", word):
        return ()
    nodes = root.find_all({"rule": {"regex": rf"^{word}$"}})
    leaves = [node for node in nodes if node.is_named_leaf() and node.kind().endswith(_NAMES)]
    if len(leaves) > MOST_USES:
        return ()
    found = [_use(node) for node in leaves]
    found += [
        _use(node, "import")
        for node in root.find_all({"rule": {"regex": _GO_IMPORT.format(word)}})
        if node.kind() == "import_spec"
    ]
    return tuple(sorted(found, key=lambda use: use.start))


def _use(node: Node, role: Role | None = None) -> Use:
    place = node.range()
    return Use(role or _role(node), place.start.line + 1, place.start.index, node)


def _role(node: Node) -> Role:
    if node.kind() in ("shorthand_property_identifier", "shorthand_field_identifier"):
        return "read"
    if any(above.kind() in IMPORTS for above in node.ancestors()):
        return "import" if _brings(node) else "other"
    child, parent = node, node.parent()
    while parent is not None and parent.kind() in WRAPS:
        if parent.kind() == "pair_pattern" and _in(parent, "key", child):
            return "member"
        if "assignment_pattern" in parent.kind() and _in(parent, "right", child):
            return "read"
        child, parent = parent, parent.parent()
    return "other" if parent is None else _assigned(child, parent) or _listed(child, parent)


def _assigned(child: Node, parent: Node) -> Role | None:
    if parent.kind() not in ASSIGNS:
        return None
    if not _in(parent, "left", child):
        return "read"
    return "bind" if child.kind() == "variable_name" else "write"  # PHP declares so


def _listed(child: Node, parent: Node) -> Role:
    """Look a node up in the tables, by what stands around it."""
    kind = parent.kind()
    if kind == "literal_element" and _keys(parent):
        return "member"
    if kind in FREE and _in(parent, FREE[kind][0], child):
        return "member" if parent.field(FREE[kind][1]) else "read"
    tables: tuple[tuple[Role, dict[str, str]], ...] = (
        ("member", MEMBERS), ("bind", BINDS), ("read", READS),
    )  # fmt: skip
    for role, table in tables:
        if kind in table and _fits(parent, table[kind], child):
            return role
    return "other"


def _keys(element: Node) -> bool:
    """Whether a part of Go's `T{a: b}` stands before the colon."""
    pair = element.parent()
    return pair is not None and pair.kind() == "keyed_element" and pair.child(0) == element


def _fits(parent: Node, fields: str, child: Node) -> bool:
    if fields:
        return any(_in(parent, field, child) for field in fields.split())
    return child.kind() == "simple_identifier" or parent.kind() != "variable_declaration"


def _in(parent: Node, field: str, child: Node) -> bool:
    return any(one == child for one in parent.field_children(field))


def _brings(node: Node) -> bool:
    """Whether a word of an import statement is a name that it makes known.

    That of a path is its last part, and of `a as b` it is b; types alone are not there at run
    time, and in Python `import a.b` makes a known.
    """
    parent = node.parent()
    if parent is None:
        return False
    statement = next(above for above in node.ancestors() if above.kind() in IMPORTS)
    if re.match(r"(?:import|export)\s+type(?:of)?\s", statement.text()):
        return False
    tail = statement.text()[node.range().end.index - statement.range().start.index :]
    if re.match(r"\s+as\s|\s*=", tail):
        return False
    if statement.kind() == "import_from_statement":
        return not any(
            above == module
            for above in node.ancestors()
            for module in statement.field_children("module_name")
        )
    if statement.kind() == "import_statement" and parent.kind() == "dotted_name":
        above = parent.parent()
        whole = above is None or above.kind() != "aliased_import"
        return whole and parent.named_children()[0] == node
    return not re.match(r"\s*(?:\.|::|\\)", tail)


def scope(use: Use) -> Node:
    """Give the function, class or file that a binding belongs to."""
    nodes = [use.node, *use.node.ancestors()]
    for node in nodes[1:]:
        if node.kind() in FUNCTIONS | CLASSES:
            names = [*node.field_children("name"), *_kotlin_name(node)]
            declared = [under for one in node.field_children("declarator") for under in _names(one)]
            if not any(one == use.node for one in [*names, *declared]):
                return node
    return nodes[-1]


def _kotlin_name(node: Node) -> list[Node]:
    """Give the name of a function or class whose grammar has no field for it."""
    found = [
        one
        for one in node.named_children()
        if one.kind() in ("simple_identifier", "type_identifier")
    ]
    return found[:1]


def _names(declarator: Node) -> Iterator[Node]:
    """Give the name within C's declarator of a function, through its pointers."""
    inner: Node | None = declarator
    while inner is not None:
        yield inner
        inner = inner.field("declarator")


def is_class(node: Node) -> bool:
    """Whether a scope is that of a class; the root of a Python file is called a module too."""
    return node.kind() in CLASSES and node.parent() is not None


def blocks(node: Node) -> list[Node]:
    """Give the blocks, functions and classes around a node, the innermost first."""
    around = BLOCKS | FUNCTIONS | CLASSES
    return [above for above in node.ancestors() if above.kind() in around]


def within(node: Node, outer: Node) -> bool:
    """Whether a node lies in another."""
    inner, around = node.range(), outer.range()
    return around.start.index <= inner.start.index and inner.end.index <= around.end.index
