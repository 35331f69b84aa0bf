"""A Dataset and a model server come in; out comes a folder with the review of each case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reviewbot import engine
from reviewbot.budget import Budget
from reviewbot.engine import Answered, Stages
from reviewbot.engine.around import Around
from reviewbot.engine.together import together
from reviewbot.errors import InputError, RefusedError, ReviewbotError
from reviewbot.evaluation.calls import Calls, Recorded
from reviewbot.evaluation.dataset import Case, Dataset, SourceFile, Split
from reviewbot.evaluation.record import (
    CandidateRecord,
    CaseRecord,
    Gap,
    Member,
    append_record,
    read_records,
)
from reviewbot.evaluation.reviewed import parse_case, repository_of
from reviewbot.findings.candidate import Candidate
from reviewbot.findings.review import Review
from reviewbot.model.ask import Asker, Ports
from reviewbot.model.probe import check_schema
from reviewbot.servers.completion import ServerInfo


@dataclass(frozen=True, slots=True)
class Bench:
    """What every case of a run is reviewed with. `ports` keep nothing: the run's folder does."""

    folder: Path
    dataset: Dataset
    sources: Mapping[str, Sequence[SourceFile]]
    info: ServerInfo
    budget: Budget
    ports: Ports
    stages: Stages


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run went: cases reviewed now, and those that wait for another try, with the reason."""

    reviewed: int
    waiting: tuple[tuple[str, str], ...]


async def run_cases(bench: Bench, split: Split | None, tell: Callable[[int, int], None]) -> Ran:
    """Review every case that has no record yet, several at once; `tell` hears how many are done.

    As many cases are under way as calls may be: a server that works on one call at a time has
    the beginning of one case in its cache. A case that fails for good is recorded with its
    failure; one whose model did not answer is not, and is taken up by the next run. Raises
    `ServerError` where the server can be used for no case.
    """
    done = read_records(bench.folder)
    cases = bench.dataset.of_split(split)
    todo = [case for case in cases if case.id not in done]
    calls = Calls(bench.folder)
    count = len(cases) - len(todo)
    waiting: list[tuple[str, str]] = []

    async def one(case: Case) -> None:
        nonlocal count
        record, reason = await _review(case, bench, calls)
        if record is None:
            waiting.append((case.id, reason))
            return
        append_record(bench.folder, record)
        count += 1
        tell(count, len(cases))

    tell(count, len(cases))
    if todo and bench.ports.probes is not None:
        # once, before many cases would each ask the same
        asker = Asker(bench.ports, bench.info, bench.budget.prompt)
        await check_schema(asker, bench.ports.url, bench.ports.probes)
    await together((one(case) for case in todo), lambda: bench.ports.gate.most)
    return Ran(len(todo) - len(waiting), tuple(waiting))


async def _review(case: Case, bench: Bench, calls: Calls) -> tuple[CaseRecord | None, str]:
    """Review a case; None with the reason where another try may do."""
    stages = bench.stages
    empty = CaseRecord(case.id, bench.info.model, bench.info.kind, stages.looks)
    recorded = Recorded(bench.ports.server, calls, case.id, bench.info.model)
    late: list[str] = []

    def tell(event: Answered) -> None:
        if event.temporary:
            late.append(event.failure or "no answer")

    try:
        files = parse_case(bench.dataset, case)
        plan = engine.plan(files, bench.budget)
        repository = repository_of(files, bench.sources.get(case.id, ()))
        around = Around(files, repository, bench.budget.context)
        ports = replace(bench.ports, server=recorded, kept=recorded)
        review = await engine.review(plan, bench.info, ports, tell, stages, around)
    except RefusedError:
        raise
    except InputError as error:
        return _with(empty, failure=str(error)), ""
    except ReviewbotError as error:
        return None, str(error)
    if late or recorded.unanswered:
        return None, [*late, *recorded.unanswered.values()][0]
    return _record(empty, review, recorded), ""


def _with(record: CaseRecord, failure: str) -> CaseRecord:
    return CaseRecord(record.case, record.model, record.server, record.looks, failure=failure)


def _record(empty: CaseRecord, review: Review, recorded: Recorded) -> CaseRecord:
    """Write a review down with each candidate's fate."""
    return CaseRecord(
        case=empty.case,
        model=empty.model,
        server=empty.server,
        looks=empty.looks,
        candidates=tuple(_candidate(one) for one in review.candidates),
        usage=recorded.spent(),
        not_reviewed=tuple(Gap(gap.path, gap.lines, gap.reason) for gap in review.not_reviewed),
        prompt_tokens_by_look=recorded.prompt_tokens_by_look(empty.looks),
    )


def _candidate(one: Candidate) -> CandidateRecord:
    finding = one.finding
    if finding is None:
        return CandidateRecord(
            one.path, "RIGHT", 0, 0, "", "", one.title, "", looks=(), fate=one.fate,
            reason=one.dropped,
        )  # fmt: skip
    return CandidateRecord(
        path=finding.path,
        side=finding.side,
        start_line=finding.start_line,
        line=finding.line,
        severity=finding.severity,
        category=finding.category,
        title=finding.title,
        body=finding.told,
        suggestion=finding.suggestion,
        source=finding.source,
        looks=one.looks,
        refuted=one.refuted,
        judged=one.judged,
        log_odds=one.log_odds,
        probability=one.probability,
        fate=one.fate,
        reason=one.dropped,
        members=tuple(
            Member(
                said.look,
                said.finding.side,
                said.finding.start_line,
                said.finding.line,
                said.finding.severity,
                said.finding.category,
                said.finding.title,
                said.finding.body,
            )
            for said in one.heard
        ),
    )
