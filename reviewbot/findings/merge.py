"""What several looks said comes in; out come Candidates, one for each matter.

Two findings are one matter when they stand near each other and speak of the same things. A small
model words the same finding anew each time and puts it some lines away, so what counts are the
rarer words, the names from the code that a title is about, and the lines that hold those names.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.finding import SEVERITIES, Finding

NEAR = 8
"""Lines between two findings of one matter, at most: what a small model says of a function of ten
lines it puts anywhere in it."""

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
value values variable was were when where which while will with without would you your function
variable missing incorrect incorrectly wrong unexpected potential
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_FEW = 2  # lines that hold a name, at most, for it to tell of a line
_LEAST_RARE = 0.3
_ENOUGH = 5  # findings below which nothing can be said of what is rare
_TITLE = 0.3  # the title's share of how alike two are; the rest is title and body together
_OTHER_NAMES = -0.3  # added where both titles name code, and not the same
_SAME_LINE, _OTHER_LINE = 0.1, -0.05  # added where both name code of the same, of other lines
_LEAST_ALIKE = 0.25
"""From here on two are one matter. These figures were chosen on the scripted model and on seven
chunks of recorded answers; `tests/test_recorded.py` holds them to more."""
_REPEATED_TITLE, _REPEATED = 0.9, 0.6  # from which on one look says the same again


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


@dataclass(frozen=True)
class _Wording:
    """A finding with the words that count in it."""

    heard: Heard

    @cached_property
    def names(self) -> frozenset[str]:
        """The names from the code that it speaks of: what is quoted, or looks like one."""
        text = f"{self.heard.finding.title}\n{self.heard.finding.body}"
        quoted = _WORD.findall(" ".join(_QUOTED.findall(text)))
        return _parts([*quoted, *(word for word in _WORD.findall(text) if _is_name(word))])

    @cached_property
    def title(self) -> frozenset[str]:
        return self._words(self.heard.finding.title)

    @cached_property
    def words(self) -> frozenset[str]:
        return self.title | self._words(self.heard.finding.body)

    @cached_property
    def lines(self) -> frozenset[int]:
        """The lines near by that hold a name which it speaks of, and which few of them hold."""
        holding: dict[str, set[int]] = {}
        for line in self.heard.finding.excerpt:
            for name in self.names & _parts(_WORD.findall(line.text)):
                holding.setdefault(name, set()).add(line.number)
        return frozenset(n for lines in holding.values() if len(lines) <= _FEW for n in lines)

    def _words(self, text: str) -> frozenset[str]:
        words: set[str] = set()
        for word in _WORD.findall(text):
            parts = _parts([word])
            if parts & self.names:
                words |= parts
            elif word.casefold() not in _COMMON and len(word) > 1:
                words.add(_stem(word.casefold()))
        return frozenset(words)


def _parts(names: Iterable[str]) -> frozenset[str]:
    """Take dotted names apart, each as a word is taken: one says `settings`, another settings."""
    return frozenset(_stem(part) for name in names for part in name.casefold().split("."))


def _is_name(word: str) -> bool:
    """Whether a word looks like a name from code: with a sign or a capital inside, or a number."""
    return not word.isalpha() or any(letter.isupper() for letter in word[1:])


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


@dataclass(frozen=True, slots=True)
class _Rarity:
    """How much a word weighs among these findings: the fewer use it, the more."""

    titles: dict[str, float]
    words: dict[str, float]


def _rarity(wordings: Sequence[_Wording]) -> _Rarity:
    return _Rarity(
        _weights([wording.title for wording in wordings]),
        _weights([wording.words for wording in wordings]),
    )


def _weights(texts: Sequence[frozenset[str]]) -> dict[str, float]:
    seen = Counter(word for words in texts for word in words)
    if len(texts) < _ENOUGH:
        return dict.fromkeys(seen, 1.0)
    whole = math.log(1 + len(texts))
    return {
        word: max(_LEAST_RARE, math.log((1 + len(texts)) / count) / whole)
        for word, count in seen.items()
    }


def _alike_pairs(wordings: Sequence[_Wording], rarity: _Rarity) -> list[tuple[float, int, int]]:
    """Give the pairs that may be one matter, the most alike first."""
    pairs: list[tuple[float, int, int]] = []
    for right, other in enumerate(wordings):
        for left, one in enumerate(wordings[:right]):
            if _is_near(one.heard.finding, other.heard.finding):
                alike = _alikeness(one, other, rarity)
                if alike >= _LEAST_ALIKE or _is_proof(one, other):
                    pairs.append((-alike, left, right))
    return sorted(pairs)


def _may_join(one: Sequence[_Wording], other: Sequence[_Wording], rarity: _Rarity) -> bool:
    """Whether no look says both as two matters."""
    return all(
        left.heard.look != right.heard.look or _is_repeat(left, right, rarity)
        for left in one
        for right in other
    )


def _is_repeat(one: _Wording, other: _Wording, rarity: _Rarity) -> bool:
    """Whether one look says the same again: at the same place, or nearly in the same words."""
    return _is_same_place(one.heard.finding, other.heard.finding) or (
        _cosine(one.title, other.title, rarity.titles) >= _REPEATED_TITLE
        and _cosine(one.words, other.words, rarity.words) >= _REPEATED
    )


def _is_proof(one: _Wording, other: _Wording) -> bool:
    """Whether one is an analyzer's, and the other says something of the kind of the same lines: a
    model has other words for a rule that it does not know.
    """
    looks = one.heard.look, other.heard.look
    return 0 in looks and looks != (0, 0) and _is_same_place(one.heard.finding, other.heard.finding)


def _is_same_place(one: Finding, other: Finding) -> bool:
    return (one.start_line, one.line, one.category) == (
        other.start_line, other.line, other.category,
    )  # fmt: skip


def _is_near(one: Finding, other: Finding) -> bool:
    gap = max(one.start_line, other.start_line) - min(one.line, other.line)
    return one.path == other.path and one.side == other.side and gap <= NEAR


def _alikeness(one: _Wording, other: _Wording, rarity: _Rarity) -> float:
    """Say how alike two wordings are: 1 for the same words, below 0 for two matters."""
    alike = _TITLE * _cosine(one.title, other.title, rarity.titles)
    alike += (1 - _TITLE) * _cosine(one.words, other.words, rarity.words)
    if one.lines & other.lines:
        return alike + _SAME_LINE
    named, others = one.title & one.names, other.title & other.names
    if named and others and not named & other.title and not others & one.title:
        alike += _OTHER_NAMES
    return alike + _OTHER_LINE if one.lines and other.lines else alike


def _cosine(left: frozenset[str], right: frozenset[str], rarity: dict[str, float]) -> float:
    shared = sum(rarity[word] ** 2 for word in left & right)
    size = math.sqrt(_length(left, rarity) * _length(right, rarity))
    return shared / size if size else 0.0


def _length(words: frozenset[str], rarity: dict[str, float]) -> float:
    return sum(rarity[word] ** 2 for word in words)


def _candidate(group: list[_Wording], rarity: _Rarity) -> Candidate:
    """Make a candidate of all wordings of one matter."""

    def likeness(wording: _Wording) -> float:
        return sum(_cosine(wording.words, other.words, rarity.words) for other in group)

    finding = max(group, key=likeness).heard.finding
    heard = tuple(wording.heard for wording in group)
    return Candidate(finding.path, finding.title, _graded(finding, heard), heard)


def _graded(finding: Finding, heard: Sequence[Heard]) -> Finding:
    given = Counter(one.finding.severity for one in heard)
    severity = max(SEVERITIES, key=lambda one: given[one])  # the first, so the gravest of equals
    if severity == finding.severity:
        return finding
    return replace(finding, severity=severity)
