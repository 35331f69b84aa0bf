"""The noun Candidate: one matter that was brought up, what the stages made of it, and its fate."""

from dataclasses import dataclass
from typing import Literal

from reviewbot.findings.finding import Finding

Fate = Literal["shown", "capped", "unlikely", "refuted", "unplaced", "malformed"]
"""`unlikely`: below the threshold; `unplaced`: on no line of its chunk; `malformed`: it breaks
the schema."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A finding, and the look that gave it: 1 for the first, 0 for an analyzer."""

    look: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Candidate:
    """One matter. `heard` is every wording of it, and `finding` the one that stands for all; None
    where it could not be placed. `refuted` says why a look-up contradicts it. `log_odds` are the
    judge's, None where it abstained or was not asked (`judged`). `dropped` is the reason why it
    is not shown, None if it is.
    """

    path: str
    title: str
    finding: Finding | None
    heard: tuple[Heard, ...] = ()
    refuted: str | None = None
    judged: bool = False
    log_odds: float | None = None
    probability: float | None = None
    fate: Fate = "shown"
    dropped: str | None = None

    @property
    def looks(self) -> tuple[int, ...]:
        """The looks that said so, each once."""
        return tuple(sorted({one.look for one in self.heard if one.look}))

    @property
    def support(self) -> int:
        """How many looks said so; an analyzer counts as one."""
        return max(1, len(self.looks))
