"""What a run found comes in, a line for each case, and is kept in its folder; out it comes again.

`reviews.jsonl` is only ever appended to. A line that was torn by a crash is left out when the
file is read, and cut off before the next one is written.
"""

import os
from pathlib import Path
from typing import TypeVar, get_args

import msgspec

from reviewbot.diff.hunks import Side
from reviewbot.errors import InputError
from reviewbot.evaluation.dataset import Split
from reviewbot.findings.calibration import Calibration
from reviewbot.findings.candidate import Fate

FATES: tuple[Fate, ...] = get_args(Fate)

T = TypeVar("T", bound=msgspec.Struct)


class Spent(msgspec.Struct, frozen=True):
    """What one stage of a review cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Gap(msgspec.Struct, frozen=True):
    """What no model was shown; `lines` is None for the whole file."""

    path: str
    lines: tuple[tuple[Side, int, int], ...] | None
    reason: str


class Member(msgspec.Struct, frozen=True):
    """One thing that was said before it was merged: in a look from 1, or by an analyzer (0)."""

    look: int
    side: Side
    start_line: int
    line: int
    severity: str
    category: str
    title: str
    body: str


class CandidateRecord(msgspec.Struct, frozen=True):
    """One candidate, what the stages made of it, and what became of it.

    `looks` are the passes that said so, from 1. `refuted` is the reason of a claim check.
    `log_odds` is None where the judge abstained, or was not asked (`judged`).
    """

    path: str
    side: Side
    start_line: int
    line: int
    severity: str
    category: str
    title: str
    body: str
    suggestion: str | None = None
    source: str = "model"
    looks: tuple[int, ...] = (1,)
    refuted: str | None = None
    judged: bool = False
    log_odds: float | None = None
    probability: float | None = None
    fate: Fate = "shown"
    reason: str | None = None
    members: tuple[Member, ...] = ()


class CaseRecord(msgspec.Struct, frozen=True):
    """All that is known of the review of one case; `usage` is by stage.

    `failure` says why there is no review, None where there is one.
    """

    case: str
    model: str
    server: str
    looks: int
    candidates: tuple[CandidateRecord, ...] = ()
    usage: dict[str, Spent] = {}
    not_reviewed: tuple[Gap, ...] = ()
    failure: str | None = None
    prompt_tokens_by_look: tuple[int, ...] = ()


class RunInfo(msgspec.Struct, frozen=True):
    """What `run.json` says: over which cases, with which model and how a run was made.

    `dataset` is the folder's path, `digest` that of its cases and diffs. `settings` are those
    that differ between runs; `version` is reviewbot's own. `cap` is None where nothing is capped.
    """

    dataset: str
    name: str
    split: Split | None
    model: str
    server: str
    looks: int
    threshold: float
    cap: int | None
    version: str
    digest: str = ""
    settings: dict[str, str | int | float | bool | None] = {}
    calibration: Calibration | None = None


def write_info(run: Path, info: RunInfo) -> None:
    """Write `run.json`, whole or not at all; makes the folder."""
    run.mkdir(parents=True, exist_ok=True)
    draft = run / "run.json.draft"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(info)) + b"\n")
    draft.replace(run / "run.json")


def read_info(run: Path) -> RunInfo:
    """Read `run.json`; raises `InputError` where the folder holds no run."""
    try:
        return msgspec.json.decode((run / "run.json").read_bytes(), type=RunInfo)
    except OSError as error:
        raise InputError(f"{run} holds no run: run.json: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{run / 'run.json'}: {error}") from error


def append_record(run: Path, record: CaseRecord) -> None:
    """Add the review of a case to `reviews.jsonl`; it is on disk when this returns."""
    append_line(run / "reviews.jsonl", record)


def read_records(run: Path) -> dict[str, CaseRecord]:
    """Read the reviews by case, in order; of several of one case, the last counts.

    Raises `InputError` for a line that is no record, unless it is the last and was torn.
    """
    return {record.case: record for record in read_lines(run / "reviews.jsonl", CaseRecord)}


def append_line(path: Path, struct: msgspec.Struct) -> None:
    """Add a line to a file of JSON Lines, without what a crash left of the line before."""
    with path.open("ab+") as file:
        file.truncate(_whole(file.seek(0, os.SEEK_END), path))
        file.write(msgspec.json.encode(struct) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, kind: type[T]) -> list[T]:
    """Read a file of JSON Lines; no file has no lines. The end is torn where no newline is."""
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    structs = []
    for number, line in enumerate(lines, 1):
        try:
            structs.append(msgspec.json.decode(line, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return structs


def _whole(size: int, path: Path) -> int:
    """Give how many bytes of a file are whole lines."""
    block = 1 << 16
    with path.open("rb") as file:
        end = size
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    return 0
