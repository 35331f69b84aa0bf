"""Scores and comparisons come in; out come tables of plain text, or JSON."""

from collections.abc import Iterable, Sequence

import msgspec

from reviewbot.evaluation.breakdown import Row
from reviewbot.evaluation.compare import Comparison
from reviewbot.evaluation.counts import Figure, Rates
from reviewbot.evaluation.score import RuleScore, Score
from reviewbot.report.escape import one_line

NOTHING = "-"
"""Stands where a figure has nothing to divide by."""
_RATES = ("precision", "recall", "F1")
_MOST_NAMES = 5


def render_score(score: Score, calibration: str) -> str:
    """Print a score: what it is of, then every table. `calibration` says whose is used."""
    blocks = [_head(score)]
    blocks += [f"{_rule_title(rule.rule, rule.judge)}\n{_by_rule(rule)}" for rule in score.rules]
    blocks += [
        f"By language, {score.main}\n{_rows(score.by_language)}",
        f"By size, {score.main}\n{_rows(score.by_size)}",
        f"By the goldens' category, {score.main}\n{_categories(score.by_category)}",
        f"Without a stage, {score.main}; recomputed, {one_line(calibration)}\n{_stages(score)}",
        f"Tokens against recall, {score.main}\n{_curve(score)}",
    ]
    if score.usage:
        blocks.append(f"Cost of all cases\n{_usage(score)}")
    return "\n\n".join(blocks) + "\n"


def render_comparison(comparison: Comparison) -> str:
    """Print what differs between two runs, rule by rule."""
    head = [
        (
            f"{_of(comparison.dataset, comparison.split)}: {comparison.cases} cases in both runs,"
            " paired by case; intervals are 90 %"
        ),
        f"first: {one_line(comparison.first_model)}; second: {one_line(comparison.second_model)}",
    ]
    for which, names in (("first", comparison.only_first), ("second", comparison.only_second)):
        if names:
            head.append(f"only in the {which} run, left out: {_names(names)}")
    blocks = ["\n".join(head)]
    for rule in comparison.rules:
        rows = [
            (one.figure, _number(one.first), _number(one.second), _change(one.change), one.verdict)
            for one in rule.differences
        ]
        table = render_table(("", "first", "second", "change", ""), rows)
        blocks.append(f"{_rule_title(rule.rule, rule.judge)}\n{table}")
    return "\n\n".join(blocks) + "\n"


def render_json(result: object) -> str:
    """Write a score or a comparison, which are dataclasses, as JSON."""
    return msgspec.json.format(msgspec.json.encode(result)).decode() + "\n"


def render_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set cells in columns: the first to the left, the others to the right."""
    cells = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        first = row[0].ljust(widths[0])
        others = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def _head(score: Score) -> str:
    lines = [
        (
            f"{_of(score.dataset, score.split)}: {score.cases} cases reviewed by"
            f" {one_line(score.model)} ({one_line(score.server)}); intervals are 90 %"
        ),
        f"findings per pull request: {_figure(score.per_case)}",
        (
            f"false findings per clean case: {_figure(score.per_clean_case)}"
            f" ({score.clean_cases} clean cases)"
        ),
        (
            f"repeats of rejected comments, by line: {score.repeats.comments}"
            f" ({score.repeats.known_bad} known)"
        ),
        f"the most that the cap allows of recall: {_number(score.best_recall_at_cap)}",
    ]
    if score.failed:
        lines.append(f"failed, and counted as found nothing: {_names(score.failed)}")
    if score.missing:
        lines.append(f"not reviewed yet, and not counted: {_names(score.missing)}")
    return "\n".join(lines)


def _of(dataset: str, split: str | None) -> str:
    return f"{one_line(dataset)}, {f'part {split!r}' if split else 'all parts'}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{len(names)} ({', '.join(map(one_line, names[:_MOST_NAMES]))}{more})"


def _rule_title(rule: str, judge: str | None) -> str:
    if judge is None:
        return f"Matched {rule}"
    return (
        f"Matched {rule}; judge: {one_line(judge)} (not comparable with published figures:"
        " how far it agrees with their judges is not measured)"
    )


def _by_rule(score: RuleScore) -> str:
    header = ("", "findings", "goldens", *_RATES, *(f"{name}, many" for name in _RATES))
    rows = [_rates_row(row) for row in (score.shown, score.uncapped, score.said)]
    if score.at_random is not None:
        one, many = score.at_random
        same = (str(score.shown.comments), str(score.shown.goldens))
        rows.append(("as many at random", *same, *_rates(one), *_rates(many)))
    table = render_table(header, rows)
    if score.chance is None:
        return table
    return f"{table}\nchance floor, a random changed line: {_number(score.chance)}"


def _rates_row(row: Row) -> tuple[str, ...]:
    counts = (str(row.comments), str(row.goldens))
    return (row.name, *counts, *_rates(row.one_to_one), *_rates(row.many_to_one))


def _rows(rows: Sequence[Row]) -> str:
    header = ("", "cases", "findings", "goldens", *_RATES)
    return render_table(
        header,
        [
            (row.name, str(row.cases), str(row.comments), str(row.goldens), *_rates(row.one_to_one))
            for row in rows
        ],
    )


def _categories(rows: Sequence[Row]) -> str:
    return render_table(
        ("", "cases", "goldens", "recall", "recall, many"),
        [
            (
                row.name,
                str(row.cases),
                str(row.goldens),
                _figure(row.one_to_one.recall),
                _figure(row.many_to_one.recall),
            )
            for row in rows
        ],
    )


def _stages(score: Score) -> str:
    whole = score.all_stages
    first = (whole.name, str(whole.comments), *_rates(whole.one_to_one), "", "", "")
    rows = [
        (
            one.row.name,
            str(one.row.comments),
            *_rates(one.row.one_to_one),
            *map(_change, (one.precision, one.recall, one.f1)),
        )
        for one in score.stages
    ]
    header = ("", "findings", *_RATES, *(f"change of {name}" for name in _RATES))
    table = render_table(header, [first, *rows])
    if not score.replayed_otherwise:
        return table
    names = _names(score.replayed_otherwise)
    return f'{table}\nthe run showed something else than "all stages" of: {names}'


def _curve(score: Score) -> str:
    return render_table(
        ("looks", "prompt tokens a case", "recall of all said", "recall of what is shown"),
        [
            (str(one.looks), _tokens(one.prompt_tokens), _figure(one.said), _figure(one.shown))
            for one in score.curve
        ],
    )


def _usage(score: Score) -> str:
    return render_table(
        ("stage", "calls", "prompt tokens", "of these cached", "answer tokens"),
        [
            (
                stage,
                f"{spent.calls:,}",
                f"{spent.prompt_tokens:,}",
                f"{spent.cached_tokens:,}",
                f"{spent.completion_tokens:,}",
            )
            for stage, spent in sorted(score.usage.items())
        ],
    )


def _rates(rates: Rates) -> tuple[str, str, str]:
    return _figure(rates.precision), _figure(rates.recall), _figure(rates.f1)


def _figure(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return _number(figure.value)
    return f"{_number(figure.value)} [{figure.low:.3f} {figure.high:.3f}]"


def _change(figure: Figure) -> str:
    if figure.value is None:
        return NOTHING
    if figure.low is None or figure.high is None:
        return f"{figure.value:+.3f}"
    return f"{figure.value:+.3f} [{figure.low:+.3f} {figure.high:+.3f}]"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _tokens(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"
