"""A Run comes in; out comes its Score: how much of what is known it says, and how much else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewbot.evaluation.breakdown import (
    CurvePoint,
    Row,
    StageRow,
    by_category,
    by_size,
    chosen,
    counted,
    curve,
    grouped,
    row_of,
    without,
)
from reviewbot.evaluation.chance import chance_floor, random_comments
from reviewbot.evaluation.counts import Figure, Rates, mean
from reviewbot.evaluation.matching import Comment
from reviewbot.evaluation.record import RunInfo, Spent
from reviewbot.evaluation.replay import Replay, choose, said, shown, uncapped
from reviewbot.evaluation.reviewed import Reviewed, Rule, Run
from reviewbot.findings.calibration import SHIPPED

NEAR_BAD = 3
"""Within how many lines a comment repeats one that experts rejected."""


@dataclass(frozen=True, slots=True)
class RuleScore:
    """How the run scores by one rule; `chance` is the share of random comments that are right."""

    rule: str
    judge: str | None
    shown: Row
    uncapped: Row
    said: Row
    chance: float | None
    at_random: tuple[Rates, Rates] | None


@dataclass(frozen=True, slots=True)
class Repeats:
    """Comments that stand where experts rejected one, of so many that they did reject."""

    comments: int
    known_bad: int


@dataclass(frozen=True, slots=True)
class Score:
    """The whole of it. The tables by language, size, category and stage are by the `main` rule.

    `replayed_otherwise` are the cases of which a replay with all stages shows something else than
    the run did: it had another calibration, or another of equals.
    """

    dataset: str
    split: str | None
    model: str
    server: str
    version: str
    cases: int
    missing: tuple[str, ...]
    failed: tuple[str, ...]
    per_case: Figure
    per_clean_case: Figure
    clean_cases: int
    repeats: Repeats
    best_recall_at_cap: float | None
    usage: dict[str, Spent]
    rules: tuple[RuleScore, ...]
    main: str
    by_language: tuple[Row, ...]
    by_size: tuple[Row, ...]
    by_category: tuple[Row, ...]
    all_stages: Row
    stages: tuple[StageRow, ...]
    curve: tuple[CurvePoint, ...]
    replayed_otherwise: tuple[str, ...]


def replay_of(info: RunInfo) -> Replay:
    """Give the stages as the run had them; a run that names no calibration has the shipped one."""
    return Replay(info.calibration or SHIPPED, info.looks, info.threshold, info.cap)


def score(run: Run, rules: Sequence[Rule], replay: Replay) -> Score:
    """Score a run by each rule; the last rule is the main one.

    A case whose review failed found nothing: its goldens are missed.
    """
    main = rules[-1]
    reviewed = run.reviewed
    numbers = [len(shown(one.record)) for one in reviewed]
    clean = [n for one, n in zip(reviewed, numbers, strict=True) if one.case.is_clean]
    return Score(
        dataset=run.info.name,
        split=run.info.split,
        model=run.info.model,
        server=run.info.server,
        version=run.info.version,
        cases=len(reviewed),
        missing=run.missing,
        failed=tuple(one.case.id for one in reviewed if one.record.failure),
        per_case=mean(numbers),
        per_clean_case=mean(clean),
        clean_cases=len(clean),
        repeats=_repeats(reviewed),
        best_recall_at_cap=_best_recall(reviewed, run.info.cap),
        usage=_usage(reviewed),
        rules=tuple(_by_rule(reviewed, rule, numbers) for rule in rules),
        main=main.name,
        by_language=grouped(reviewed, main, lambda one: one.case.language),
        by_size=by_size(reviewed, main),
        by_category=by_category(reviewed, main),
        all_stages=row_of("all stages", reviewed, chosen(reviewed, main, replay)),
        stages=without(reviewed, main, replay),
        curve=curve(reviewed, main, replay),
        replayed_otherwise=tuple(
            one.case.id
            for one in reviewed
            if set(choose(one.record, replay)) != set(shown(one.record))
        ),
    )


def _by_rule(reviewed: Sequence[Reviewed], rule: Rule, numbers: Sequence[int]) -> RuleScore:
    """Score what was shown, what would have been without the cap, and all that was said."""

    def row(name: str, comments: Callable[[Reviewed], list[Comment]]) -> Row:
        return row_of(name, reviewed, counted(reviewed, rule, comments))

    by_line = rule.judge is None
    return RuleScore(
        rule=rule.name,
        judge=rule.judge,
        shown=row("shown", lambda one: shown(one.record)),
        uncapped=row("without the cap", lambda one: uncapped(one.record)),
        said=row("all that was said", lambda one: said(one.record)),
        chance=chance_floor(reviewed, numbers, rule) if by_line else None,
        at_random=random_comments(reviewed, numbers, rule) if by_line else None,
    )


def _repeats(reviewed: Sequence[Reviewed]) -> Repeats:
    """Count by path and line alone: rejected comments do not always say their side."""
    repeated = sum(
        any(
            bad.path == comment.path
            and bad.from_line - NEAR_BAD <= comment.line
            and comment.start_line <= bad.to_line + NEAR_BAD
            for bad in one.case.known_bad
        )
        for one in reviewed
        for comment in shown(one.record)
    )
    return Repeats(repeated, sum(len(one.case.known_bad) for one in reviewed))


def _best_recall(reviewed: Sequence[Reviewed], cap: int | None) -> float | None:
    """Give the recall of a reviewer who is always right, and held to the cap."""
    goldens = [len(one.case.golden) for one in reviewed]
    if not sum(goldens):
        return None
    return sum(number if cap is None else min(cap, number) for number in goldens) / sum(goldens)


def _usage(reviewed: Sequence[Reviewed]) -> dict[str, Spent]:
    """Sum the cost of each stage over all cases."""
    whole: dict[str, Spent] = {}
    for one in reviewed:
        for stage, spent in one.record.usage.items():
            other = whole.get(stage, Spent())
            whole[stage] = Spent(
                other.calls + spent.calls,
                other.prompt_tokens + spent.prompt_tokens,
                other.completion_tokens + spent.completion_tokens,
                other.cached_tokens + spent.cached_tokens,
            )
    return whole
