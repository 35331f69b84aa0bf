"""The evaluation set of our own: its diffs apply, its goldens stand in them, nothing gives away."""

import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import msgspec
import pytest

from reviewbot.context.syntax import language_of, parse_source
from reviewbot.diff.hunks import Side
from reviewbot.diff.parse import parse_diff
from reviewbot.model.answer import Category, Severity

FOLDER = Path(__file__).parents[1] / "benchmarks" / "seeded"
GIVE_AWAY = re.compile(
    r"\bbug|fixme|todo|vulnerab|wrong|insecure|unsafe|exploit|hack|seeded|golden|mistake|oops|«|»",
    re.IGNORECASE,
)
LANGUAGES = {
    "C", "C#", "C++", "Go", "Java", "JavaScript", "Kotlin", "PHP", "Python", "Ruby", "Rust",
    "TypeScript",
}  # fmt: skip


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A comment on some lines: one that experts give, or one that they reject."""

    path: str
    side: Side
    from_line: int
    to_line: int
    severity: Severity
    category: Category
    text: str


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change."""

    id: str
    language: str
    title: str
    split: Literal["calibrate", "report"]
    diff: str
    golden: list[Note]
    known_bad: list[Note] = []


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a case's repository, before or after the change."""

    case: str
    path: str
    at: Literal["base", "head"]
    text: str


@cache
def cases() -> tuple[Case, ...]:
    lines = (FOLDER / "cases.jsonl").read_bytes().splitlines()
    return tuple(msgspec.json.decode(line, type=Case) for line in lines)


@cache
def files() -> tuple[File, ...]:
    lines = (FOLDER / "files.jsonl").read_bytes().split(b"\n")[:-1]
    return tuple(msgspec.json.decode(line, type=File) for line in lines)


def tree(case: Case, at: Literal["base", "head"]) -> dict[str, str]:
    return {file.path: file.text for file in files() if file.case == case.id and file.at == at}


def diff_of(case: Case) -> bytes:
    return (FOLDER / case.diff).read_bytes()


def shown_lines(case: Case) -> set[tuple[str, Side, int]]:
    """Give what the hunks show: an unchanged line stands on the right, and no more."""
    return {
        (file.path, line.side, line.number)
        for file in parse_diff(diff_of(case))
        for hunk in file.hunks
        for line in hunk.lines()
    }


every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)


def test_the_set_names_itself_and_its_licence() -> None:
    about = json.loads((FOLDER / "dataset.json").read_text("utf-8"))
    assert about.pop("description")
    assert about == {"name": "seeded", "version": 1, "licence": "Apache-2.0"}


def test_there_are_goldens_and_clean_cases_enough_in_many_languages() -> None:
    assert sum(len(case.golden) for case in cases()) >= 42
    assert sum(not case.golden for case in cases()) >= 20
    assert {case.language for case in cases() if case.golden} == LANGUAGES


def test_every_category_and_severity_and_both_sides_occur() -> None:
    notes = [golden for case in cases() for golden in case.golden]
    assert {note.category for note in notes} == set(get_args(Category))
    assert {note.severity for note in notes} == set(get_args(Severity))
    assert {note.side for note in notes} == {"LEFT", "RIGHT"}


def test_ids_are_sorted_and_unique_and_every_diff_and_file_belongs_to_one() -> None:
    ids = [case.id for case in cases()]
    assert ids == sorted(set(ids))
    assert [case.diff for case in cases()] == [f"diffs/{one}.diff" for one in ids]
    assert sorted(path.stem for path in (FOLDER / "diffs").iterdir()) == ids
    assert {file.case for file in files()} == set(ids)
    places = [(file.case, file.path, file.at) for file in files()]
    assert len(places) == len(set(places))


def test_both_splits_hold_both_kinds_of_cases_in_every_language() -> None:
    kinds = {(case.language, bool(case.golden), case.split) for case in cases()}
    assert len(kinds) == len(LANGUAGES) * 2 * 2


def test_the_splits_are_halves() -> None:
    sizes = Counter((bool(case.golden), case.split) for case in cases())
    assert abs(sizes[True, "calibrate"] - sizes[True, "report"]) <= 1
    assert abs(sizes[False, "calibrate"] - sizes[False, "report"]) <= 1


def test_some_goldens_rest_on_a_file_that_the_change_leaves_alone() -> None:
    changed = {(file.case, file.path) for file in files() if file.at == "base"}
    unchanged: dict[str, list[str]] = defaultdict(list)
    for file in files():
        if (file.case, file.path) not in changed:
            unchanged[file.case].append(file.path)
    assert sum(bool(case.golden and unchanged[case.id]) for case in cases()) >= 10


@every_case
def test_the_diff_turns_the_base_into_the_head(case: Case, tmp_path: Path) -> None:
    base, head = tree(case, "base"), tree(case, "head")
    for path, text in base.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    # no repository above the folder: `git apply` passes over paths outside its own in silence
    surroundings = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path, env=surroundings, input=diff_of(case), check=True)
    found = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes().decode()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    touched = {change.path for change in parse_diff(diff_of(case))}
    assert found == {path: head[path] for path in touched}
    assert found != base


@every_case
def test_the_diff_is_whole_and_small(case: Case) -> None:
    changes = list(parse_diff(diff_of(case)))
    assert b"\r" not in diff_of(case)
    assert [change.damage for change in changes] == [None] * len(changes)
    assert 3 <= sum(change.added + change.removed for change in changes) <= 40
    assert 1 <= len(tree(case, "head")) <= 3
    assert all(text.count("\n") <= 120 for text in tree(case, "head").values())


@every_case
def test_every_note_stands_on_lines_that_its_diff_shows(case: Case) -> None:
    shown = shown_lines(case)
    for note in (*case.golden, *case.known_bad):
        assert note.text
        assert note.from_line <= note.to_line
        for number in range(note.from_line, note.to_line + 1):
            assert (note.path, note.side, number) in shown


@every_case
def test_nothing_that_a_model_sees_gives_the_answer_away(case: Case) -> None:
    texts = [case.title, diff_of(case).decode(), *tree(case, "head"), *tree(case, "head").values()]
    assert [GIVE_AWAY.findall(text) for text in texts] == [[]] * len(texts)


@every_case
def test_every_source_parses(case: Case) -> None:
    texts = [*tree(case, "base").items(), *tree(case, "head").items()]
    trees = [
        (path, parse_source(text, language))
        for path, text in texts
        if (language := language_of(path)) is not None
    ]
    assert trees
    assert [path for path, root in trees if not root or root.find(kind="ERROR")] == []


@pytest.mark.parametrize(
    "file", [one for one in files() if one.path.endswith(".py")], ids=lambda one: one.case
)
def test_python_compiles(file: File) -> None:
    compile(file.text, file.path, "exec", dont_inherit=True)
