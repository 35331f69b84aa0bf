"""What several looks said comes in; out come Candidates, one for each matter.

Two findings are one matter when they stand at the same place and speak of the same things. A
small model words the same finding anew each time, so the words that count are the names from the
code and the rarer words; what every finding says ("value", "returns", "may fail") counts nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.finding import SEVERITIES, Finding

NEAR = 4
"""Lines between two findings of one matter, at most: each wording may be put two lines away."""

_WORD = re.compile(r"[^\W\d_][\w$]*(?:\.\w+)*|\d+(?:\.\d+)?")
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "e")
_COMMON_WORDS = """a about added after all also an and any are as at be because been before being
but by call
called calling can case cause causes change changed code could data defect do does doesn error
errors even every fail failed fails for from function get gets given has have here if in input
instead into is issue it its lead leads line lines make makes may method might more must need
new no not now of on one only or other problem result results return returned returns set should
since so some such than that the their them then there these they this to use used uses using
value values variable was were when where which while will with without without would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_CODE_WEIGHT = 2.0
_FEW = 2
_SAME = 2  # uses of a word that make it no commoner: those of one matter by three looks
_SAME_LINE, _OTHER_LINE = 0.15, -0.10  # added where both name code of the same, of other lines
_LEAST_REPEAT = 0.06
_REPEATED = 0.6  # cosine from which on a look says the same again
_LEAST_ALIKE = {  # by (do the lines overlap, is it the same category)
    (True, True): 0.21,
    (True, False): 0.24,
    (False, True): 0.24,
    (False, False): 0.27,
}
"""Cosine of two wordings from which on they are one matter; see benchmarks/README.md for how
they fare on recorded answers."""


def merge(heard: Iterable[Heard]) -> list[Candidate]:
    """Join what is said of the same matter, in the order of the diff.

    The most alike are joined first. The wording that stands for all is the one most like the
    others; the severity is the one given most often, of equals the gravest.
    """
    wordings = [_Wording(one) for one in heard]
    rarity = _rarity(wordings)
    groups = {index: [wording] for index, wording in enumerate(wordings)}
    home = list(groups)
    for _, left, right in _alike_pairs(wordings, rarity):
        one, other = groups[home[left]], groups[home[right]]
        if one is not other and _may_join(one, other, rarity):
            one += other
            gone = home[right]
            home = [home[left] if place == gone else place for place in home]
            del groups[gone]
    candidates = [_candidate(group, rarity) for group in groups.values()]
    return sorted(candidates, key=lambda one: one.finding.order if one.finding else 0)


def keep_apart(heard: Iterable[Heard]) -> list[Candidate]:
    """Let each finding be a candidate of its own: what a review is without merging."""
    return [Candidate(h.finding.path, h.finding.title, h.finding, (h,)) for h in heard]


def is_same_matter(left: Finding, right: Finding) -> bool:
    """Say whether two findings, alone in the world, are one matter."""
    one, other = _Wording(Heard(1, left)), _Wording(Heard(2, right))
    return _alikeness(one, other, _rarity([one, other])) is not None


@dataclass(frozen=True)
class _Wording:
    """A finding with the words that count in it."""

    heard: Heard

    @cached_property
    def words(self) -> dict[str, float]:
        finding = self.heard.finding
        text = f"{finding.title}\n{finding.body}"
        quoted = " ".join(_QUOTED.findall(text))
        names = {name.casefold() for name in _WORD.findall(quoted)}
        words: dict[str, float] = {}
        for word in _WORD.findall(text):
            small = word.casefold()
            if small in names or _is_name(word):
                for part in small.split("."):
                    words[part] = _CODE_WEIGHT
            elif small not in _COMMON and len(small) > 1:
                words.setdefault(_stem(small), 1.0)
        return words

    @cached_property
    def lines(self) -> frozenset[int]:
        """The lines near by that hold a name which it speaks of, and which few of them hold.

        A small model often puts a finding a line or two away from the code that it names.
        """
        finding = self.heard.finding
        spoken = {name for name, weight in self.words.items() if weight == _CODE_WEIGHT}
        holding: dict[str, set[int]] = {}
        for line in finding.excerpt:
            for word in _WORD.findall(line.text):
                for name in spoken.intersection(word.casefold().split(".")):
                    holding.setdefault(name, set()).add(line.number)
        return frozenset(n for lines in holding.values() if len(lines) <= _FEW for n in lines)


