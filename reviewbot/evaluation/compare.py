"""Two Runs over the same cases come in; out comes what differs, and if it is more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.errors import InputError
from reviewbot.evaluation.counts import (
    Counts,
    Figure,
    Reading,
    add_up,
    f1,
    many_f1,
    many_precision,
    many_recall,
    precision,
    recall,
    resample_change,
)
from reviewbot.evaluation.replay import shown
from reviewbot.evaluation.reviewed import Reviewed, Rule, Run

READINGS: tuple[tuple[str, Reading], ...] = (
    ("precision", precision),
    ("recall", recall),
    ("F1", f1),
    ("precision, many-to-one", many_precision),
    ("recall, many-to-one", many_recall),
    ("F1, many-to-one", many_f1),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both runs, and how much larger the second one's is, with its interval."""

    figure: str
    first: float | None
    second: float | None
    change: Figure

    @property
    def more_than_noise(self) -> bool:
        """Whether the 90 % interval of the change leaves 0 out."""
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and (low > 0 or high < 0)

    @property
    def verdict(self) -> str:
        """Say it in a few words."""
        return "more than noise" if self.more_than_noise else "within noise"


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """What differs by one rule."""

    rule: str
    judge: str | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side, over the cases that both have: `only_first` and `only_second` lack
    the other's review and take no part.
    """

    dataset: str
    split: str | None
    first_model: str
    second_model: str
    cases: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    rules: tuple[RuleComparison, ...]


def compare(first: Run, second: Run, rules: Sequence[tuple[Rule, Rule]]) -> Comparison:
    """Compare two runs, each by its own of two rules that mean the same.

    Raises `InputError` where the runs are over different datasets, parts or judges, or have no
    case in common.
    """
    _require_same(first, second)
    one = {each.case.id: each for each in first.reviewed}
    other = {each.case.id: each for each in second.reviewed}
    common = [name for name in one if name in other]
    if not common:
        raise InputError("the two runs have reviewed no case in common")
    return Comparison(
        dataset=first.info.name,
        split=first.info.split,
        first_model=first.info.model,
        second_model=second.info.model,
        cases=len(common),
        only_first=tuple(name for name in one if name not in other),
        only_second=tuple(name for name in other if name not in one),
        rules=tuple(
            _by_rule([one[name] for name in common], [other[name] for name in common], pair)
            for pair in rules
        ),
    )


def _require_same(first: Run, second: Run) -> None:
    """Refuse what cannot be paired: a difference between datasets says nothing of the runs."""
    a, b = first.info, second.info
    if a.name != b.name:
        raise InputError(f"the runs are over different datasets: {a.name!r} and {b.name!r}")
    if a.digest != b.digest:
        raise InputError(f"the dataset {a.name!r} has changed between the two runs")
    if a.split != b.split:
        raise InputError(f"the runs are over different parts: {a.split} and {b.split}")


def _by_rule(
    first: Sequence[Reviewed], second: Sequence[Reviewed], rules: tuple[Rule, Rule]
) -> RuleComparison:
    rule, other_rule = rules
    if (rule.name, rule.judge) != (other_rule.name, other_rule.judge):
        raise InputError(f"different rules: {rule.name}, {other_rule.name}; or different judges")
    before, after = _counts(first, rule), _counts(second, other_rule)
    changes = resample_change(before, after, [read for _, read in READINGS])
    old, new = add_up(before), add_up(after)
    return RuleComparison(
        rule.name,
        rule.judge,
        tuple(
            Difference(name, read(old), read(new), change)
            for (name, read), change in zip(READINGS, changes, strict=True)
        ),
    )


def _counts(reviewed: Sequence[Reviewed], rule: Rule) -> list[Counts]:
    return [one.count(shown(one.record), rule) for one in reviewed]
