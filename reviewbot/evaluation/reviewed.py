"""A dataset and the records of a run come in; out come the cases with their reviews."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewbot.context.known import KnownFiles
from reviewbot.context.repository import Repository
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.errors import DiffError, InputError
from reviewbot.evaluation.counts import Counts
from reviewbot.evaluation.dataset import Case, Dataset, SourceFile, read_dataset
from reviewbot.evaluation.matching import (
    WITHIN,
    Comment,
    Place,
    Tells,
    changed_places,
    match,
    within,
)
from reviewbot.evaluation.meaning import Pair, Verdicts, pairs_of
from reviewbot.evaluation.record import CaseRecord, RunInfo, read_info, read_records
from reviewbot.evaluation.replay import said

SIZES = ((10, "under 10 lines"), (50, "10 to 49 lines"), (150, "50 to 149 lines"))
"""Changed lines of a case, and what so many are called."""
_LARGEST = "150 lines and more"


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to say that a comment tells of a golden; by meaning, `judge` is its model."""

    name: str
    tells: Tells
    judge: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A case, its review, and what can be read of its diff, with the changed lines in it."""

    case: Case
    record: CaseRecord
    files: tuple[FileDiff, ...]
    places: tuple[Place, ...]

    @property
    def size(self) -> int:
        """How many lines the case changes."""
        return len(self.places)

    def count(self, comments: Sequence[Comment], rule: Rule) -> Counts:
        """Match comments on this case."""
        goldens = self.case.golden
        found = match(goldens, comments, rule.tells)
        return Counts(
            goldens=len(goldens),
            comments=len(comments),
            paired=len(found.pairs),
            found=len(found.found),
            right=len(found.right),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is scored. `missing` are cases of its split that it has no review of yet."""

    folder: Path
    info: RunInfo
    reviewed: tuple[Reviewed, ...]
    missing: tuple[str, ...]


def read_run(folder: Path, dataset: Path | None = None) -> Run:
    """Read a run's folder and the dataset it was made with, or another place of the same.

    Raises `InputError` where either is broken, or the dataset is another one by now.
    """
    info = read_info(folder)
    cases = read_dataset(dataset or Path(info.dataset))
    if (info.digest or cases.digest) != cases.digest or info.name != cases.about.name:
        raise InputError(
            f"{cases.folder} is not the dataset that {folder} was made with: name it by --dataset"
        )
    return bring_together(folder, info, cases, read_records(folder))


def bring_together(
    folder: Path, info: RunInfo, dataset: Dataset, records: dict[str, CaseRecord]
) -> Run:
    """Put each case of the run's split with its review, in the dataset's order."""
    cases = dataset.of_split(info.split)
    strays = records.keys() - {case.id for case in cases}
    if strays:
        raise InputError(f"{folder}: no case {min(strays)!r} in this part of {info.name}")
    return Run(
        folder,
        info,
        tuple(
            _reviewed(case, records[case.id], parse_case(dataset, case))
            for case in cases
            if case.id in records
        ),
        tuple(case.id for case in cases if case.id not in records),
    )


def parse_case(dataset: Dataset, case: Case) -> tuple[FileDiff, ...]:
    """Read the diff of a case; raises `InputError` that names the case where it is none."""
    try:
        return tuple(parse_diff(dataset.diff(case)))
    except DiffError as error:
        raise InputError(f"case {case.id!r}, {case.diff}: {error}") from error


def repository_of(files: Iterable[FileDiff], sources: Sequence[SourceFile]) -> Repository | None:
    """Make a case's repository of its files; None without any."""
    old_paths = {file.path: file.old_path for file in files if file.old_path}
    head = {source.path: source.text for source in sources if source.at == "head"}
    base = {source.path: source.text for source in sources if source.at == "base"}
    return KnownFiles(head, base, old_paths) if sources else None


def _reviewed(case: Case, record: CaseRecord, files: tuple[FileDiff, ...]) -> Reviewed:
    return Reviewed(case, record, files, changed_places(files))


def rules_by_line() -> tuple[Rule, ...]:
    """Give the rules that need no judge."""
    return tuple(Rule(f"by line, k={lines}", within(lines)) for lines in WITHIN)


def rule_by_meaning(verdicts: Verdicts) -> Rule:
    """Give the rule that a judge's verdicts make."""
    return Rule("by meaning", verdicts.tells(), verdicts.judge)


def questions(run: Run) -> Iterable[Pair]:
    """Give every pair of texts that a judge of meaning must know to score this run."""
    for one in run.reviewed:
        yield from pairs_of(one.case.golden, said(one.record))


def size_name(lines: int) -> str:
    """Name the size of a change."""
    return next((name for most, name in SIZES if lines < most), _LARGEST)
