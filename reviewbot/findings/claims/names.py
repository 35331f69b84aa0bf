"""A claim of a definition or a use, and the finding's file; out comes what refutes it, or None."""

import re
from pathlib import PurePosixPath

from reviewbot.context.syntax import Node
from reviewbot.findings.claims.claim import identifier
from reviewbot.findings.claims.imported import TEST, importers
from reviewbot.findings.claims.languages import (
    BUILTINS,
    GATES,
    IMPLICIT,
    LOOSE,
    ORDERED,
    STATEMENTS,
)
from reviewbot.findings.claims.lookup import Scene
from reviewbot.findings.claims.roles import CLASSES, FUNCTIONS
from reviewbot.findings.claims.uses import Use, blocks, is_class, scope, within

_GO_SYSTEM = re.compile(r"_(?:test|linux|windows|darwin|unix|freebsd|js|wasm|\w*arm\w*|amd64)\.go$")


def refute_unimported(scene: Scene, code: str) -> str | None:
    """Refute that an import is missing: every place of the file that needs a name, knows it."""
    return _known_to_all(scene, code, whole=True)


def refute_undefined(scene: Scene, code: str) -> str | None:
    """Refute that a name is defined nowhere: every place at hand that needs it, knows it."""
    return _known_to_all(scene, code, whole=False)


def _known_to_all(scene: Scene, code: str, *, whole: bool) -> str | None:
    name = identifier(code)
    if name is None or scene.root is None:
        return None
    found = scene.uses(name)
    needs = _needs(scene, name, found, whole=whole)
    if not needs or any(_parent(use).kind() == "delete_statement" for use in found):
        return None
    if not any(use.role in ("bind", "import", "write") for use in found):
        if name in BUILTINS.get(scene.language, ()):
            return f"`{name}` is part of the language"
        return _defined_beside(scene, name)
    owned = [(scope(use), use) for use in found if use.role in ("bind", "import", "write")]
    homes = [_home(use, owned, scene.language) for use in needs]
    sure = [home for home in homes if home is not None]
    return f"`{name}` is defined on line {sure[0].line}" if len(sure) == len(homes) else None


def _needs(scene: Scene, name: str, found: tuple[Use, ...], *, whole: bool) -> list[Use]:
    """Give the places that need a definition: on the finding's lines, else near them or in all
    of the file; none where its lines hold the name for something else.
    """
    roles = ("read", "other") if scene.language in LOOSE else ("read",)
    needs = [use for use in found if use.role in roles]
    if here := [use for use in needs if scene.at(use.line)]:
        return here
    brought = any(use.role == "import" and scene.at(use.line) for use in found)
    if scene.holds(name) and not brought:
        return []
    return [use for use in needs if whole or brought or scene.near(use.line)]


def _parent(use: Use) -> Node:
    return use.node.parent() or use.node


def _home(read: Use, owned: list[tuple[Node, Use]], language: str) -> Use | None:
    """Give a binding that is sure to be known at a place, None where there is none."""
    kinds = ("bind", "import", "write") if language == "python" else ("bind", "import")
    around = []
    for owner, use in owned:
        inside = owner.parent() is None or within(read.node, owner)
        hidden = is_class(owner) and language not in IMPLICIT
        if use.role in kinds and inside and not hidden:
            around.append((owner, use))
    if not around:
        return None
    inner = min(around, key=lambda one: _length(one[0]))[0]
    return next(
        (use for owner, use in around if owner == inner and _known(use, read, owner, language)),
        None,
    )


def _length(node: Node) -> int:
    return node.range().end.index - node.range().start.index


def _known(use: Use, read: Use, owner: Node, language: str) -> bool:
    """Whether a binding is made on every way to a place: not in a branch, and not later."""
    if use.role == "write" or _hidden(use, read, language):
        return False
    block = next((one for one in blocks(use.node) if one != _own(use)), None)
    if block is not None and block != owner and not within(read.node, block):
        return False
    if any(one.kind() in STATEMENTS and within(read.node, one) for one in use.node.ancestors()):
        return False
    if "parameter" in _parent(use).kind() or _parent(use).kind() == "arrow_function":
        return True
    later = any(one.kind() in FUNCTIONS for one in read.node.ancestors())
    whole = owner.parent() is None or is_class(owner)
    return use.line < read.line or (whole and later and language not in ORDERED)


def _hidden(use: Use, read: Use, language: str) -> bool:
    """Whether a name is not seen from a place, though that lies in its scope."""
    made = _parent(use).kind()
    if made in ("interface_declaration", "type_alias_declaration"):
        return read.node.kind() != "type_identifier"
    gates = [one for one in read.node.ancestors() if one.kind() in GATES.get(language, ())]
    if language == "rust" and (use.role == "import" or made.endswith("_item")):
        gates = [one for one in gates if one.kind() == "mod_item"]
    if language == "ruby" and made in ("method", "class", "module"):
        return False
    return any(not within(use.node, gate) for gate in gates)


def _own(use: Use) -> Node | None:
    """Give the function or class that a binding names."""
    for node in use.node.ancestors():
        if node.kind() in FUNCTIONS | CLASSES:
            return node if scope(use) != node else None
    return None


