"""A claim of something missing, and the finding's lines; out comes what stands there, or None."""

import re

from reviewbot.context.syntax import Node
from reviewbot.findings.claims.claim import identifier
from reviewbot.findings.claims.lookup import Scene
from reviewbot.findings.claims.roles import FUNCTIONS, words

_CALLS = frozenset(("call", "call_expression", "invocation_expression"))
_AWAITS = frozenset(("await", "await_expression"))
_THROUGH = words(
    "parenthesized_expression argument_list argument arguments list array spread_element list_splat"
    " expression_list"
)
_GATHERS = re.compile(
    r"(?:asyncio\.)?(?:gather|wait|wait_for|shield)|asyncio\.run"
    r"|Promise\.(?:all|allSettled|race|any)|Task\.(?:WhenAll|WhenAny)"
)
_TASKS = re.compile(r"(?:asyncio\.|loop\.|\w+\.)?(?:create_task|ensure_future)")
_KEEPS = words("assignment variable_declarator named_expression")
_OPENS = re.compile(
    r"(?:open|io\.open|gzip\.open|bz2\.open|zipfile\.ZipFile|tarfile\.open|closing"
    r"|contextlib\.closing|tempfile\.\w+|ThreadPoolExecutor|ProcessPoolExecutor"
    r"|requests\.Session|httpx\.(?:Async)?Client|aiohttp\.ClientSession)\("
)
"""Calls whose `with` closes what they open; that of a database connection may only commit."""
_EXIT = re.compile(r"\s*(?:return|raise|throw|continue|break|panic\(|die\(|exit\()")


def refute_unawaited(scene: Scene, code: str | None) -> str | None:
    """Refute that a call on the finding's lines is not awaited: each one of that name is."""
    if scene.root is None:
        return None
    calls = [
        node
        for node in scene.root.find_all(
            {"rule": {"any": [{"kind": kind} for kind in _kinds(scene)]}}
        )
        if scene.at(node.range().start.line + 1)
    ]
    if code is None:
        wanted = calls if len(calls) == 1 else []
    else:
        last = re.split(r"[.:]+", re.sub(r"\(.*", "", code.removeprefix("await ").strip()))[-1]
        wanted = [node for node in calls if _callee(node) == last]
    if wanted and all(_awaited(node) for node in wanted):
        return f"the call on line {wanted[0].range().start.line + 1} is awaited"
    return None


def _kinds(scene: Scene) -> list[str]:
    return {
        "python": ["call"], "ruby": ["call"], "csharp": ["invocation_expression"],
        "java": ["method_invocation"], "php": ["function_call_expression"],
    }.get(scene.language, ["call_expression"])  # fmt: skip


def _callee(node: Node) -> str:
    called = node.field("function")
    return re.split(r"[.:?]+", called.text())[-1] if called else ""


def _awaited(node: Node) -> bool:
    """Whether what a call gives is waited for: at once, by who calls, or together with others."""
    above = node.parent()
    while above is not None and above.kind() in _THROUGH:
        above = above.parent()
    if above is None:
        return False
    if above.kind() in _AWAITS:
        return above == node.parent() or not _is_argument(node, above)
    if above.kind() == "return_statement":
        return _hands_on(above)
    called = above.field("function") if above.kind() in _CALLS else None
    if called is None:
        return False
    if _GATHERS.fullmatch(called.text()):
        return called.text() == "asyncio.run" or _awaited(above)
    kept = above.parent()
    return bool(_TASKS.fullmatch(called.text())) and kept is not None and kept.kind() in _KEEPS


def _is_argument(node: Node, outer: Node) -> bool:
    inner = node.parent()
    while inner is not None and inner != outer:
        if inner.kind() in ("argument_list", "arguments"):
            return True
        inner = inner.parent()
    return False


def _hands_on(statement: Node) -> bool:
    """Whether what a statement returns is awaited by who calls: not so where a `try` around it is
    left first, nor in an async function of Python, which then gives one awaitable in another.
    """
    around = (one for one in statement.ancestors() if one.kind() in FUNCTIONS | {"try_statement"})
    inner = next(around, None)
    if inner is None or inner.kind() == "try_statement":
        return False
    return not (inner.kind() == "function_definition" and inner.text().startswith("async"))


