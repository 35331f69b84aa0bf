"""Every format against the files of tests/golden/report/, byte for byte."""

import pytest

from tests.golden_reports import FOLDER, RENDERINGS


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_is_the_golden_file(name: str) -> None:
    assert RENDERINGS[name]().encode("utf-8") == (FOLDER / name).read_bytes()


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(RENDERINGS)


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_ends_in_one_newline(name: str) -> None:
    text = RENDERINGS[name]()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
