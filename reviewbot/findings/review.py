"""The noun Review: what was found, what was looked at and what was not, and what it cost."""

from dataclasses import dataclass

from reviewbot.diff.parse import Status
from reviewbot.diff.triage import NotReviewed, Range
from reviewbot.findings.candidate import Candidate
from reviewbot.findings.finding import Finding


@dataclass(frozen=True, slots=True)
class ReviewedFile:
    """One file of the diff; `added` and `removed` count its readable changed lines."""

    path: str
    old_path: str | None
    status: Status
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class ReviewedChunk:
    """One request's share of a file: its changed lines, and the tokens of the whole request.

    `exact` says that the server counted the tokens; otherwise they are an estimate.
    """

    path: str
    lines: tuple[Range, ...]
    tokens: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """Changed lines of the diff that could be read, and those that the model was shown."""

    changed_lines: int
    reviewed_lines: int


@dataclass(frozen=True, slots=True)
class StageUsage:
    """What one stage cost: calls, and tokens.

    `shared_tokens` estimates the part of the prompts that an earlier call about the same chunk
    began with as well; `cached_tokens` is what the server says it had of them, 0 where it does
    not say.
    """

    stage: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    shared_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a review cost: calls sent (the probe and retries too), and tokens.

    `dropped_findings` counts what was said and is not shown for its own sake: it broke the
    schema, named no line of its chunk, repeated another one of the same look, was refuted or is
    unlikely.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    dropped_findings: int = 0
    stages: tuple[StageUsage, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """A whole review. `model` is None where none was asked (`--plan`, or nothing to review).

    `findings` are those shown, gravest first and then in the order of the diff;
    `hidden_findings` counts what was too unlikely or beyond the cap. `caution` is what a reader
    must know of the model, None where there is nothing. `went_without` says which part of the
    review failed, and why, where the lines were reviewed all the same. `calibrated` is False
    where a judge was asked that nobody calibrated for the model.
    """

    model: str | None
    files: tuple[ReviewedFile, ...]
    chunks: tuple[ReviewedChunk, ...]
    findings: tuple[Finding, ...]
    hidden_findings: int
    not_reviewed: tuple[NotReviewed, ...]
    coverage: Coverage
    usage: Usage
    candidates: tuple[Candidate, ...] = ()
    caution: str | None = None
    went_without: tuple[str, ...] = ()
    calibrated: bool = True

    @property
    def complete(self) -> bool:
        """Whether all that should have been reviewed was: what policy leaves out is no gap."""
        return all(gap.policy for gap in self.not_reviewed)
