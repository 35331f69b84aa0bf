"""A finding's title and body come in; out come the claims in it that a look-up can refute."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reviewbot.findings.claims.phrases import ABOUT, LIST, NAME, NOUN, PHRASES, Kind
from reviewbot.findings.claims.roles import words


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of names. `codes` are they as written; without any, it is of the lines.

    `place` is a name that the claim is confined to ("unused in `f`").
    """

    kind: Kind
    codes: tuple[str, ...]
    place: str | None = None


_CONDITION = re.compile(
    r"\b(?:if|when|whenever|unless|until|while|before|after|except|only|some|sometimes|certain"
    r"|otherwise|else|branch(?:es)?|cases?|paths?|early|may|might|could|can|possibly|potentially"
    r"|likely|instead|outside|once|elsewhere|error|failure|exception)\b",
    re.IGNORECASE,
)
"""Words that confine a claim to more than a look-up sees."""
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|longer|cannot|neither|nor)\b|n['’]t\b", re.IGNORECASE
)
_SCOPE = (
    r"(?: (?:anywhere|here|at all|any ?more|any longer))?"
    r"(?: (?:anywhere )?(?:in|within) (?:the|this|that) (?:current )?(?:(?:entire|whole|same) )?"
    r"(?:file|module|code|codebase|code base|project|repository|repo))?"
)
_AFTER = (
    r"(?: ?\([^)]*\))?(?:[ .!]*$|: | [—–-] |,? (?:so|which|causing|leading|resulting|making"
    r"|therefore|raising|thus|and (?:should|can|could|must|will|would|may))\b)"
)
_TAIL = re.compile(
    _SCOPE + rf"(?: (?:in|within) (?:the )?(?:{NOUN} )?{NAME})?" + _AFTER,
    re.IGNORECASE,
)
_DECORATION = re.compile(
    rf"(?:\b(?:the|an?|this|that|new|newly|added|local|global|private|public|static|unused|imported"
    rf"|async|coroutine|critical|error|bug|possible|potential|likely|{NOUN}) ?)+$",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?:^|[:—–]|\b(?:because|since|that|as|but)) ?$", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:^|[:—–]|\b(?:because|since|that|as|but|to|of|by|references|uses|calls|contains|has"
    r"|remove|delete|drop|there is|is)) ?$",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_CODE = re.compile(
    r"`+([^`\n]+)`+|(?<![\w'])'([\w.$:]+(?:\(\))?)'|\"([\w.$:]+(?:\(\))?)\""
    r"|(?<![\w.])((?:[A-Za-z_$]\w*\.)*(?:[A-Za-z]+_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*"
    r"|[A-Za-z_]\w*(?=\(\)))(?:\(\))?)"
)
_WORDS = words("await async import return None null nil undefined with defer nullptr")
_PLAIN = re.compile(r"(?:(?:import|using|use|from \S+ import) )?([A-Za-z_$][\w$]*)(?:\(.*\))?;?")
_BARE = re.compile(
    r"\b(?:unused|undefined|undeclared|unresolved|missing import(?: for)?)"
    rf"(?: {NOUN})?:? ([a-z]\w*)$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(rf"{NOUN}|call|reference|access|usage|use|value|statement", re.IGNORECASE)
_MOST = 5_000
"""Characters of a title or a body that are read."""
_LONGEST = 500
"""Characters of a sentence that is one claim."""


def identifier(code: str) -> str | None:
    """Give the one name that a piece of code is; None for a path of names, or for more."""
    found = _PLAIN.fullmatch(code.strip())
    return found[1].removeprefix("$") if found else None


def mark(text: str) -> tuple[str, tuple[str, ...]]:
    """Put a numbered mark in place of each piece of code in a text, and give the pieces."""
    codes: list[str] = []

    def put(found: re.Match[str]) -> str:
        code = next(one for one in found.groups() if one is not None).strip()
        if code in _WORDS or not code:
            return code
        codes.append(code)
        return f"\ue000{len(codes) - 1}\ue001"

    plain = _FENCE.sub(" ", re.sub("[\ue000\ue001]", "", text[:_MOST]))
    marked = _CODE.sub(put, plain)
    return re.sub(r"[ \t]+", " ", marked), tuple(codes)


def sentences(marked: str) -> list[str]:
    """Part a text where sentences and lines end."""
    parts = re.split(r"(?<=[.!?;])\s+|\n+", marked)
    return [part.strip() for part in parts if part.strip()]


def read_claims(title: str, body: str) -> tuple[Claim, ...]:
    """Give what a finding claims as a whole; nothing where it says other things too, or where it
    confines the claim to a case.

    The title decides; where it names a problem without the claim, the body's first sentence.
    """
    marked, codes = mark(f"{_bare(title)}\n\n{body}")
    head, _, rest = marked.partition("\n")
    said = sentences(rest)
    claims = [_claim(part, codes) for part in sentences(head)]
    first = _claim(said[0], codes) if said else None
    if first and claims and all(one and one.kind == first.kind and not one.codes for one in claims):
        claims = [first]  # the title leaves it to the body to name it
    elif not any(claims) and not _NEGATION.search(head):
        claims = [first] if first and _about(first, head, codes) else []
    sure = [claim for claim in claims if claim is not None]
    confined = any(_confines(part, claim, codes) for part in said for claim in sure)
    return () if confined or len(sure) < len(claims) else tuple(sure)


def _bare(title: str) -> str:
    """Put ticks around the last word of "Unused variable count"."""
    text = title.strip().rstrip(".!")
    found = _BARE.search(text)
    if found is None or _NO_NAME.fullmatch(found[1]):
        return text
    return f"{text[: found.start(1)]}`{found[1]}`"


def _about(claim: Claim, head: str, codes: tuple[str, ...]) -> bool:
    text = re.sub("\ue000([0-9]+)\ue001", lambda one: codes[int(one[1])], head)
    alike = re.search(ABOUT[claim.kind], text, re.IGNORECASE)
    return alike is not None or text.strip() in ("", "Untitled", *claim.codes)


def _confines(part: str, claim: Claim, codes: tuple[str, ...]) -> bool:
    """Whether a sentence names what a claim names and knows of a condition."""
    named = any(codes[int(one)] in claim.codes for one in re.findall("\ue000([0-9]+)", part))
    return (named or not claim.codes) and _CONDITION.search(part) is not None


def _claim(part: str, codes: tuple[str, ...]) -> Claim | None:
    """Read one sentence; None where it holds no claim, or says more than one."""
    if len(part) > _LONGEST:
        return None
    for kind, pattern, named_first in _PATTERNS:
        for found in pattern.finditer(part):
            tail = _TAIL.match(part, found.end())
            if tail is None or not _introduces(part[: found.start()], named_first=named_first):
                continue
            rest = part[: found.start()] + part[found.end() : tail.end()]
            if _CONDITION.search(re.sub(r"\b(?:and|which) (?:can|could|may|might)\b", "", rest)):
                continue
            names = tuple(_named(found[0], codes))
            place = next(_named(tail[0], codes), None)
            return Claim(kind, names, place)
    return None


def _named(text: str, codes: tuple[str, ...]) -> Iterator[str]:
    return (codes[int(one)] for one in re.findall("\ue000([0-9]+)\ue001", text))


def _introduces(text: str, *, named_first: bool) -> bool:
    """Whether what stands before a phrase leaves it a claim: no negation and no other matter."""
    if _NEGATION.search(text):
        return False
    lead = _REASON if named_first else _LEAD
    return lead.search(text) is not None or lead.search(_DECORATION.sub("", text)) is not None


def _compile() -> Iterator[tuple[Kind, re.Pattern[str], bool]]:
    for kind, phrase in PHRASES:
        first = phrase.startswith(("N", "T N", "import"))
        text = re.sub(r"\bT\b", lambda _: NOUN, re.sub(r"\bN\b", lambda _: LIST, phrase))
        yield kind, re.compile(rf"(?<![\w-]){text}(?![\w-])", re.IGNORECASE), first


_PATTERNS = tuple(_compile())
