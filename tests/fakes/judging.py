"""A model for all stages of a review: Flaws in, and what it finds, judges and words of them out.

    script = Judging(Flaw("BUG", "The total is wrong", yes=0.1))

It says a flaw of each line that holds its mark, in the looks that it names; judged by its title
it answers "Yes" with the chance it gives; worded it says what `worded` changes.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.answers import Answer, Finder, PrintedLine, dumps, last_user_text, printed_lines
from tests.fakes.wire import JSON

Stage = Literal["probe", "find", "judge", "word"]
ALL_LOOKS = (1, 2, 3, 4, 5)
OFF_TOPIC = ((("The", math.log(0.9)), ("Yes", math.log(0.06)), ("No", math.log(0.04))),)
"""The likeliest tokens of a model that talks of something else."""

_TASK = re.compile(r"^Task `(find|judge|word)`:", re.MULTILINE)
_PLACE = re.compile(r"^Lines? \S+(?: to \S+)?: ")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What the model says of a line that holds `mark`; `yes` None: it gives no verdict on it.

    `times` it says so in one answer. `line` is an id that it makes up. `worded` is what changes
    when it is asked to word it.
    """

    mark: str
    title: str
    body: str = ""
    looks: tuple[int, ...] = ALL_LOOKS
    yes: float | None = 0.9
    severity: str = "major"
    category: str = "correctness"
    suggestion: tuple[str, ...] = ()
    times: int = 1
    line: str = ""
    worded: Mapping[str, object] = field(default_factory=dict)

    def said(self, start: str, end: str) -> JSON:
        return {
            "start": start,
            "end": end,
            "severity": self.severity,
            "category": self.category,
            "title": self.title,
            "body": [self.body or f"This is what {self.mark} does."],
            "suggestion": list(self.suggestion),
        }


class Judging:
    """The script of a model server that knows these flaws and no others."""

    def __init__(self, *flaws: Flaw) -> None:
        self.flaws = flaws

    def __call__(self, request: JSON) -> Answer:
        match stage_of(request):
            case "find":
                return Answer(dumps({"findings": self._find(request)}))
            case "judge":
                return self._judge(request)
            case "word":
                return self._word(request)
        return Finder()(request)

    def _find(self, request: JSON) -> list[JSON]:
        look = look_of(request)
        lines: Sequence[PrintedLine] = printed_lines(request)
        return [
            flaw.said(flaw.line or line.id, flaw.line or line.id)
            for line in lines
            for flaw in self.flaws
            if flaw.mark in line.text and look in flaw.looks
            for _ in range(flaw.times)
        ]

    def _judge(self, request: JSON) -> Answer:
        yes = self._claimed(request).yes
        if yes is None:
            return Answer("The", "length", OFF_TOPIC)
        chances = sorted((("Yes", yes), ("No", 1 - yes)), key=lambda one: -one[1])
        tokens = tuple((word, math.log(max(chance, 1e-9))) for word, chance in chances)
        return Answer(tokens[0][0], "length", (tokens,))

    def _word(self, request: JSON) -> Answer:
        start, end = re.findall(r"`(?:start|end)` is \"(\S+)\"", task_of(request))
        flaw = self._claimed(request)
        return Answer(dumps({"findings": [flaw.said(start, end) | dict(flaw.worded)]}))

    def _claimed(self, request: JSON) -> Flaw:
        return {flaw.title: flaw for flaw in self.flaws}[claim_of(request)]


def task_of(request: JSON) -> str:
    """What a request says behind the change."""
    return last_user_text(request).rpartition("</change>")[2].lstrip("\n")


def stage_of(request: JSON) -> Stage:
    """What a request is for, by its last words."""
    found = _TASK.match(task_of(request)) if printed_lines(request) else None
    names: dict[str, Stage] = {"find": "find", "judge": "judge", "word": "word"}
    return names[found[1]] if found else "probe"


def look_of(request: JSON) -> int:
    """Which look at a chunk asks: each has a seed of its own, and a second try another."""
    return max(1, int(request["seed"]) % 100)


def claim_of(request: JSON) -> str:
    """The title of the claim in a request, with nothing broken up in it."""
    claim = task_of(request).partition("<claim>\n")[2].split("\n")[0]
    return _PLACE.sub("", claim).replace("\u200b", "")
