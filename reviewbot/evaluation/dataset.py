"""A folder of cases comes in; out comes a Dataset: diffs, and what is known to be wrong in them."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from reviewbot.diff.hunks import Side
from reviewbot.errors import InputError

Split = Literal["calibrate", "report"]
SPLITS: tuple[Split, ...] = ("calibrate", "report")
LineNumber = Annotated[int, msgspec.Meta(ge=1)]
Name = Annotated[str, msgspec.Meta(min_length=1)]

T = TypeVar("T", bound=msgspec.Struct)


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `dataset.json` says: sets are told apart by their name and never pooled."""

    name: Name
    version: str | int
    licence: str
    description: str


class Remark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that people said of a change: a golden, or a comment that they rejected.

    `from_line` to `to_line` are 1-based numbers on `side`, both included.
    """

    path: Name
    from_line: LineNumber
    to_line: LineNumber
    text: Name
    side: Side = "RIGHT"
    severity: str | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        if self.to_line < self.from_line:
            raise ValueError(f"to_line {self.to_line} is before from_line {self.from_line}")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change with what is known of it. `diff` is a path inside the dataset's folder.

    A case without goldens counts as clean unless `clean` says otherwise, as where something is
    known to be wrong and nobody knows on which line.
    """

    id: Name
    language: Name
    title: str
    split: Split
    diff: Name
    golden: tuple[Remark, ...]
    known_bad: tuple[Remark, ...] = ()
    clean: bool | None = None

    @property
    def is_clean(self) -> bool:
        """Whether every finding on it is a false one."""
        return not self.golden if self.clean is None else self.clean

    def __post_init__(self) -> None:
        if self.clean and self.golden:
            raise ValueError("a clean case has no golden")


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text of a changed file, before (`base`) or after (`head`) the change."""

    case: Name
    path: Name
    at: Literal["base", "head"]
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A folder that was read. `digest` changes with any case and any diff."""

    folder: Path
    about: About
    cases: tuple[Case, ...]
    digest: str

    def of_split(self, split: Split | None) -> tuple[Case, ...]:
        """Give the cases of one part, in the folder's order; None for all."""
        return tuple(case for case in self.cases if split in (None, case.split))

    def diff(self, case: Case) -> bytes:
        """Read a case's diff; raises `InputError` where it cannot be read."""
        return _read(confined(self.folder, case.diff))


def read_dataset(folder: Path) -> Dataset:
    """Read `dataset.json` and `cases.jsonl`, and see that every diff is there.

    Raises `InputError` that names the file and the line.
    """
    about = _decode(_read(folder / "dataset.json"), About, "dataset.json")
    digest = hashlib.sha256(_read(folder / "cases.jsonl"))
    cases: list[Case] = []
    seen: set[str] = set()
    for number, case in _lines(folder / "cases.jsonl", Case):
        where = f"cases.jsonl, line {number}"
        if case.id in seen:
            raise InputError(f"{where}: a second case {case.id!r}")
        seen.add(case.id)
        try:
            digest.update(_read(confined(folder, case.diff)))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        cases.append(case)
    if not cases:
        raise InputError(f"{folder}: cases.jsonl holds no case")
    return Dataset(folder, about, tuple(cases), digest.hexdigest()[:16])


def read_sources(dataset: Dataset) -> dict[str, tuple[SourceFile, ...]]:
    """Read `files.jsonl` or `files.jsonl.gz`: the changed files of each case, by its id.

    A dataset without that file has none. Raises `InputError` that names the file and the line.
    """
    known = {case.id for case in dataset.cases}
    sources: dict[str, list[SourceFile]] = {}
    for name in ("files.jsonl", "files.jsonl.gz"):
        path = dataset.folder / name
        if not path.is_file():
            continue
        for number, source in _lines(path, SourceFile):
            if source.case not in known:
                raise InputError(f"{name}, line {number}: there is no case {source.case!r}")
            sources.setdefault(source.case, []).append(source)
    return {case: tuple(files) for case, files in sources.items()}


def confined(folder: Path, name: str) -> Path:
    """Give the path of a file in a folder; raises `InputError` for one that leads out of it."""
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (ValueError, OSError, RuntimeError):  # a null byte, a link to itself
        inside = False
        path = folder
    if not inside or "\\" in name:
        raise InputError(f"{name!r} leads out of the dataset's folder")
    return path


def _lines(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    for number, line in enumerate(_raw_lines(path), 1):
        if line.strip():
            yield number, _decode(line, kind, f"{path.name}, line {number}")


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InputError(f"{path} cannot be read: {reason}")


def _decode(text: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: {error}") from error
