"""FileDiffs come in; out comes the Plan of what to ask, and what it would be without findings."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reviewbot.budget import Budget
from reviewbot.diff.chunk import Chunk, split_file
from reviewbot.diff.parse import FileDiff
from reviewbot.diff.triage import Glob, NotReviewed, triage
from reviewbot.engine.together import together
from reviewbot.findings.review import Coverage, Review, ReviewedChunk, ReviewedFile, Usage
from reviewbot.model.ask import ModelServer, estimate_request
from reviewbot.model.gate import Gate
from reviewbot.model.prompt import Shown, build_messages


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
        coverage=Coverage(plan.changed_lines, planned_lines(plan)),
        usage=Usage(),
    )


async def count_exactly(plan: Plan, server: ModelServer, gate: Gate) -> dict[int, int]:
    """Let the server count each planned request; what it cannot count is left out."""

    async def count(index: int, chunk: Chunk) -> None:
        async with gate.slot():
            tokens = await server.count_tokens(build_messages(Shown(chunk)))
        if tokens is not None:
            exact[index] = tokens

    exact: dict[int, int] = {}
    work = (count(index, chunk) for index, chunk in enumerate(plan.chunks))
    await together(work, lambda: 2 * gate.most)
    return exact


def _request(chunk: Chunk) -> ReviewedChunk:
    return ReviewedChunk(chunk.path, chunk.ranges(), estimate_request(chunk), exact=False)


def _counted(
    requests: tuple[ReviewedChunk, ...], exact: dict[int, int]
) -> tuple[ReviewedChunk, ...]:
    return tuple(
        replace(request, tokens=exact[index], exact=True) if index in exact else request
        for index, request in enumerate(requests)
    )


def planned_lines(plan: Plan) -> int:
    """Count the changed lines that a plan shows the model."""
    return sum(chunk.changed for chunk in plan.chunks)
