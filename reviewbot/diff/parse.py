"""The bytes of a diff become FileDiffs, each with the Hunks that can be read of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from reviewbot.diff.hunks import Damage, Hunk, parse_hunks
from reviewbot.diff.paths import Header, parse_header, unquote
from reviewbot.diff.sections import Section, split_sections

Status = Literal["added", "deleted", "modified", "renamed", "copied", "type changed"]

_AT = re.compile(r"^@@.*", re.MULTILINE)
_COMBINED = re.compile(r"diff --(?:cc|combined) (.*)")
_UNMERGED = re.compile(r"\* Unmerged path (.+)")
_SUBMODULE_LOG = re.compile(r"Submodule (.+) (?:[0-9a-f]{7,64}\.{2,3}|contains )")
_IDS = re.compile(r"^index ([0-9a-f]+)\.\.([0-9a-f]+)", re.MULTILINE)
_EMPTY_FILE = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
"""The ids of an empty file, in repositories with SHA-1 and with SHA-256."""
_HEADER_ALONE = re.compile(r"diff --git .*\n(?:[a-z].*\n)*--- ")
_SUBMODULE_MODE = "160000"
_SYMLINK_MODE = "120000"


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a diff does to one file. `hunks` are the ones that are complete and agree with
    their headers; `damage` says what is wrong with the rest.
    """

    path: str
    old_path: str | None
    status: Status
    hunks: tuple[Hunk, ...]
    binary: bool = False
    combined: bool = False
    submodule: bool = False
    symlink: bool = False
    damage: Damage | None = None

    @property
    def added(self) -> int:
        """Readable added lines."""
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        """Readable removed lines."""
        return sum(hunk.removed for hunk in self.hunks)


def parse_diff(data: bytes) -> Iterator[FileDiff]:
    """Read what git, GitHub, GitLab, Subversion, Mercurial and `diff -u` write, file by file.

    Raises `DiffError` where the text is no diff at all. What is wrong within one file is told
    in that file's `damage` and costs the others nothing.
    """
    before: tuple[Header, FileDiff] | None = None
    for section in split_sections(data):
        header, file = _parse_section(section)
        if before and _is_type_change(before[0], header):
            hunks = before[1].hunks + file.hunks
            file = replace(
                file, old_path=None, status="type changed", hunks=hunks,
                damage=before[1].damage or file.damage,
            )  # fmt: skip
        elif before:
            yield before[1]
        before = header, file
    if before:
        yield before[1]


def _is_type_change(gone: Header, come: Header) -> bool:
    """Whether two sections are git's one change of a file to a link, a submodule or back."""
    return (
        gone.new is None
        and come.old is None
        and gone.old == come.new
        and (gone.old_mode or "")[:2] != (come.new_mode or "")[:2]
    )


def _parse_section(section: Section) -> tuple[Header, FileDiff]:
    if section.text.startswith(("* ", "Submodule ")):
        return _headless(section)
    first = _AT.search(section.text)
    header = parse_header(section.text[: first.start()] if first else section.text)
    merge = _COMBINED.match(section.text)
    if merge or (first and first[0].startswith("@@@")):
        return _combined(header, unquote(merge[1]) if merge else header.new or header.old)
    hunks, damage = parse_hunks(section, first.start()) if first else ((), None)
    if not first and (line := _line_without_hunk(section, header)):
        damage = Damage(f"line {line} of the diff: no hunk follows this header", ())
    path = header.new or header.old
    if path is None:
        reason = f"line {section.line} of the diff: no path can be read from this header"
        damage = damage or Damage(reason, ())
        path = f"(line {section.line} of the diff)"
    modes = (header.old_mode, header.new_mode)
    return header, FileDiff(
        path=path,
        old_path=header.old if header.old != path else None,
        status=_status(header),
        hunks=hunks,
        binary=header.binary,
        submodule=_SUBMODULE_MODE in modes,
        symlink=_SYMLINK_MODE in modes,
        damage=damage,
    )


def _line_without_hunk(section: Section, header: Header) -> int | None:
    """Give the line of a header whose hunks are missing: it names two files that differ."""
    if cut := _HEADER_ALONE.match(section.text):
        return section.line + cut[0].count("\n")
    ids = _IDS.search(section.text)
    if header.binary or not ids or ids[1] == ids[2]:
        return None
    if all(_is_empty(one) for one in ids.groups()):
        return None
    return section.line + section.text.count("\n", 0, ids.start())


def _is_empty(blob: str) -> bool:
    """Whether an id, perhaps shortened, is that of no file or of an empty one."""
    return not blob.strip("0") or any(empty.startswith(blob) for empty in _EMPTY_FILE)


def _headless(section: Section) -> tuple[Header, FileDiff]:
    """Read what git writes of a conflict, and of a submodule as a log of its commits."""
    unmerged = _UNMERGED.match(section.text)
    log = _SUBMODULE_LOG.match(section.text)
    path = unmerged[1] if unmerged else log[1] if log else f"(line {section.line} of the diff)"
    header = replace(parse_header(""), old=path, new=path)
    reason = "unmerged; resolve the conflict, then `git add` it"
    damage = Damage(reason, ()) if unmerged else None
    return header, FileDiff(path, None, "modified", (), submodule=not unmerged, damage=damage)


def _combined(header: Header, path: str | None) -> tuple[Header, FileDiff]:
    """A merge's `@@@` diff has a column a parent: its lines belong to no one pair of files."""
    file = FileDiff(path or "(a merge)", None, "modified", (), combined=True)
    return replace(header, old=file.path, new=file.path), file


def _status(header: Header) -> Status:
    if header.old is None:
        return "added"
    if header.new is None:
        return "deleted"
    if header.copied:
        return "copied"
    if header.renamed:
        return "renamed"
    kinds = {(mode or "")[:2] for mode in (header.old_mode, header.new_mode)}
    return "type changed" if len(kinds) == 2 and "" not in kinds else "modified"
