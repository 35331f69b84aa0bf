"""A Plan comes in; out comes the Review: every chunk examined, the likeliest findings shown."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewbot.diff.chunk import Chunk
from reviewbot.engine.evidence import Evidence
from reviewbot.engine.examine import Bench, Examined, Held, Surroundings, examine
from reviewbot.engine.plan import Plan, planned_lines
from reviewbot.engine.stages import Stages
from reviewbot.engine.together import together
from reviewbot.engine.word import word
from reviewbot.findings.calibration import SHIPPED
from reviewbot.findings.candidate import Candidate
from reviewbot.findings.finding import Finding
from reviewbot.findings.rank import rank, shown, weigh
from reviewbot.findings.review import Coverage, Review, StageUsage, Usage
from reviewbot.model.ask import Asker, Ports, Tally
from reviewbot.model.probe import check_schema
from reviewbot.servers.completion import ServerInfo


@dataclass(frozen=True, slots=True)
class Answered:
    """An event: a chunk is done; `findings` are its candidates, and `failure` says what is not.

    `temporary` says that another try later may do what failed.
    """

    chunk: Chunk
    findings: tuple[Finding, ...]
    failure: str | None
    temporary: bool = False


Tell = Callable[[Answered], None]


async def review(
    plan: Plan,
    info: ServerInfo,
    ports: Ports,
    tell: Tell,
    stages: Stages,
    around: Surroundings | None = None,
) -> Review:
    """Examine every chunk at once, as far as the gate lets them, and show the likeliest findings.

    A chunk on which the model fails is told as not reviewed and costs the others nothing.
    Cancelling this cancels the calls in flight, so the server stops too. Raises `ServerError`
    where the server cannot be used at all.
    """
    asker = Asker(ports, info, plan.budget.prompt, plan.budget.answer)
    if plan.chunks and ports.probes is not None:
        await check_schema(asker, ports.url, ports.probes)

    evidence = asyncio.ensure_future(_analyse(around if plan.chunks else None, stages))
    bench = Bench(asker, stages, around, evidence)

    async def look(chunk: Chunk) -> Examined:
        examined = await examine(chunk, bench)
        tell(_answered(chunk, examined))
        return examined

    work = (look(chunk) for chunk in plan.chunks)
    try:
        examined = await together(work, lambda: 2 * ports.gate.most)
        problems = (await evidence).problems
    finally:
        await _end(evidence)
    # in a thread: 60,000 findings take .2 s, and other reviews run on this loop
    held = await asyncio.to_thread(_ranked, examined, stages)
    failures = list(problems)
    if stages.wording:
        held, unworded = await word(held, asker, around if stages.checks else None)
        failures += unworded
    calibrated = not stages.judge or stages.calibration != SHIPPED
    return await asyncio.to_thread(
        _finish, plan, info, examined, held, asker.tally, failures, calibrated=calibrated
    )


async def _analyse(around: Surroundings | None, stages: Stages) -> Evidence:
    return await around.analyse() if around is not None and stages.analyzers else Evidence()


async def _end(evidence: asyncio.Future[Evidence]) -> None:
    """End the analyzers with the review: no program outlives it."""
    if not evidence.done():
        evidence.cancel()
        await asyncio.wait([evidence])


def _answered(chunk: Chunk, examined: Examined) -> Answered:
    candidates = (one.candidate for one in examined.held)
    findings = tuple(one.finding for one in candidates if one.finding and not one.refuted)
    failures = [gap.reason for gap in examined.failed] + examined.went_without
    return Answered(chunk, findings, failures[0] if failures else None, examined.temporary)


def _ranked(examined: Sequence[Examined], stages: Stages) -> list[Held]:
    """Decide over the candidates of all chunks together."""
    held = [one for each in examined for one in each.held]
    weighed = [weigh(one.candidate, stages.calibration) for one in held]
    decided = rank(weighed, stages.threshold, stages.most)
    return [Held(candidate, one.shown) for candidate, one in zip(decided, held, strict=True)]


def _finish(
    plan: Plan,
    info: ServerInfo,
    examined: Sequence[Examined],
    held: Sequence[Held],
    tally: Tally,
    failures: list[str],
    *,
    calibrated: bool,
) -> Review:
    """Reckon up what was looked at, what is shown and what it cost."""
    candidates = tuple(one.candidate for one in held)
    gaps = [gap for each in examined for gap in each.failed]
    failed = sum(b - a + 1 for gap in gaps for _, a, b in gap.lines or ())
    without = [text for each in examined for text in each.went_without]
    return Review(
        model=info.model if plan.chunks else None,
        files=plan.files,
        chunks=plan.requests,
        findings=tuple(shown(candidates)),
        hidden_findings=sum(one.fate in ("capped", "unlikely") for one in candidates),
        not_reviewed=(*plan.not_reviewed, *gaps),
        coverage=Coverage(plan.changed_lines, planned_lines(plan) - failed),
        usage=_usage(tally, candidates),
        candidates=candidates,
        went_without=tuple(dict.fromkeys(without + failures)),
        calibrated=calibrated,
    )


def _usage(tally: Tally, candidates: Sequence[Candidate]) -> Usage:
    stages = tuple(
        StageUsage(
            stage,
            spent.calls,
            spent.prompt_tokens,
            spent.completion_tokens,
            spent.cached_tokens,
            spent.shared_tokens,
        )
        for stage, spent in tally.items()
    )
    dropped = sum(one.fate not in ("shown", "capped") for one in candidates)
    # a look repeats itself; an analyzer that says the same, or several looks, are no repeats
    repeats = sum(sum(bool(h.look) for h in one.heard) - len(one.looks) for one in candidates)
    return Usage(
        calls=sum(one.calls for one in stages),
        prompt_tokens=sum(one.prompt_tokens for one in stages),
        completion_tokens=sum(one.completion_tokens for one in stages),
        cached_tokens=sum(one.cached_tokens for one in stages),
        dropped_findings=dropped + repeats,
        stages=stages,
    )
