"""Cases with their numbers of comments come in; out comes what comments at random would reach."""

import random
from collections.abc import Sequence

from reviewbot.evaluation.counts import (
    Counts,
    Figure,
    Rates,
    add_up,
    f1,
    precision,
    recall,
)
from reviewbot.evaluation.matching import at_place, chance_of, largest_pairing
from reviewbot.evaluation.reviewed import Reviewed, Rule

DRAWS = 200
_SEED = 34


def chance_floor(reviewed: Sequence[Reviewed], numbers: Sequence[int], rule: Rule) -> float | None:
    """Give the chance that a comment on a random changed line of its case stands at a golden.

    `numbers` are the comments on each case: the floor is that of as many comments as these.
    """
    if not sum(numbers):
        return None
    hits = sum(
        number * chance_of(one.case.golden, one.places, rule.tells)
        for one, number in zip(reviewed, numbers, strict=True)
    )
    return hits / sum(numbers)


def random_comments(
    reviewed: Sequence[Reviewed], numbers: Sequence[int], rule: Rule
) -> tuple[Rates, Rates]:
    """Give the rates of as many comments on random changed lines, one-to-one and many-to-one.

    Many-to-one is exact (its F1 is that of the expected precision and recall); one-to-one is the
    mean over 200 draws.
    """
    drawn = _drawn(reviewed, numbers, rule)
    one = Rates(*(_mean([read(counts) for counts in drawn]) for read in (precision, recall, f1)))
    exact = chance_floor(reviewed, numbers, rule)
    goldens = sum(len(each.case.golden) for each in reviewed)
    found = sum(
        1 - (1 - chance_of([golden], each.places, rule.tells)) ** number
        for each, number in zip(reviewed, numbers, strict=True)
        for golden in each.case.golden
    )
    full = found / goldens if goldens else None
    both = 2 * exact * full / (exact + full) if exact and full else None
    return one, Rates(Figure(exact), Figure(full), Figure(both if both is not None else 0.0))


def _drawn(reviewed: Sequence[Reviewed], numbers: Sequence[int], rule: Rule) -> list[Counts]:
    chance = random.Random(_SEED)  # noqa: S311
    draws: list[list[Counts]] = [[] for _ in range(DRAWS)]
    for one, number in zip(reviewed, numbers, strict=True):
        goldens = one.case.golden
        near = [
            {index for index, golden in enumerate(goldens) if rule.tells(golden, at_place(place))}
            for place in one.places
        ]
        for draw in draws:
            at = chance.choices(near, k=number) if near else [set[int]()] * number
            edges = [
                [comment for comment, hits in enumerate(at) if index in hits]
                for index in range(len(goldens))
            ]
            paired = len(largest_pairing(edges))
            draw.append(Counts(goldens=len(goldens), comments=number, paired=paired))
    return [add_up(draw) for draw in draws]


def _mean(values: Sequence[float | None]) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(sum(known) / len(known) if known else None)
