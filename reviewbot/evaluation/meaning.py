"""Goldens and comments come in; out come a judge's verdicts on which of them say the same.

One binary question for each golden and comment of a case, wherever they stand. Each verdict is
kept in the run's `meaning.jsonl` and never asked for again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from reviewbot.errors import ReviewbotError
from reviewbot.evaluation.dataset import Remark
from reviewbot.evaluation.matching import Comment, Tells
from reviewbot.evaluation.record import append_line, read_lines
from reviewbot.model.prompt import neutralise

MOST_CHARACTERS = 2000
"""Of each text that the judge is shown: what a comment is about stands in its beginning."""

Pair = tuple[str, str]
"""The text of a golden, and that of a comment."""


class Judge(Protocol):
    """Whoever says whether two remarks mean the same; the model behind it has a name."""

    @property
    def model(self) -> str:
        """Give the name of the model, which every figure by meaning is told with."""

    async def same(self, golden_text: str, candidate_text: str) -> bool | None:
        """Say whether a comment points out a golden; None where no verdict can be read."""


class Verdict(msgspec.Struct, frozen=True):
    """A line of `meaning.jsonl`; the texts are kept as hashes."""

    judge: str
    golden: str
    comment: str
    same: bool | None


class Verdicts:
    """The verdicts of one judge that a run's folder holds; a new one is written at once."""

    def __init__(self, run: Path, judge: str) -> None:
        self.judge = judge
        self._path = run / "meaning.jsonl"
        self._kept: dict[Pair, bool | None] = {
            (one.golden, one.comment): one.same
            for one in read_lines(self._path, Verdict)
            if one.judge == judge
        }

    def knows(self, pair: Pair) -> bool:
        """Whether the judge was asked of this pair."""
        return _hashed(pair) in self._kept

    def same(self, pair: Pair) -> bool | None:
        """Give the verdict; None where there is none or the judge gave neither yes nor no."""
        return self._kept.get(_hashed(pair))

    def keep(self, pair: Pair, *, same: bool | None) -> None:
        """Write a verdict down."""
        golden, comment = self._kept_as(pair, same=same)
        append_line(self._path, Verdict(self.judge, golden, comment, same))

    def tells(self) -> Tells:
        """Make the rule by meaning; what has no verdict does not match."""

        def tells(golden: Remark, comment: Comment) -> bool:
            return self.same((golden.text, comment.text)) is True

        return tells

    def _kept_as(self, pair: Pair, *, same: bool | None) -> Pair:
        hashed = _hashed(pair)
        self._kept[hashed] = same
        return hashed


def judges_in(run: Path) -> tuple[str, ...]:
    """Name the judges whose verdicts a run's folder holds, the latest last."""
    return tuple(dict.fromkeys(one.judge for one in read_lines(run / "meaning.jsonl", Verdict)))


def pairs_of(goldens: Iterable[Remark], comments: Iterable[Comment]) -> Iterator[Pair]:
    """Give the questions of one case."""
    said = list(dict.fromkeys(comment.text for comment in comments))
    for golden in dict.fromkeys(golden.text for golden in goldens):
        for comment in said:
            yield golden, comment


async def ask_missing(
    pairs: Iterable[Pair],
    judge: Judge,
    verdicts: Verdicts,
    tell: Callable[[int, int], None],
    at_once: int = 8,
) -> int:
    """Ask for every verdict that is missing, so many at once; gives how many were asked.

    `tell` hears how many are done, of how many. Raises what the judge raises; what was answered
    until then is kept.
    """
    waiting = [pair for pair in dict.fromkeys(pairs) if not verdicts.knows(pair)]
    todo = iter(waiting)
    done = 0

    async def work() -> None:
        nonlocal done
        for pair in todo:
            verdicts.keep(pair, same=await judge.same(*pair))
            done += 1
            tell(done, len(waiting))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(waiting))):
                group.create_task(work())
    except* ReviewbotError as errors:
        raise _first(errors) from errors
    return done


def shown_lines(text: str) -> tuple[str, ...]:
    """Give a text as `prompts/same.md.j2` shows it: its lines, with nothing a model obeys.

    Each stands behind a bar there, so that no text can end its own part.
    """
    lines = text[:MOST_CHARACTERS].strip().splitlines()
    return tuple(neutralise(line) for line in lines)


def _first(errors: BaseExceptionGroup[ReviewbotError]) -> ReviewbotError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _hashed(pair: Pair) -> Pair:
    golden, comment = (
        hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32] for text in pair
    )
    return golden, comment
