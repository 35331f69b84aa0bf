"""The goldens of 34 real pull requests beside this checkout, against the outlines.

They belong to others and are not part of the project: without the folder these tests are skipped.
"""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

from reviewbot.context.definitions import Outline, enclosing, outline_of
from reviewbot.context.kinds import GRAMMARS
from reviewbot.context.syntax import find_nodes, language_of, parse_source

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "review-bench"
FILES = FOLDER / "changed-files.jsonl.gz"

pytestmark = pytest.mark.skipif(
    not FILES.exists(), reason=f"the corpus of pull requests is not here: {FOLDER}"
)


@cache
def sources() -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    with gzip.open(FILES, "rt") as rows:
        for row in map(json.loads, rows):
            found[row["id"], row["path"], "right"] = row["head"] or ""
            found[row["id"], row["path"], "left"] = row["base"] or ""
    return found


@cache
def outline(case: str, path: str, side: str) -> Outline:
    language = language_of(path) or "php"  # its templates
    text = sources()[case, path, side]
    root = parse_source(text, language)
    assert root is not None
    grammar = GRAMMARS[language]
    return outline_of(find_nodes(root, grammar.kinds()), text, grammar)


def goldens() -> list[tuple[str, str, str, int]]:
    lines = (FOLDER / "prs.jsonl").read_text().splitlines()
    return [
        (case["id"], golden["path"], golden["side"], golden["from_line"])
        for case in map(json.loads, lines)
        for golden in case["golden"]
        if not golden["path"].endswith((".sh", ".lock"))
    ]


def test_goldens_stand_inside_definitions() -> None:
    outside = [golden for golden in goldens() if enclosing(outline(*golden[:3]), golden[3]) is None]
    assert len(goldens()) == 169
    assert len(goldens()) - len(outside) >= 160, outside