def _defined_beside(scene: Scene, name: str) -> str | None:
    """Look in the other files of a package, whose names need no import."""
    forms = {
        "go": rf"^(?:func|type|var|const)\s+{re.escape(name)}\b",
        "java": rf"\b(?:class|interface|enum|record)\s+{re.escape(name)}\b",
        "kotlin": rf"^\s*(?:\w+\s+)*(?:class|interface|object|fun)\s+{re.escape(name)}\b",
    }
    if scene.language not in forms:
        return None
    here = PurePosixPath(scene.finding.path)
    for path, line, text in scene.lookup.places(name):
        other = PurePosixPath(path)
        if other.parent != here.parent or other.suffix != here.suffix or other == here:
            continue
        if re.search(forms[scene.language], text) and not _GO_SYSTEM.search(path):
            return f"`{name}` is defined in {path}:{line}"
    return None


def refute_unused(scene: Scene, code: str, place: str | None) -> str | None:
    """Refute that what the finding stands on is used nowhere: it is read where it is known."""
    name = None if re.search(r"\(.", code) and not code.endswith("()") else identifier(code)
    found = scene.uses(name) if name else ()
    bound = _binding(scene, found)
    if bound is None or name is None:
        return None
    owner = scope(bound)
    if place and not any(_named(node, place) for node in bound.node.ancestors()):
        return None
    if any(
        use is not bound and use.role in ("bind", "import") and within(use.node, owner)
        for use in found
    ):
        return None
    own = _own(bound)
    for use in found:
        if not within(use.node, owner) or (own is not None and within(use.node, own)):
            continue
        if _reads(use, owner, scene.language) and _after(bound, use, owner):
            return f"`{name}` is used on line {use.line}"
    return _imported_elsewhere(scene, name, owner)


def _binding(scene: Scene, found: tuple[Use, ...]) -> Use | None:
    """Give the one binding that the finding stands on, or the only one near it."""
    bound = [use for use in found if use.role in ("bind", "import")]
    here = [use for use in bound if scene.at(use.line)]
    here = here or [use for use in bound if scene.near(use.line)]
    return here[0] if len(here) == 1 else None


def _named(node: Node, place: str) -> bool:
    name = node.field("name")
    return (
        name is not None and node.kind() in FUNCTIONS | CLASSES and name.text() == identifier(place)
    )


def _reads(use: Use, owner: Node, language: str) -> bool:
    if not is_class(owner) or language in IMPLICIT:
        return use.role == "read"
    parent = _parent(use)
    subject = parent.field("object") or parent.field("value")
    over = parent.parent()
    assigned = over is not None and over.field("left") == parent
    return (
        use.role == "member"
        and subject is not None
        and not assigned
        and subject.text() in ("self", "this")
    )


def _after(bound: Use, use: Use, owner: Node) -> bool:
    if any(one.kind() in STATEMENTS and within(use.node, one) for one in bound.node.ancestors()):
        return False
    return use.start > bound.start or owner.kind() not in FUNCTIONS


def _imported_elsewhere(scene: Scene, name: str, owner: Node) -> str | None:
    """Find another file that imports a name from this one."""
    if owner.parent() is not None:
        return None
    for path, line in importers(scene, name):
        return f"`{name}` is used by {path}:{line}"
    return None


def refute_duplicate(scene: Scene, code: str) -> str | None:
    """Refute that a name is there twice: the file holds it once, and so does the repository."""
    name = identifier(code)
    if name is None:
        return None
    count = len(re.findall(rf"(?<![\w$]){re.escape(name)}(?![\w$])", scene.text))
    found = scene.uses(name)
    bound = [use for use in found if use.role in ("bind", "import")]
    unclear = any(use.role in ("other", "member", "write") for use in found)
    if len(bound) != 1 or (unclear and count != 1):
        return None
    if scene.language in ORDERED or is_class(scope(bound[0])) or "import *" in scene.text:
        return None  # a header, a base class or a module may define it too
    if bound[0].role == "import":
        return f"`{name}` is imported once, on line {bound[0].line}"
    if not scene.lookup.searched or any(
        path != scene.finding.path for path, _, _ in scene.lookup.places(name)
    ):
        return None
    return f"`{name}` is defined once, on line {bound[0].line}"


def refute_uncalled(scene: Scene, code: str) -> str | None:
    """Refute that the function the finding stands on is called nowhere."""
    name = identifier(code)
    found = scene.uses(name) if name else ()
    bound = _binding(scene, found)
    if name is None or bound is None or TEST.search(scene.finding.path):
        return None
    owner, own = scope(bound), _own(bound)
    if own is None or own.kind() not in FUNCTIONS:
        return None
    if sum(use.role in ("bind", "import") for use in found) != 1:
        return None
    for use in found:
        called = any(_parent(use).field(one) == use.node for one in ("function", "method"))
        if called and use.role == "read" and within(use.node, owner) and not within(use.node, own):
            return f"`{name}` is called on line {use.line}"
    for path, _ in importers(scene, name) if owner.parent() is None else ():
        for other, line, text in scene.lookup.places(name):
            if other == path and re.search(rf"(?<![.\w]){re.escape(name)}\(", text):
                return f"`{name}` is called by {path}:{line}"
    return None
