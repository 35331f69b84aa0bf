"""238 real and hostile diffs beside this checkout, against git's own counts of them.

They belong to others and are not part of the project: without the folder these tests are skipped.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.diff.triage import triage

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "diffs"
MANIFEST = FOLDER / "manifest.json"

pytestmark = pytest.mark.skipif(
    not MANIFEST.exists(), reason=f"the corpus of diffs is not here: {FOLDER}"
)

Row = tuple[str, str | None, int, int]
"""Path, old path, added and removed lines."""

TABLE: dict[str, list[Row]] = {
    "color": [("src/a.py", None, 1, 1)],
    "raw-then-patch": [("src/a.py", None, 1, 1)],
    "merge-m": [("f", None, 1, 1), ("f", None, 2, 2)],
    "git-log-p": [("f", None, 1, 0), ("f", None, 0, 7)],
    "crlf-transport": [("f", None, 1, 0)],
    "svn": [("trunk/a.c", None, 1, 1)],
    "hg": [("a.c", None, 1, 1)],
    "plain-unified": [("new/a.c", "old/a.c", 1, 1)],
    "stripped-trailing-space": [("f", None, 1, 1)],
    "huge-line-numbers": [("f", None, 1, 1)],
    "octopus-cc": [("f", None, 0, 0)],
    "bad-counts": [("f", None, 0, 0), ("g", None, 1, 1)],
    "word-diff": [("src/a.py", None, 0, 0)],
}
"""What git's counts do not say, or cannot: the entries without counts, and the broken ones."""

WORD_DIFF = (
    "line 6 of the diff: a hunk's line must begin with '+', '-' or a space (is this a word diff?)"
)
DAMAGED = {
    "bad-counts": ["line 7 of the diff: the hunk `@@ -1,9 +1,9 @@` ends 7 lines too early"],
    "word-diff": [WORD_DIFF],
}
COMBINED = {
    "combined__cline__cline__a2572ea233": [
        "src/core/Cline.ts",
        "src/integrations/terminal/TerminalProcess.ts",
    ],
    "combined__ollama__ollama__e299831e2c": [".github/workflows/test.yaml"],
    "combined__kestra-io__kestra__afc2c85ec8": ["gradle.properties"],
    "combined__kestra-io__kestra__f5c75f6452": ["gradle.properties"],
    "combined__git__git__37a4780f2c": ["replay.c"],
    "combined__git__git__3442a0fb79": ["refs/reftable-backend.c", "setup.c"],
    "octopus-cc": ["f"],
}
REMEDY = "combined diff of a merge; review one parent, as in `git diff PARENT MERGE`"


@cache
def entries() -> list[dict[str, Any]]:
    if not MANIFEST.exists():
        return []
    return [entry for part in json.loads(MANIFEST.read_text()).values() for entry in part]


def name_of(entry: dict[str, Any]) -> str:
    return Path(entry["file"]).stem


def by_name(name: str) -> dict[str, Any]:
    [entry] = [entry for entry in entries() if name_of(entry) == name]
    return entry


def told(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in entries if name_of(each) not in TABLE | COMBINED]


TOTALS = [entry for entry in told(entries()) if "added" in entry]
NUMSTATS = [entry for entry in told(entries()) if entry.get("numstat_z")]


def read(entry: dict[str, Any]) -> list[FileDiff]:
    return list(parse_diff((FOLDER / entry["file"]).read_bytes()))


def numstat(text: str) -> list[tuple[str, str, str | None, str]]:
    r"""Read `git diff --numstat -z`: a renamed file has an empty path, then `\0old\0new\0`."""
    rows = re.finditer(r"([\d-]+)\t([\d-]+)\t(?:([^\0]+)|\0([^\0]*)\0([^\0]*))\0", text)
    return [(row[1], row[2], row[4], row[3] or row[5]) for row in rows]


def as_numstat(file: FileDiff) -> tuple[str, str, str | None, str]:
    moved = file.old_path if file.status in {"renamed", "copied"} else None
    counts = ("-", "-") if file.binary else (str(file.added), str(file.removed))
    return (*counts, moved, file.path)


def test_the_manifest_lists_238_diffs_and_each_is_in_one_test() -> None:
    tested = {name_of(entry) for entry in TOTALS + NUMSTATS} | set(TABLE) | set(COMBINED)
    assert len(entries()) == 238
    assert {name_of(entry) for entry in entries()} == tested


@pytest.mark.parametrize("entry", TOTALS, ids=name_of)
def test_files_and_lines_are_as_many_as_git_counts(entry: dict[str, Any]) -> None:
    files = read(entry)
    assert len(files) == entry["files"]
    assert sum(file.added for file in files) == entry["added"]
    assert sum(file.removed for file in files) == entry["removed"]
    assert [file.damage for file in files if file.damage] == []


@pytest.mark.parametrize("entry", NUMSTATS, ids=name_of)
def test_paths_and_lines_of_each_file_are_those_of_numstat(entry: dict[str, Any]) -> None:
    files = read(entry)
    assert [as_numstat(file) for file in files] == numstat(
        entry["numstat_z"].replace("\\xe9", "\ufffd")  # git gave a byte that is no UTF-8
    )
    assert [file.damage for file in files if file.damage] == []


@pytest.mark.parametrize("name", TABLE)
def test_what_git_does_not_count_is_read_as_our_table_says(name: str) -> None:
    files = read(by_name(name))
    assert [(file.path, file.old_path, file.added, file.removed) for file in files] == TABLE[name]
    assert [file.damage.reason for file in files if file.damage] == DAMAGED.get(name, [])


@pytest.mark.parametrize("name", COMBINED)
def test_a_combined_diff_is_listed_with_its_remedy(name: str) -> None:
    gaps = [triage(file) for file in read(by_name(name))]
    assert [(gap.path, gap.reason, gap.policy) for gap in gaps if gap] == [
        (path, REMEDY, False) for path in COMBINED[name]
    ]
