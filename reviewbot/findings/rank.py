"""Candidates come in; out come the same with their probability and fate: shown, or why not."""

from collections.abc import Sequence
from dataclasses import replace

from reviewbot.findings.calibration import Calibration
from reviewbot.findings.candidate import Candidate
from reviewbot.findings.finding import SEVERITIES, Finding


def weigh(candidate: Candidate, calibration: Calibration) -> Candidate:
    """Give a candidate its probability. One that an analyzer's rule proves has it already."""
    if candidate.probability is not None or candidate.finding is None:
        return candidate
    chance = calibration.probability(
        candidate.log_odds, candidate.support, candidate.finding.category
    )
    return replace(candidate, probability=chance)


def rank(candidates: Sequence[Candidate], threshold: float, most: int) -> list[Candidate]:
    """Decide what is shown: what is likely enough, and of that the likeliest, at most so many.

    The probability alone decides; in simulation a severity in the score cost .10 of average
    precision. Only of equals, as all are to one look without a judge, the gravest go first.
    """
    passed: list[int] = []
    decided: list[Candidate] = []
    for index, one in enumerate(candidates):
        if one.refuted is not None:
            decided.append(replace(one, fate="refuted", dropped=one.refuted))
        elif one.finding is not None and (one.probability or 0.0) < threshold:
            reason = f"unlikely: {one.probability or 0.0:.2f} is below {threshold:.2f}"
            decided.append(replace(one, fate="unlikely", dropped=reason))
        else:
            decided.append(one)
            if one.finding is not None:
                passed.append(index)
    likeliest = sorted(passed, key=lambda index: _standing(candidates[index]))
    for index in likeliest[max(0, most) :]:
        decided[index] = replace(
            decided[index], fate="capped", dropped="likelier ones are shown: see --max-findings"
        )
    return decided


def _standing(candidate: Candidate) -> tuple[float, int]:
    severity = candidate.finding.severity if candidate.finding else "minor"
    return -(candidate.probability or 0.0), SEVERITIES.index(severity)


def shown(candidates: Sequence[Candidate]) -> list[Finding]:
    """Give the findings that are shown, gravest first and then in the order of the diff."""
    findings = [one.finding for one in candidates if one.finding and one.fate == "shown"]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
