"""The noun Stages: which parts of a review are on, and what they keep to."""

from dataclasses import dataclass

from reviewbot.findings.calibration import SHIPPED, Calibration

MOST_FINDINGS = 5
"""Of the published scores those with about three comments for a pull request are the best, and
beyond five precision falls."""
THRESHOLD = 0.14
"""Just below what one look alone is worth to a judge that abstains, so that an abstention never
drops anything by itself; nine of ten right candidates of the scripted model are above it."""


@dataclass(frozen=True, slots=True)
class Stages:
    """How a review is made. Each stage can be left out; `looks` counts the passes over a chunk.

    `judge_all` has the judge hear refuted candidates too, as the instrument wants it.
    """

    looks: int = 3
    context: bool = True
    merge: bool = True
    checks: bool = True
    judge: bool = True
    wording: bool = True
    analyzers: bool = True
    threshold: float = THRESHOLD
    most: int = MOST_FINDINGS
    calibration: Calibration = SHIPPED
    judge_all: bool = False


ONE_LOOK = Stages(
    looks=1,
    context=False,
    checks=False,
    judge=False,
    wording=False,
    analyzers=False,
    threshold=0.0,
    most=25,
)
"""A review without the stages: what the model says of each chunk, once."""
