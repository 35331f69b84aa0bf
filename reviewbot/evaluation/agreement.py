"""A judge's verdicts and known ones come in; out comes whether its figures compare with others'."""

from collections.abc import Iterable
from dataclasses import dataclass

ENOUGH_KAPPA = 0.8
"""From here on two judges are commonly said to agree almost perfectly."""
ENOUGH_VERDICTS = 50


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a judge agrees with known judgements.

    `both` and `neither` count what it agrees on, `only_judge` and `only_known` the pairs that one
    alone calls the same. `abstained` of all gave no verdict: they count as "no", as in a score.
    """

    judge: str
    both: int
    neither: int
    only_judge: int
    only_known: int
    abstained: int

    @property
    def verdicts(self) -> int:
        """How many pairs were judged."""
        return self.both + self.neither + self.only_judge + self.only_known

    @property
    def share(self) -> float | None:
        """Give the share of pairs on which both agree."""
        return (self.both + self.neither) / self.verdicts if self.verdicts else None

    @property
    def kappa(self) -> float | None:
        """Give Cohen's kappa; None where chance alone would agree on everything."""
        total = self.verdicts
        if not total:
            return None
        judge, known = self.both + self.only_judge, self.both + self.only_known
        by_chance = (judge * known + (total - judge) * (total - known)) / total**2
        if by_chance == 1:
            return None
        return ((self.both + self.neither) / total - by_chance) / (1 - by_chance)

    @property
    def comparable(self) -> bool:
        """Whether figures made with this judge may stand beside published ones."""
        kappa = self.kappa
        return self.verdicts >= ENOUGH_VERDICTS and kappa is not None and kappa >= ENOUGH_KAPPA

    def sentence(self) -> str:
        """Say it to a person, with the judge's name and the reason."""
        if self.kappa is None or self.share is None:
            return f"not comparable: nothing tells judge {self.judge} from chance"
        measured = f"kappa {self.kappa:.2f}, {self.share:.0%} of {self.verdicts} verdicts agree"
        if self.comparable:
            return f"comparable: judge {self.judge} agrees with the known judgements ({measured})"
        wanted = f"{ENOUGH_KAPPA:.2f} on at least {ENOUGH_VERDICTS} is asked for"
        return f"not comparable: judge {self.judge} ({measured}; {wanted})"


def agree(verdicts: Iterable[tuple[bool | None, bool]], judge: str) -> Agreement:
    """Compare verdicts, each with the known one beside it."""
    counts = {(said, known): 0 for said in (True, False, None) for known in (True, False)}
    for verdict in verdicts:
        counts[verdict] += 1
    return Agreement(
        judge=judge,
        both=counts[True, True],
        neither=counts[False, False] + counts[None, False],
        only_judge=counts[True, False],
        only_known=counts[False, True] + counts[None, True],
        abstained=counts[None, True] + counts[None, False],
    )
