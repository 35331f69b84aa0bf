"""Arbitrary bytes and arbitrary diffs through `parse_diff`."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.errors import DiffError
from tests.diffs import (
    PIECES,
    Made,
    Mutate,
    data_of,
    expected,
    git_diffs,
    meaning,
    mutations,
    plain_diffs,
    read,
)


def outcome(data: bytes) -> list[FileDiff] | str:
    """What the only error that may be raised says, or the files."""
    try:
        return list(parse_diff(data))
    except DiffError as error:
        return str(error)


def lines_agree_with_counts(file: FileDiff) -> bool:
    signs = [line.sign for hunk in file.hunks for line in hunk.lines()]
    return (signs.count("+"), signs.count("-")) == (file.added, file.removed)


@settings(max_examples=1000)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_arbitrary_bytes_give_files_or_one_line_that_says_where(data: bytes) -> None:
    result = outcome(data)
    assert isinstance(result, list) or (result.startswith("line ") and "\n" not in result)


@settings(max_examples=1000)
@given(git_diffs(), st.lists(mutations(), min_size=1, max_size=3))
def test_a_damaged_diff_never_ends_in_another_error(
    files: list[Made], damage: list[Mutate]
) -> None:
    data = data_of(files)
    for mutate in damage:
        data = mutate(data)
    result = outcome(data)
    assert isinstance(result, str) or all(lines_agree_with_counts(file) for file in result)


@settings(max_examples=1000)
@given(git_diffs())
@example([])
def test_a_diff_is_read_as_it_was_made(files: list[Made]) -> None:
    assert [meaning(file) for file in read(files)] == [expected(made) for made in files]


@settings(max_examples=300)
@given(plain_diffs())
def test_a_diff_without_git_headers_is_read_as_it_was_made(files: list[Made]) -> None:
    assert [meaning(file) for file in read(files)] == [expected(made) for made in files]


@settings(max_examples=250)
@given(git_diffs(most=2), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_a_diff_redirected_as_utf_16_reads_the_same(files: list[Made], encoding: str) -> None:
    text = "\ufeff" + data_of(files).decode()
    again = list(parse_diff(text.encode(encoding)))
    assert [meaning(file) for file in again] == [expected(made) for made in files]


@settings(max_examples=250)
@given(git_diffs(most=2))
def test_a_diff_whose_every_line_end_became_crlf_reads_the_same(files: list[Made]) -> None:
    again = list(parse_diff(data_of(files).replace(b"\n", b"\r\n")))
    assert [meaning(file) for file in again] == [expected(made) for made in files]


@settings(max_examples=400)
@given(git_diffs(least=1, most=1), git_diffs(least=1, most=2), st.floats(0, 1))
def test_a_cut_diff_costs_the_files_after_it_nothing(
    cut: list[Made], whole: list[Made], share: float
) -> None:
    text = data_of(cut)
    files = list(parse_diff(text[: int(share * len(text))] + b"\n" + data_of(whole)))
    assert [meaning(file) for file in files[-len(whole) :]] == [expected(made) for made in whole]


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_alone_is_no_traceback(piece: bytes) -> None:
    assert outcome(piece * 3) is not None
