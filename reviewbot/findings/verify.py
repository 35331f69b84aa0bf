"""A Finding and a Lookup over the repository come in; out comes why it cannot be so, or None."""

import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reviewbot.diff.parse import FileDiff
from reviewbot.findings.claims.claim import Claim, mark, read_claims, sentences
from reviewbot.findings.claims.languages import BUILTINS, SCRIPTS
from reviewbot.findings.claims.lookup import Lookup, Scene, scene_of
from reviewbot.findings.claims.names import (
    refute_duplicate,
    refute_uncalled,
    refute_undefined,
    refute_unimported,
    refute_unused,
)
from reviewbot.findings.claims.omissions import refute_unawaited, refute_unchecked, refute_unclosed
from reviewbot.findings.claims.roles import words
from reviewbot.findings.finding import Finding

__all__ = ["Changed", "Lookup", "changed_by", "check_claim"]

_WORD = re.compile(r"[^\W\d][\w$]*|\$\w+")
_PROPOSAL = re.compile(
    r"\b(?:use|uses|using|consider|add|adding|replace|prefer|should|must|need|needs|missing|like"
    r"|such as|e\.g|instead|rename|via|call|wrap|return|returns|with|import|into|lacks?|expected"
    r"|suggest|recommend\w*|no|not|without|raises?|throws?|causes?|causing|error)\b",
    re.IGNORECASE,
)
"""What stands before a name that need not exist yet."""
_COMMON = words(
    "this that with from when where which there these those then than into have will would should"
    " could does been being were what more most such some only also very just like each other"
    " same because after before about over under between while return returns returned else null"
    " none true false void public private protected static const class function method variable"
    " value values line lines code file files change changes changed import error errors issue"
    " missing unused check checked checks used using call called calls make makes made without"
    " instead here they them their your must might can't cannot never always still even"
)
"""Words of at least four letters that say nothing of what is changed."""
_LANGUAGE = (
    frozenset(keyword.kwlist)
    | frozenset().union(*BUILTINS.values())
    | words(
        "null nil undefined nullptr this self super const let var val func function fn def void int"
        " float double char long short bool boolean string static final public private protected"
        " async await defer go try catch finally throw throws new delete switch case default struct"
        " enum interface trait impl mut unsafe override virtual volatile readonly NaN"
    )
)
_MOST_LOOKED_UP = 8
"""Names of a finding that the repository is searched for."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The words of a whole diff: those of its changed lines, and those of all lines it shows."""

    words: frozenset[str]
    shown: frozenset[str]


def changed_by(files: Iterable[FileDiff]) -> Changed:
    """Collect the words of a diff, and of its paths."""
    words: set[str] = set()
    shown: set[str] = set()
    for file in files:
        shown.update(_WORD.findall(f"{file.path} {file.old_path or ''}"))
        for hunk in file.hunks:
            for line in hunk.lines():
                found = _WORD.findall(line.text)
                shown.update(found)
                if line.changed:
                    words.update(found)
    return Changed(frozenset(words), frozenset(shown))


def check_claim(finding: Finding, lookup: Lookup, changed: Changed) -> str | None:
    """Say what refutes a finding; None where it stands, or where that cannot be decided."""
    if reason := _elsewhere(finding, changed) or _nameless(finding, lookup, changed):
        return reason
    claims = read_claims(finding.title, finding.body)
    scene = scene_of(finding, lookup) if claims else None
    if scene is None:
        return None
    reasons = [_refute(scene, claim) for claim in claims]
    return reasons[0] if all(reasons) else None


def _elsewhere(finding: Finding, changed: Changed) -> str | None:
    """Refute a finding on unchanged lines that names nothing of the changed ones."""
    at = [index for index, line in enumerate(finding.excerpt) if finding.anchors(line)]
    if not at or not changed.words:
        return None
    if any(line.changed for line in finding.excerpt[at[0] : at[-1] + 1]):
        return None
    text = f"{finding.title}\n{finding.body}"
    named = {word for word in _WORD.findall(text) if len(word) >= 4 and word.lower() not in _COMMON}
    named.update(word for code in mark(text)[1] for word in _WORD.findall(code))
    if named & changed.words:
        return None
    return "stands on an unchanged line and names nothing the change touches"


def _nameless(finding: Finding, lookup: Lookup, changed: Changed) -> str | None:
    """Refute a finding whose names are all unknown to a repository that is wholly known."""
    if not lookup.searched:
        return None
    text = f"{finding.title}\n\n{finding.body}"
    marked, codes = mark(text)
    given = _given(marked, codes)
    if not given:
        return None
    known = set(changed.shown)
    known.update(word for line in finding.excerpt for word in _WORD.findall(line.text))
    known.update(_WORD.findall(lookup.text(finding.path) or ""))
    mentioned = {word for code in codes for word in _WORD.findall(code)} - _LANGUAGE
    if mentioned & known or any(
        lookup.places(name) for name in sorted(mentioned)[:_MOST_LOOKED_UP]
    ):
        return None
    if len(mentioned) > _MOST_LOOKED_UP:
        return None
    return f"names nothing that exists: `{given[0]}`"


def _given(marked: str, codes: tuple[str, ...]) -> list[str]:
    """List the names that a text says are there: no proposals, errors or words of the language."""
    found: list[str] = []
    proposed: set[str] = set()
    for part in sentences(marked):
        for at in re.finditer("\ue000([0-9]+)\ue001", part):
            words = [word for word in _WORD.findall(codes[int(at[1])]) if word not in _LANGUAGE]
            if _PROPOSAL.search(part[: at.start()]):
                proposed.update(words)
            found += words
    return [
        word
        for word in found
        if word not in proposed and not word.endswith(("Error", "Exception", "Warning"))
    ]


def _refute(scene: Scene, claim: Claim) -> str | None:
    """Refute a claim of every name that it makes it of."""
    reasons = [_refute_one(scene, claim, code) for code in claim.codes or (None,)]
    return reasons[0] if all(reasons) else None


def _refute_one(scene: Scene, claim: Claim, code: str | None) -> str | None:
    if claim.kind == "unused" and code is not None:
        return refute_unused(scene, code, claim.place)
    value = claim.kind == "undefined value" and scene.language in SCRIPTS
    if value or claim.place is not None:
        return None
    if claim.kind in _OF_LINES:
        return _OF_LINES[claim.kind](scene, code)
    return _OF_NAMES[claim.kind](scene, code) if code is not None else None


_OF_LINES: dict[str, Callable[[Scene, str | None], str | None]] = {
    "not awaited": refute_unawaited,
    "not closed": refute_unclosed,
}
_OF_NAMES: dict[str, Callable[[Scene, str], str | None]] = {
    "undefined": refute_undefined,
    "undefined value": refute_undefined,
    "not imported": refute_unimported,
    "duplicate": refute_duplicate,
    "never called": refute_uncalled,
    "unchecked": refute_unchecked,
}
"""What refutes each kind of claim; that of the lines needs no name."""