def refute_unclosed(scene: Scene, code: str | None) -> str | None:
    """Refute that something stays open: it is opened by a statement that closes it."""
    lines = scene.lines()[scene.finding.start_line - 1 : scene.finding.line]
    name = identifier(code) if code else None
    if code is not None and name is None and not code.endswith(")"):
        return None
    if scene.language == "go":
        return _deferred(scene, name)
    if scene.language not in ("python", "java", "csharp"):
        return None
    opening = [line for line in lines if _opens(line, scene.language)]
    others = [line for line in lines if "open(" in line and not _opens(line, scene.language)]
    if name is None and len(lines) > 1:
        return None
    word = re.escape(name or "")
    bound = re.compile(rf"\bas {word}\b|\b{word} =|\bwith {word}\(")
    named = name is None or any(bound.search(line) for line in opening)
    if len(opening) == 1 and named and not others:
        at = scene.finding.start_line + lines.index(opening[0])
        return f"what line {at} opens is closed at the end of its block"
    return None


def _opens(line: str, language: str) -> bool:
    if language == "python":
        found = re.match(r"\s*(?:async )?with (.*)", line)
        return (
            found is not None
            and _OPENS.match(found[1]) is not None
            and found[1].count("(") == found[1].count(")")
        )
    if language == "java":
        return re.match(r"\s*try \(\s*(?:final )?\S+ \w+ = ", line) is not None
    return re.match(r"\s*(?:await )?using (?:\(\s*)?(?:var|[A-Z]\w*) \w+ = ", line) is not None


def _deferred(scene: Scene, name: str | None) -> str | None:
    """Find `defer x.Close()` below, in the same function and outside of loops."""
    if name is None or scene.root is None:
        return None
    form = re.compile(rf"defer {re.escape(name)}(?:\.Body)?\.Close\(\)")
    for node in scene.root.find_all({"rule": {"kind": "defer_statement"}}):
        line = node.range().start.line + 1
        around = [
            one
            for one in node.ancestors()
            if one.kind() in FUNCTIONS | {"for_statement", "if_statement"}
        ]
        if not around or around[0].kind() not in FUNCTIONS:
            continue
        begins = around[0].range().start.line + 1
        if (
            form.fullmatch(node.text())
            and begins <= scene.finding.start_line <= line <= scene.finding.line + 8
        ):
            return f"line {line} closes `{name}`"
    return None


def refute_unchecked(scene: Scene, code: str) -> str | None:
    """Refute that a name is not checked: just above, the function is left where it is null."""
    subject = code.strip()
    if not re.fullmatch(r"[\w$.]+(?:->\w+)*", subject) or scene.root is None:
        return None
    lines = scene.lines()
    first = scene.finding.start_line - 1
    if first >= len(lines):
        return None
    name = re.escape(subject)
    check = re.compile(
        rf"\s*if\s*\(?\s*(?:!\s*{name}|not {name}|{name}\s*(?:is|===?)"
        r"\s*(?:None|null|nil|undefined|nullptr))"
        r"\s*\)?\s*[:{]?\s*(return\b.*|raise\b.*|throw\b.*|continue;?|break;?)?$"
    )
    again = re.compile(rf"(?<![\w.$]){name}(?:\.\w+)*\s*(?:=(?!=)|:=|\+\+|--)")
    least = _indent(lines[first])
    for index in range(first - 1, max(-1, first - 7), -1):
        line = lines[index]
        if not line.strip():
            continue
        if again.search(line) or _starts(scene, index + 1):
            return None
        least = min(least, _indent(line))
        found = check.match(line)
        if found is None or _indent(line) > least:
            continue
        if found[1] or (index + 1 < first and _EXIT.match(lines[index + 1])):
            return f"`{subject}` is checked on line {index + 1}"
        return None
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _starts(scene: Scene, line: int) -> bool:
    """Whether a function or a class begins on a line."""
    if scene.root is None:
        return True
    text = scene.lines()[line - 1]
    if not re.search(r"\b(?:def|func|function|fn|class|fun|lambda)\b|=>|\)\s*\{|->", text):
        return False
    return not re.match(r"\s*(?:if|for|while|switch|\} else)\b", text) or "=>" in text
