"""The record of a review and a choice of stages come in; out come the comments it would make.

No model is asked: what each stage said of each candidate is in the record. So a stage can be left
out afterwards, and what that changes is what the stage brings.
"""

from dataclasses import dataclass, replace

from reviewbot.evaluation.matching import Comment
from reviewbot.evaluation.record import CandidateRecord, CaseRecord, Member
from reviewbot.findings.calibration import Calibration
from reviewbot.findings.candidate import Fate
from reviewbot.findings.finding import SEVERITIES

NOT_PLACED: tuple[Fate, ...] = ("unplaced", "malformed")
"""What became no finding at all, whatever the later stages do."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What takes part when a review is played again.

    `looks` is how many passes are counted, `cap` is None for no cap,
    `threshold` is the least probability that is shown; 0 shows all. `proofs` are what rules of
    analyzers prove; what analyzers tell the judge stays in its verdicts.
    """

    calibration: Calibration
    looks: int
    threshold: float
    cap: int | None
    claims: bool = True
    judge: bool = True
    merge: bool = True
    proofs: bool = True

    def first(self, looks: int) -> "Replay":
        """Give the same over the first so many looks."""
        return replace(self, looks=looks)

    def left_out(self) -> dict[str, "Replay"]:
        """Give the same with each stage left out in turn, by what is left out."""
        return {
            "claim checks": replace(self, claims=False),
            "judge": replace(self, judge=False),
            "several looks": replace(self, looks=1),
            "merging": replace(self, merge=False),
            "analyzers' proofs": replace(self, proofs=False),
            "threshold": replace(self, threshold=0.0),
            "cap": replace(self, cap=None),
        }


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A comment with its standing: the likeliest first, of equals the gravest, as when it ran."""

    probability: float
    severity: int
    comment: Comment


def comment_of(candidate: CandidateRecord) -> Comment:
    """Give what a reader would see of a candidate."""
    return Comment(
        candidate.path, candidate.side, candidate.start_line, candidate.line, text_of(candidate)
    )


def text_of(candidate: CandidateRecord) -> str:
    """Give the words of a candidate, title first."""
    return f"{candidate.title}\n{candidate.body}".strip()


def shown(record: CaseRecord) -> list[Comment]:
    """Give the comments that the review did show."""
    return [comment_of(one) for one in record.candidates if one.fate == "shown"]


def uncapped(record: CaseRecord) -> list[Comment]:
    """Give the comments that the review would have shown without its cap."""
    return [comment_of(one) for one in record.candidates if one.fate in ("shown", "capped")]


def said(record: CaseRecord, looks: int | None = None) -> list[Comment]:
    """Give all that was said of a line, in the first so many looks, and by analyzers."""
    return [
        comment_of(one)
        for one in record.candidates
        if one.fate not in NOT_PLACED and (looks is None or _support(one, looks))
    ]


def choose(record: CaseRecord, replay: Replay) -> list[Comment]:
    """Give the comments that a review with these stages shows, the likeliest first."""
    ranked = [
        one
        for candidate in record.candidates
        if candidate.fate not in NOT_PLACED
        and not (replay.claims and candidate.refuted is not None)
        for one in _ranked(candidate, replay)
        if one.probability >= replay.threshold
    ]
    ranked.sort(key=lambda one: (-one.probability, one.severity))
    return [one.comment for one in ranked[: replay.cap]]


def _ranked(candidate: CandidateRecord, replay: Replay) -> list[_Ranked]:
    """Give a candidate as one comment, or as each thing that was said, where none are merged."""
    support = _support(candidate, replay.looks, proofs=replay.proofs)
    if not support:
        return []
    grave = _gravity(candidate.severity)
    if replay.merge or not candidate.members:
        probability = _probability(candidate, support, replay)
        return [_Ranked(probability, grave, comment_of(candidate))]
    alone = _probability(candidate, 1, replay)
    return [
        _Ranked(alone, _gravity(member.severity), _member_comment(candidate, member))
        for member in candidate.members
        if member.look <= replay.looks
    ]


def _probability(candidate: CandidateRecord, support: int, replay: Replay) -> float:
    """Weigh a candidate anew; one that an analyzer's rule proves has its own probability."""
    proven = replay.proofs and candidate.source != "model" and not candidate.judged
    if proven and candidate.probability is not None:
        return candidate.probability
    log_odds = candidate.log_odds if replay.judge else None
    return replay.calibration.probability(log_odds, support, candidate.category)


def _gravity(severity: str) -> int:
    known: tuple[str, ...] = SEVERITIES
    return known.index(severity) if severity in known else len(known)


def _support(candidate: CandidateRecord, looks: int, *, proofs: bool = True) -> int:
    """Count the looks that said so; what an analyzer said too, in look 0, needs none."""
    heard = sum(look <= looks for look in candidate.looks)
    by_analyzer = candidate.source != "model" or any(one.look == 0 for one in candidate.members)
    return max(1, heard) if by_analyzer and proofs else heard


def _member_comment(candidate: CandidateRecord, member: Member) -> Comment:
    """Place a member where it stood; its meaning is its candidate's, of which a judge was asked."""
    return Comment(candidate.path, member.side, member.start_line, member.line, text_of(candidate))
