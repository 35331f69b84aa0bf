"""Every form of diff under tests/golden/diff/, against the reading that stands beside it.

After a wanted change, `python -m tests.test_diff_golden` writes the readings; look at their diff.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from reviewbot.diff.parse import FileDiff, parse_diff

FOLDER = Path(__file__).parent / "golden" / "diff"
NAMES = sorted(file.stem for file in FOLDER.glob("*.diff"))


def reading(name: str) -> str:
    files = parse_diff((FOLDER / f"{name}.diff").read_bytes())
    return json.dumps([_described(file) for file in files], indent=1) + "\n"


def _described(file: FileDiff) -> dict[str, Any]:
    traits = ("binary", "combined", "submodule", "symlink")
    return {
        "path": file.path,
        "old_path": file.old_path,
        "status": file.status,
        "counts": f"+{file.added} -{file.removed}",
        "traits": [trait for trait in traits if getattr(file, trait)],
        "damage": file.damage and [file.damage.reason, file.damage.lost],
        "lines": [
            f"{line.old:>3} {line.new:>3} {line.sign}{line.text}"
            for hunk in file.hunks
            for line in hunk.lines()
        ],
        "sections": [hunk.section for hunk in file.hunks],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_diff_is_read_as_its_golden_file_says(name: str) -> None:
    assert reading(name) == (FOLDER / f"{name}.json").read_text(encoding="ascii")


def test_each_diff_has_its_reading_and_no_reading_is_left_over() -> None:
    assert [file.stem for file in sorted(FOLDER.glob("*.json"))] == NAMES


def test_a_transport_changes_nothing_that_is_read() -> None:
    carried = ("crlf_transport", "utf16_le", "utf16_be", "byte_order_mark")
    assert {reading(name) for name in carried} == {reading("git")}


def test_colours_change_nothing_that_is_read() -> None:
    assert reading("colours_moved") == reading("colours")


def test_the_readings_hold_no_colour_code() -> None:
    assert "\\u001b" not in reading("colours")


if __name__ == "__main__":
    for each in NAMES:
        (FOLDER / f"{each}.json").write_text(reading(each), encoding="ascii")
