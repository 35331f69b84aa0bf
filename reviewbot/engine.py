"""FileDiffs come in; out comes the Plan of what to ask, and then the Review.

`plan` is pure; `review` is one coroutine around one TaskGroup. The command line and the service
both call these two, so that they say the same about the same diff.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reviewbot.budget import Budget
from reviewbot.diff.chunk import Chunk, split_file
from reviewbot.diff.parse import FileDiff
from reviewbot.diff.triage import Glob, NotReviewed, triage
from reviewbot.findings.finding import Finding, build_finding
from reviewbot.findings.merge import merge
from reviewbot.findings.rank import cap
from reviewbot.findings.review import (
    Candidate,
    Coverage,
    Review,
    ReviewedChunk,
    ReviewedFile,
    Usage,
)
from reviewbot.model.ask import Asker, ModelServer, Outcome, Ports, Tally, estimate_request
from reviewbot.model.gate import Gate
from reviewbot.model.probe import check_schema
from reviewbot.model.prompt import build_messages
from reviewbot.servers.completion import ServerInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a review will ask and what it leaves out, in the order of the diff."""

    files: tuple[ReviewedFile, ...]
    chunks: tuple[Chunk, ...]
    not_reviewed: tuple[NotReviewed, ...]
    changed_lines: int
    budget: Budget
    requests: tuple[ReviewedChunk, ...]
    """Each chunk as the review lists it, with its estimated tokens."""


def plan(
    files: Iterable[FileDiff],
    budget: Budget,
    *,
    include: Glob | None = None,
    exclude: Glob | None = None,
    also_not_reviewed: tuple[NotReviewed, ...] = (),
) -> Plan:
    """Decide for each changed line whether it is shown to the model, in which chunk, or why not.

    Files are taken one at a time, so an iterator of a large diff costs no more than its chunks.
    Raises what reading the diff raises.
    """
    seen: list[ReviewedFile] = []
    chunks: list[Chunk] = []
    left_out: list[NotReviewed] = []
    for file in files:
        seen.append(ReviewedFile(file.path, file.old_path, file.status, file.added, file.removed))
        reason = triage(file, include=include, exclude=exclude)
        if reason:
            left_out.append(reason)
            continue
        cut, too_long = split_file(file, budget.diff, budget.lines)
        chunks.extend(cut)
        left_out.extend(too_long)
        if file.damage:
            lines = file.damage.lost or None
            left_out.append(NotReviewed(file.path, lines, file.damage.reason, policy=False))
    left_out.extend(gap for gap in also_not_reviewed if _is_wanted(gap.path, include, exclude))
    changed = sum(file.added + file.removed for file in seen)
    requests = tuple(_request(chunk) for chunk in chunks)
    return Plan(tuple(seen), tuple(chunks), tuple(left_out), changed, budget, requests)


def _is_wanted(path: str, include: Glob | None, exclude: Glob | None) -> bool:
    return not (exclude and exclude(path)) and (include is None or include(path))


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


@dataclass(slots=True)
class _Found:
    """What the outcomes of all chunks add up to."""

    findings: list[Finding] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    failed: list[NotReviewed] = field(default_factory=list)


async def review(
    plan: Plan, info: ServerInfo, ports: Ports, tell: Tell, *, max_findings: int
) -> Review:
    """Ask about every chunk at once, as far as the gate lets them, and gather what is found.

    A chunk on which the model fails is told as not reviewed and costs the others nothing.
    Cancelling this cancels the calls in flight, so the server stops too. Raises `ServerError`
    where the server cannot be used at all.
    """
    asker = Asker(ports, info, plan.budget.prompt, plan.budget.answer)
    if plan.chunks and ports.probes is not None:
        await check_schema(asker, ports.url, ports.probes)
    work = (_ask(chunk, asker, tell) for chunk in plan.chunks)
    found = await _together(work, lambda: 2 * ports.gate.most)
    # in a thread: 60,000 findings take .2 s, and other reviews run on this loop
    return await asyncio.to_thread(_finish, plan, info, found, asker.tally, max_findings)


def _finish(plan: Plan, info: ServerInfo, every: list[_Found], tally: Tally, most: int) -> Review:
    """Show the gravest findings, and reckon up what was looked at and what it cost."""
    found = _Found()
    for one in every:
        found.findings.extend(one.findings)
        found.candidates.extend(one.candidates)
        found.failed.extend(one.failed)
    shown, hidden = cap(found.findings, most)
    beyond = {id(finding) for finding in hidden}
    failed = sum(b - a + 1 for gap in found.failed for _, a, b in gap.lines or ())
    return Review(
        model=info.model if plan.chunks else None,
        files=plan.files,
        chunks=plan.requests,
        findings=tuple(shown),
        hidden_findings=len(hidden),
        not_reviewed=(*plan.not_reviewed, *found.failed),
        coverage=Coverage(plan.changed_lines, _planned_lines(plan) - failed),
        usage=Usage(
            tally.calls,
            tally.prompt_tokens,
            tally.completion_tokens,
            tally.cached_tokens,
            sum(candidate.dropped is not None for candidate in found.candidates),
        ),
        candidates=tuple(
            replace(one, dropped="graver ones are shown") if id(one.finding) in beyond else one
            for one in found.candidates
        ),
    )


