"""Reviewed cases come in; out come rows: by language, size, category, stage and number of looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewbot.evaluation.counts import (
    Counts,
    Figure,
    Rates,
    add_up,
    f1,
    mean,
    precision,
    rates,
    recall,
    resample,
    resample_change,
)
from reviewbot.evaluation.matching import Comment, match
from reviewbot.evaluation.replay import Replay, choose, said, shown
from reviewbot.evaluation.reviewed import Reviewed, Rule, size_name

_NO_CATEGORY = "(none)"


@dataclass(frozen=True, slots=True)
class Row:
    """The rates of some comments on some cases, one-to-one and many-to-one."""

    name: str
    cases: int
    goldens: int
    comments: int
    one_to_one: Rates
    many_to_one: Rates


@dataclass(frozen=True, slots=True)
class StageRow:
    """What is shown without a stage, and how precision, recall and F1 change by leaving it out."""

    without: str
    row: Row
    precision: Figure
    recall: Figure
    f1: Figure


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What so many looks cost and find: prompt tokens a case, None where they are not known.

    `said` is the recall of all that was said, `shown` that of what is shown of it.
    """

    looks: int
    prompt_tokens: float | None
    said: Figure
    shown: Figure


def row_of(name: str, reviewed: Sequence[Reviewed], counts: Sequence[Counts]) -> Row:
    """Sum counts, one for each case, into a row."""
    whole = add_up(counts)
    return Row(name, len(reviewed), whole.goldens, whole.comments, *rates(counts))


def counted(
    reviewed: Sequence[Reviewed], rule: Rule, comments: Callable[[Reviewed], list[Comment]]
) -> list[Counts]:
    """Match the comments that are chosen of each case."""
    return [one.count(comments(one), rule) for one in reviewed]


def grouped(
    reviewed: Sequence[Reviewed], rule: Rule, key: Callable[[Reviewed], str]
) -> tuple[Row, ...]:
    """Score what was shown, group by group, sorted by the groups' names."""
    groups: dict[str, list[Reviewed]] = {}
    for one in reviewed:
        groups.setdefault(key(one), []).append(one)
    return tuple(
        row_of(name, group, counted(group, rule, lambda one: shown(one.record)))
        for name, group in sorted(groups.items())
    )


def by_size(reviewed: Sequence[Reviewed], rule: Rule) -> tuple[Row, ...]:
    """Group by size, the smallest changes first."""
    least: dict[str, int] = {}
    for one in reviewed:
        name = size_name(one.size)
        least[name] = min(one.size, least.get(name, one.size))
    rows = grouped(reviewed, rule, lambda one: size_name(one.size))
    return tuple(sorted(rows, key=lambda row: least[row.name]))


def by_category(reviewed: Sequence[Reviewed], rule: Rule) -> tuple[Row, ...]:
    """Count found goldens by their category; comments have none that compares, hence recall only.

    A row's cases are those that hold a golden of the category.
    """
    counts: dict[str, list[Counts]] = {}
    for one in reviewed:
        found = match(one.case.golden, shown(one.record), rule.tells)
        paired = {golden for golden, _ in found.pairs}
        mine: dict[str, Counts] = {}
        for index, golden in enumerate(one.case.golden):
            name = golden.category or _NO_CATEGORY
            one_more = Counts(1, 0, int(index in paired), int(index in found.found), 0)
            mine[name] = add_up([mine.get(name, Counts()), one_more])
        for name, count in mine.items():
            counts.setdefault(name, []).append(count)
    return tuple(
        Row(name, len(each), add_up(each).goldens, 0, *rates(each))
        for name, each in sorted(counts.items())
    )


def chosen(reviewed: Sequence[Reviewed], rule: Rule, replay: Replay) -> list[Counts]:
    """Match what these stages show of each case."""
    return counted(reviewed, rule, lambda one: choose(one.record, replay))


def without(reviewed: Sequence[Reviewed], rule: Rule, replay: Replay) -> tuple[StageRow, ...]:
    """Leave each stage out in turn."""
    whole = chosen(reviewed, rule, replay)
    rows = []
    for name, rest in replay.left_out().items():
        counts = chosen(reviewed, rule, rest)
        changes = resample_change(whole, counts, (precision, recall, f1))
        rows.append(StageRow(name, row_of(f"without {name}", reviewed, counts), *changes))
    return tuple(rows)


def curve(reviewed: Sequence[Reviewed], rule: Rule, replay: Replay) -> tuple[CurvePoint, ...]:
    """Give cost and recall for one look up to all."""
    return tuple(
        _point(reviewed, rule, replay.first(looks)) for looks in range(1, replay.looks + 1)
    )


def _point(reviewed: Sequence[Reviewed], rule: Rule, replay: Replay) -> CurvePoint:
    looks = replay.looks
    asked = [one.record.prompt_tokens_by_look for one in reviewed if not one.record.failure]
    tokens = [float(sum(each[:looks])) for each in asked if each]
    [all_said] = resample(counted(reviewed, rule, lambda one: said(one.record, looks)), [recall])
    [kept] = resample(chosen(reviewed, rule, replay), [recall])
    return CurvePoint(looks, mean(tokens).value, all_said, kept)
