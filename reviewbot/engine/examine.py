"""A Chunk comes in; out come its Candidates: several looks, merged, checked and judged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reviewbot.context.note import Note
from reviewbot.diff.chunk import Chunk
from reviewbot.diff.triage import NotReviewed
from reviewbot.engine.evidence import PROVEN, Evidence
from reviewbot.engine.stages import Stages
from reviewbot.errors import RefusedError, ServerError
from reviewbot.findings.candidate import Candidate, Heard
from reviewbot.findings.finding import Finding, build_finding, line_ids
from reviewbot.findings.judge import log_odds
from reviewbot.findings.merge import keep_apart, merge
from reviewbot.model.ask import Asker, Outcome, is_temporary
from reviewbot.model.look import LOOKS
from reviewbot.model.prompt import Claim, Shown, build_judgement


class Surroundings(Protocol):
    """What is known of the code around a change. All of it may take a while: no loop waits."""

    def notes(self, chunk: Chunk) -> tuple[Note, ...]:
        """Give the code around a chunk that the model is shown with it."""
        ...

    def refutes(self, finding: Finding) -> str | None:
        """Say why a look-up contradicts a finding; None where it does not or cannot decide."""
        ...

    def spoils(self, finding: Finding) -> str | None:
        """Say why a finding's suggestion cannot be made; None where it can."""
        ...

    async def analyse(self) -> Evidence:
        """Let the analyzers that are installed look at the change."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A candidate, and the request that showed its lines."""

    candidate: Candidate
    shown: Shown


@dataclass(slots=True)
class Examined:
    """What came of a chunk. `went_without` says which part of the work failed though its lines
    were looked at; `temporary` that another try later may do what failed.
    """

    held: list[Held] = field(default_factory=list)
    failed: list[NotReviewed] = field(default_factory=list)
    went_without: list[str] = field(default_factory=list)
    temporary: bool = False

    def fail(self, outcome: Outcome) -> None:
        """Note an outcome that leaves lines not reviewed."""
        if outcome.failure is None:
            return
        ranges = outcome.chunk.ranges()
        self.failed.append(NotReviewed(outcome.chunk.path, ranges, outcome.failure, policy=False))
        self.temporary |= outcome.temporary

    def miss(self, part: str, reason: str, *, temporary: bool) -> None:
        """Note a part of the work that failed, and cost the chunk no line."""
        self.went_without.append(f"{part}: {reason}")
        self.temporary |= temporary


@dataclass(frozen=True, slots=True)
class Bench:
    """What every chunk of a review is examined with. `evidence` comes while the model looks."""

    asker: Asker
    stages: Stages
    around: Surroundings | None
    evidence: asyncio.Future[Evidence]


async def examine(chunk: Chunk, bench: Bench) -> Examined:
    """Look at a chunk as often as is wanted, and judge what was found.

    The first look comes before the others, so that they find its prefix in the server's cache.
    Where it had to be halved, the others look at the halves.
    """
    notes: tuple[Note, ...] = ()
    if bench.around is not None and bench.stages.context:
        notes = await asyncio.to_thread(bench.around.notes, chunk)
    examined = Examined()
    first = await bench.asker.ask(Shown(chunk, notes))
    async with asyncio.TaskGroup() as group:
        for outcome in first:
            group.create_task(_examine_one(outcome, bench, examined))
    return examined


async def _examine_one(first: Outcome, bench: Bench, examined: Examined) -> None:
    """Go on from the first look at a chunk, or at the part of it that was asked about."""
    stages, around = bench.stages, bench.around
    examined.fail(first)
    outcomes = [(1, first)]
    if first.answer is not None and not first.failure:
        outcomes += await _look_again(first.shown, bench.asker, stages.looks, examined)
    heard: list[Heard] = []
    for number, outcome in outcomes:
        heard += _place(number, outcome, examined)
    evidence = await asyncio.shield(bench.evidence)
    heard += [Heard(0, finding) for finding in evidence.of_chunk(first.chunk)]
    candidates = merge(heard) if stages.merge else keep_apart(heard)
    candidates = [proven for candidate in candidates for proven in _prove(candidate)]
    if around is not None and stages.checks:
        candidates = await asyncio.to_thread(_check, candidates, around)
    if stages.judge:
        candidates = await _judge(candidates, first.shown, bench, examined)
    examined.held += [Held(candidate, first.shown) for candidate in candidates]