def _is_name(word: str) -> bool:
    """Whether a word looks like a name from code: with a sign or a capital inside, or a number."""
    return not word.isalpha() or any(letter.isupper() for letter in word[1:])


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


def _rarity(wordings: Sequence[_Wording]) -> dict[str, float]:
    """Weigh a word by how few of the findings here use it, between 0.3 and 1."""
    seen = Counter(word for wording in wordings for word in wording.words)
    whole = math.log(1 + len(wordings))
    return {
        word: max(0.3, math.log((1 + len(wordings)) / max(1, count - _SAME)) / whole)
        for word, count in seen.items()
    }


def _alike_pairs(
    wordings: Sequence[_Wording], rarity: dict[str, float]
) -> list[tuple[float, int, int]]:
    """Give the pairs that may be one matter, the most alike first."""
    pairs: list[tuple[float, int, int]] = []
    for right, other in enumerate(wordings):
        for left, one in enumerate(wordings[:right]):
            alike = _alikeness(one, other, rarity)
            if alike is not None:
                pairs.append((-alike, left, right))
    return sorted(pairs)


def _may_join(one: Sequence[_Wording], other: Sequence[_Wording], rarity: dict[str, float]) -> bool:
    """Whether no look says both as two matters: it repeats itself at the same place, or nearly
    in the same words.
    """
    return all(
        left.heard.look != right.heard.look
        or _is_repeat(left.heard.finding, right.heard.finding)
        or _cosine(left.words, right.words, rarity) >= _REPEATED
        for left in one
        for right in other
    )


def _is_repeat(one: Finding, other: Finding) -> bool:
    return (one.start_line, one.line, one.category) == (
        other.start_line, other.line, other.category,
    )  # fmt: skip


def _alikeness(left: _Wording, right: _Wording, rarity: dict[str, float]) -> float | None:
    """Give the cosine of two wordings; None where they are two matters."""
    one, other = left.heard.finding, right.heard.finding
    if one.path != other.path or one.side != other.side:
        return None
    gap = max(one.start_line, other.start_line) - min(one.line, other.line)
    if gap > NEAR:
        return None
    alike = _cosine(left.words, right.words, rarity)
    if left.lines and right.lines:
        alike += _SAME_LINE if left.lines & right.lines else _OTHER_LINE
    same = one.category == other.category
    least = _LEAST_REPEAT if _is_repeat(one, other) else _LEAST_ALIKE[gap <= 0, same]
    return alike if alike >= least else None


def _cosine(left: dict[str, float], right: dict[str, float], rarity: dict[str, float]) -> float:
    shared = sum(left[word] * right[word] * rarity[word] ** 2 for word in left.keys() & right)
    size = math.sqrt(_length(left, rarity) * _length(right, rarity))
    return shared / size if size else 0.0


def _length(words: dict[str, float], rarity: dict[str, float]) -> float:
    return sum((weight * rarity[word]) ** 2 for word, weight in words.items())


def _candidate(group: list[_Wording], rarity: dict[str, float]) -> Candidate:
    """Make a candidate of all wordings of one matter."""

    def likeness(wording: _Wording) -> float:
        return sum(_cosine(wording.words, other.words, rarity) for other in group)

    finding = max(group, key=likeness).heard.finding
    heard = tuple(wording.heard for wording in group)
    return Candidate(finding.path, finding.title, _graded(finding, heard), heard)


def _graded(finding: Finding, heard: Sequence[Heard]) -> Finding:
    given = Counter(one.finding.severity for one in heard)
    severity = max(SEVERITIES, key=lambda one: given[one])  # the first, so the gravest of equals
    if severity == finding.severity:
        return finding
    return replace(finding, severity=severity)
