"""What each stage of a review brings, on the scripted model: a table with ranges over 25 seeds.

    python -m benchmarks.stages

The scripted model is no model: its bugs, its false alarms and its judge (right 80 % of the time)
are numbers of `tests/fakes/scripted.py`. The table shows what the stages do with them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from reviewbot.engine.stages import MOST_FINDINGS, THRESHOLD
from reviewbot.findings.calibration import Calibration, Labelled, fit
from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.merge import keep_apart, merge
from reviewbot.findings.rank import rank, weigh
from tests.fakes.scripted import GOLDENS
from tests.test_stages import FIT, TOLD, Seed, run

Choose = Callable[[Seed], list[Candidate]]


def every_stage(seed: Seed) -> list[Candidate]:
    """What the review made of it."""
    return list(seed.candidates)


def without_judge(seed: Seed) -> list[Candidate]:
    """The same with nobody asked."""
    return [replace(one, log_odds=None) for one in seed.candidates]


def without_merging(seed: Seed) -> list[Candidate]:
    """Each wording a candidate of its own; the judge's word on the matter is each one's."""
    return [
        replace(alone, log_odds=one.log_odds)
        for one in seed.candidates
        for alone in keep_apart(one.heard)
    ]


def looks(most: int) -> Choose:
    """Give the review with the first so many looks."""

    def choose(seed: Seed) -> list[Candidate]:
        chosen: list[Candidate] = []
        for path in dict.fromkeys(one.path for one in seed.candidates):
            of_file = [one for one in seed.candidates if one.path == path]
            odds = {id(said): one.log_odds for one in of_file for said in one.heard}
            heard: list[Heard] = [
                said for one in of_file for said in one.heard if said.look <= most
            ]
            chosen += [replace(one, log_odds=odds[id(one.heard[0])]) for one in merge(heard)]
        return chosen

    return choose


def labelled(seed: Seed, candidates: Iterable[Candidate]) -> list[Labelled]:
    """Say of each whether it is right."""
    return [Labelled(one.log_odds, one.support, seed.matter(one).right) for one in candidates]


def figures(choose: Choose, calibration: Calibration, seed: Seed) -> tuple[float, ...]:
    """Give the share of all bugs shown, and of what is shown the share that is right: before the
    cap, and behind it.
    """
    weighed = [weigh(replace(one, probability=None), calibration) for one in choose(seed)]
    told: list[float] = []
    for cap in (10_000, MOST_FINDINGS):
        shown: list[Candidate] = []
        for path in dict.fromkeys(one.path for one in weighed):
            ranked = rank([one for one in weighed if one.path == path], THRESHOLD, cap)
            shown += [one for one in ranked if one.fate == "shown"]
        bugs = {seed.matter(one) for one in shown if seed.matter(one).right}
        told += [len(bugs) / sum(GOLDENS), len(bugs) / max(1, len(shown))]
    return tuple(told)


def row(name: str, choose: Choose) -> None:
    """Print the means over the seeds that are told, with the range of nine in ten."""
    calibration = fit((one for seed in map(run, FIT) for one in labelled(seed, choose(seed))), name)
    columns = list(zip(*(figures(choose, calibration, run(seed)) for seed in TOLD), strict=True))
    print(f"{name:<20}" + "".join(f"  {spread(column):>18}" for column in columns))


def spread(column: Sequence[float]) -> str:
    """Write a mean and its range."""
    ordered = sorted(column)
    low, high = ordered[1], ordered[-2]
    return f"{fmean(ordered):.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    heads = ("bugs shown", "right of shown", "bugs, cap of 5", "right, cap of 5")
    print(f"{'':<20}" + "".join(f"  {head:>18}" for head in heads))
    row("all stages", every_stage)
    row("without the judge", without_judge)
    row("without merging", without_merging)
    for most in (1, 2):
        row("one look" if most == 1 else "two looks", looks(most))


if __name__ == "__main__":
    main()