def _prove(candidate: Candidate) -> list[Candidate]:
    """Let an analyzer's own words stand for what it proves, whoever else said so.

    Each proof is a matter of its own, however alike the words of two rules are.
    """
    proofs = [one for one in candidate.heard if one.look == 0]
    if not proofs:
        return [candidate]
    said = tuple(one for one in candidate.heard if one.look)
    return [
        replace(
            candidate,
            finding=proof.finding,
            title=proof.finding.title,
            heard=(proof,) if index else (proof, *said),
            probability=PROVEN,
        )
        for index, proof in enumerate(proofs)
    ]


async def _look_again(
    shown: Shown, asker: Asker, looks: int, examined: Examined
) -> list[tuple[int, Outcome]]:
    """Take the other looks at once. One that fails costs the others nothing, and is told."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            (look.number, group.create_task(asker.ask(shown, look))) for look in LOOKS[1:looks]
        ]
    outcomes = [(number, outcome) for number, task in tasks for outcome in task.result()]
    for number, outcome in outcomes:
        if outcome.failure:
            part = f"look {number} at {outcome.chunk.path}"
            examined.miss(part, outcome.failure, temporary=outcome.temporary)
    return outcomes


def _place(number: int, outcome: Outcome, examined: Examined) -> list[Heard]:
    """Put what one look said on its lines, in the order of the diff, and note what has none."""
    answer, path = outcome.answer, outcome.chunk.path
    if answer is None:
        return []
    malformed = Candidate(path, "", None, fate="malformed", dropped="breaks the schema")
    examined.held += [Held(malformed, outcome.shown)] * answer.malformed
    placed: list[Heard] = []
    for said in answer.said:
        finding = build_finding(said, outcome.chunk)
        if finding is not None:
            placed.append(Heard(number, finding))
            continue
        reason = f"names no line of its chunk: {said.start[:40]!r}"
        lost = Candidate(path, said.title, None, fate="unplaced", dropped=reason)
        examined.held.append(Held(lost, outcome.shown))
    return sorted(placed, key=lambda one: one.finding.order)


def _check(candidates: Sequence[Candidate], around: Surroundings) -> list[Candidate]:
    """Note of each candidate whether a look-up contradicts it, and drop spoilt suggestions."""
    checked: list[Candidate] = []
    for candidate in candidates:
        finding = candidate.finding
        assert finding is not None
        if candidate.probability is not None:
            checked.append(candidate)
            continue
        if finding.suggestion is not None and around.spoils(finding):
            finding = replace(finding, suggestion=None)
        checked.append(replace(candidate, finding=finding, refuted=around.refutes(finding)))
    return checked


async def _judge(
    candidates: Sequence[Candidate], shown: Shown, bench: Bench, examined: Examined
) -> list[Candidate]:
    """Ask of each candidate, on its own, whether it holds."""

    async def judge(candidate: Candidate) -> Candidate:
        if candidate.probability is not None:
            return candidate
        if candidate.refuted is not None and not bench.stages.judge_all:
            return candidate
        assert candidate.finding is not None
        evidence = bench.evidence.result().for_claim(candidate.finding)
        claim = claim_of(candidate.finding, shown, evidence)
        try:
            completion = await bench.asker.say(build_judgement(shown, claim), "judge", judging=True)
        except RefusedError:
            raise
        except ServerError as error:
            part = f"the judge of a finding in {candidate.path}"
            examined.miss(part, str(error), temporary=is_temporary(error))
            return candidate
        chances = completion.chances[0] if completion.chances else ()
        return replace(candidate, judged=True, log_odds=log_odds(chances))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(judge(candidate)) for candidate in candidates]
    return [task.result() for task in tasks]


def claim_of(finding: Finding, shown: Shown, evidence: tuple[str, ...] = ()) -> Claim:
    """Put a finding as a claim about the lines of a request."""
    start, end = line_ids(finding, shown.chunk)
    return Claim(start, end, finding.title, finding.body, evidence)
