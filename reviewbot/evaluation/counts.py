"""Matches of single cases come in; out come precision, recall and F1 with their intervals.

Figures are summed over findings and goldens, not averaged over pull requests. An interval says
what else might have come out had other pull requests of the kind been drawn.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")

DRAWS = 1000
_SEED = 20261123  # the same figures come out of the same records
_LOW, _HIGH = 0.05, 0.95


class Counts(NamedTuple):
    """What was matched, in one case or in several: whole numbers that can be added up.

    `paired` is one-to-one; `found` goldens and `right` comments are many-to-one.
    """

    goldens: int = 0
    comments: int = 0
    paired: int = 0
    found: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its 90 % interval; None where there is nothing to divide by."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall and F1, counted one way."""

    precision: Figure
    recall: Figure
    f1: Figure


Reading = Callable[[Counts], float | None]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def precision(counts: Counts) -> float | None:
    """Share of the comments that pair with a golden; None without comments."""
    return _share(counts.paired, counts.comments)


def recall(counts: Counts) -> float | None:
    """Share of the goldens that pair with a comment; None without goldens."""
    return _share(counts.paired, counts.goldens)


def f1(counts: Counts) -> float | None:
    """The harmonic mean of both; None where there is neither golden nor comment."""
    return _share(2 * counts.paired, counts.goldens + counts.comments)


def many_precision(counts: Counts) -> float | None:
    """Share of the comments that tell of any golden."""
    return _share(counts.right, counts.comments)


def many_recall(counts: Counts) -> float | None:
    """Share of the goldens that any comment tells of."""
    return _share(counts.found, counts.goldens)


def many_f1(counts: Counts) -> float | None:
    """The harmonic mean of these two."""
    exact, full = many_precision(counts), many_recall(counts)
    if exact is None and full is None:
        return None
    if not exact or not full:
        return 0.0
    return 2 * exact * full / (exact + full)


def add_up(cases: Sequence[Counts]) -> Counts:
    """Sum counts over cases."""
    return Counts(*map(sum, zip(*cases, strict=True))) if cases else Counts()


def rates(cases: Sequence[Counts]) -> tuple[Rates, Rates]:
    """Give the rates of several cases, one-to-one and many-to-one."""
    readings = (precision, recall, f1, many_precision, many_recall, many_f1)
    figures = resample(cases, readings)
    return Rates(*figures[:3]), Rates(*figures[3:])


def resample(cases: Sequence[Counts], readings: Sequence[Reading]) -> tuple[Figure, ...]:
    """Read figures off counts, with intervals by drawing cases anew, with replacement."""
    whole = add_up(cases)
    drawn = [add_up(draw) for draw in _draws(cases)] if len(cases) > 1 else []
    return tuple(
        interval(reading(whole), [reading(counts) for counts in drawn]) for reading in readings
    )


def resample_change(
    before: Sequence[Counts], after: Sequence[Counts], readings: Sequence[Reading]
) -> tuple[Figure, ...]:
    """Read how much larger figures are after than before, drawing the same cases of both."""
    both = list(zip(before, after, strict=True))

    def change(pairs: Sequence[tuple[Counts, Counts]]) -> list[float | None]:
        old, new = add_up([one for one, _ in pairs]), add_up([other for _, other in pairs])
        return [_minus(reading(new), reading(old)) for reading in readings]

    drawn = [change(draw) for draw in _draws(both)] if len(both) > 1 else []
    columns = list(zip(*drawn, strict=True)) if drawn else [()] * len(readings)
    return tuple(
        interval(value, column) for value, column in zip(change(both), columns, strict=True)
    )


def mean(values: Sequence[float]) -> Figure:
    """Give a mean over cases, with its interval."""
    if not values:
        return Figure(None)
    drawn = [sum(draw) / len(draw) for draw in _draws(values)] if len(values) > 1 else []
    return interval(sum(values) / len(values), drawn)


def interval(value: float | None, drawn: Sequence[float | None]) -> Figure:
    """Put a figure with the middle 90 % of what came out of the draws."""
    known = sorted(one for one in drawn if one is not None)
    if value is None or not known:
        return Figure(value)
    last = len(known) - 1
    return Figure(value, known[round(_LOW * last)], known[round(_HIGH * last)])


def _draws(cases: Sequence[T]) -> list[list[T]]:
    chance = random.Random(_SEED)  # noqa: S311
    return [chance.choices(cases, k=len(cases)) for _ in range(DRAWS)]


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right
