"""A folder of pull requests with verified comments comes in; a dataset in our own format comes out.

What it reads: `prs.jsonl`, `diffs/`, and `changed-files.jsonl.gz`. Nobody but the one who holds
that folder may use it, so the dataset stays where it is written.
"""

import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from reviewbot.errors import InputError
from reviewbot.evaluation.dataset import (
    About,
    Case,
    Dataset,
    Remark,
    SourceFile,
    Split,
    confined,
    read_dataset,
)

T = TypeVar("T", bound=msgspec.Struct)

_CALIBRATE = 85  # of 256: about a third
_SIDES: dict[str, Literal["LEFT", "RIGHT"]] = {"left": "LEFT", "right": "RIGHT"}


class _Said(msgspec.Struct, frozen=True):
    path: str
    from_line: int
    to_line: int
    text: str
    side: Literal["left", "right"] = "right"
    severity: str | None = None
    category: str | None = None

    def remark(self) -> Remark:
        """Turn it into our form; a range given backwards is turned round."""
        first, last = sorted((self.from_line, self.to_line))
        return Remark(
            self.path, first, last, self.text, _SIDES[self.side], self.severity, self.category
        )


class _PullRequest(msgspec.Struct, frozen=True):
    id: str
    set: str
    language: str
    title: str | None
    diff: str
    golden: tuple[_Said, ...]
    known_bad: tuple[_Said, ...] = ()
    golden_nolines: tuple[msgspec.Raw, ...] = ()


class _ChangedFile(msgspec.Struct, frozen=True):
    id: str
    path: str
    old_path: str | None = None
    base: str | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A folder to import; `only` names the one of its sets that is wanted, None for all."""

    folder: Path
    only: str | None = None


def import_dataset(source: Source, target: Path) -> Dataset:
    """Write the dataset, which must not be there yet, and read it back.

    Raises `InputError` where the source cannot be read or the target is taken.
    """
    if target.exists() and any(target.iterdir() if target.is_dir() else [target]):
        raise InputError(f"{target} is there already: name a new folder")
    requests = [
        one
        for one in _lines(source.folder / "prs.jsonl", _PullRequest)
        if source.only in (None, one.set)
    ]
    if not requests:
        raise InputError(f"{source.folder} holds no pull request of the set {source.only!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".reviewbot-"))
    try:
        _write_dataset(source, requests, draft)
        dataset = replace(read_dataset(draft), folder=target)
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return dataset


def _write_dataset(source: Source, requests: list[_PullRequest], target: Path) -> None:
    diffs = {one.id: _diff(source.folder, one) for one in requests}
    (target / "diffs").mkdir()
    for number, path in enumerate(diffs.values(), 1):
        shutil.copyfile(path, target / _diff_name(number))
    _write(target / "cases.jsonl", (_case(number, one) for number, one in enumerate(requests, 1)))
    _write(target / "files.jsonl.gz", _sources(source.folder, diffs.keys()))
    _write(target / "dataset.json", [_about(source)])


def split_of(case: str) -> Split:
    """Give the part that a case belongs to for ever: about a third is there to calibrate on."""
    return "calibrate" if hashlib.sha256(case.encode()).digest()[0] < _CALIBRATE else "report"


def _about(source: Source) -> About:
    name = source.folder.resolve().name
    return About(
        name=f"{name}-{source.only}" if source.only else name,
        version="1",
        licence="as the projects that its diffs are taken from; not to be passed on",
        description="Real pull requests with comments that people verified; imported.",
    )


def _case(number: int, one: _PullRequest) -> Case:
    """Turn a pull request into a case; with faults on unknown lines only, it is not clean."""
    return Case(
        id=one.id,
        language=one.language,
        title=one.title or "",
        split=split_of(one.id),
        diff=_diff_name(number),
        golden=tuple(said.remark() for said in one.golden),
        known_bad=tuple(said.remark() for said in one.known_bad),
        clean=False if one.golden_nolines and not one.golden else None,
    )


def _diff(folder: Path, one: _PullRequest) -> Path:
    path = confined(folder, one.diff)
    if not path.is_file():
        raise InputError(f"{one.id}: {path} is not there")
    return path


def _diff_name(number: int) -> str:
    return f"diffs/{number:04}.diff"


def _sources(folder: Path, wanted: Iterable[str]) -> Iterator[SourceFile]:
    """Give the changed files as they were before and after; without that file there are none."""
    path = folder / "changed-files.jsonl.gz"
    names = set(wanted)
    for file in _lines(path, _ChangedFile) if path.is_file() else ():
        if file.id not in names:
            continue
        if file.base is not None:
            yield SourceFile(file.id, file.old_path or file.path, "base", file.base)
        if file.head is not None:
            yield SourceFile(file.id, file.path, "head", file.head)


def _lines(path: Path, kind: type[T]) -> Iterator[T]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield msgspec.json.decode(line, type=kind)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise InputError(f"{path}, line {number}: {error}") from error
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _write(path: Path, structs: Iterable[msgspec.Struct]) -> None:
    # without a time within, so that the same source gives the same bytes
    data = b"".join(msgspec.json.encode(struct) + b"\n" for struct in structs)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