def preview(plan: Plan, exact: dict[int, int] | None = None) -> Review:
    """Give the Review that a plan would be without its findings; no model is asked.

    `exact` holds, by a chunk's place in the plan, the tokens that the server counted.
    """
    return Review(
        model=None,
        files=plan.files,
        chunks=_counted(plan.requests, exact or {}),
        findings=(),
        hidden_findings=0,
        not_reviewed=plan.not_reviewed,
        coverage=Coverage(plan.changed_lines, _planned_lines(plan)),
        usage=Usage(),
    )


async def count_exactly(plan: Plan, server: ModelServer, gate: Gate) -> dict[int, int]:
    """Let the server count each planned request; what it cannot count is left out."""

    async def count(index: int, chunk: Chunk) -> None:
        async with gate.slot():
            tokens = await server.count_tokens(build_messages(chunk))
        if tokens is not None:
            exact[index] = tokens

    exact: dict[int, int] = {}
    work = (count(index, chunk) for index, chunk in enumerate(plan.chunks))
    await _together(work, lambda: 2 * gate.most)
    return exact


async def _together(work: Iterable[Coroutine[None, None, T]], most: Callable[[], int]) -> list[T]:
    """Run coroutines, at most so many at once, and give their results in order.

    Each is taken when it may begin, one in each turn of the loop: what is known already takes no
    wait of its own, and a hundred such at once would hold the loop up. The first error ends all.
    """
    tasks: list[asyncio.Task[T]] = []
    under_way: set[asyncio.Task[T]] = set()
    one_ended = asyncio.Event()

    def end(task: asyncio.Task[T]) -> None:
        under_way.discard(task)
        one_ended.set()

    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                task = group.create_task(one)
                task.add_done_callback(end)
                tasks.append(task)
                under_way.add(task)
                await asyncio.sleep(0)
                while len(under_way) >= most():
                    one_ended.clear()
                    await one_ended.wait()
    except ExceptionGroup as errors:
        first: Exception = errors
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from errors
    return [task.result() for task in tasks]


async def _ask(chunk: Chunk, asker: Asker, tell: Tell) -> _Found:
    """Ask about a chunk, and tell what came of it."""
    outcomes = await asker.ask(chunk)
    found = _gather(outcomes)
    failure = found.failed[0].reason if found.failed else None
    temporary = any(outcome.temporary for outcome in outcomes)
    tell(Answered(chunk, tuple(found.findings), failure, temporary))
    return found


def _gather(outcomes: list[Outcome]) -> _Found:
    """Turn what was said of one chunk into findings, in the order of the diff, with their fates."""
    found = _Found()
    placed: list[Finding] = []
    for outcome in outcomes:
        path = outcome.chunk.path
        if outcome.failure:
            ranges = outcome.chunk.ranges()
            found.failed.append(NotReviewed(path, ranges, outcome.failure, policy=False))
        if outcome.answer is None:
            continue
        malformed = Candidate(path, "", None, "breaks the schema")
        found.candidates.extend([malformed] * outcome.answer.malformed)
        built = [(said, build_finding(said, outcome.chunk)) for said in outcome.answer.said]
        for said, finding in built:
            if finding is None:
                reason = f"names no line of its chunk: {said.start[:40]!r}"
                found.candidates.append(Candidate(path, said.title, None, reason))
        placed += sorted(
            (finding for _, finding in built if finding), key=lambda finding: finding.order
        )
    kept, repeats = merge(placed)
    found.findings.extend(kept)
    found.candidates.extend(Candidate(one.path, one.title, one, None) for one in kept)
    repeated = "repeats another finding"
    found.candidates.extend(Candidate(one.path, one.title, one, repeated) for one in repeats)
    return found


def _request(chunk: Chunk) -> ReviewedChunk:
    return ReviewedChunk(chunk.path, chunk.ranges(), estimate_request(chunk), exact=False)


def _counted(
    requests: tuple[ReviewedChunk, ...], exact: dict[int, int]
) -> tuple[ReviewedChunk, ...]:
    return tuple(
        replace(request, tokens=exact[index], exact=True) if index in exact else request
        for index, request in enumerate(requests)
    )


def _planned_lines(plan: Plan) -> int:
    return sum(chunk.changed for chunk in plan.chunks)
