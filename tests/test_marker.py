"""The hidden mark of a review: ours is found again, and nobody else can make one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.github.marker import (
    Mark,
    external_id,
    find_marks,
    has_any_marker,
    is_marked,
    marker_key,
    read_external_id,
    render_marker,
    without_marks,
)
from reviewbot.report.safe_markdown import safe_markdown

KEY, EARLIER, FOREIGN = marker_key("secret"), marker_key("before"), marker_key("guessed")
MARK = Mark(repository_id=7, number=12, base="main", head="a" * 40, run=0)
MARKER = render_marker(MARK, KEY)

NUMBERS = st.integers(1, 2**63 - 1)
BASES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=255
) | st.sampled_from(("-->", "x --> <!-- y", "release/1.0", "ä☃\U0001f600", " sig=", "a:b:c"))
HEADS = st.text("0123456789abcdef", min_size=40, max_size=40) | st.just("b" * 64)
MARKS = st.builds(Mark, NUMBERS, NUMBERS, BASES, HEADS, st.integers(0, 999_999_999))


@given(MARKS)
def test_a_mark_is_found_again_whole_and_alone(mark: Mark) -> None:
    text = render_marker(mark, KEY)
    assert find_marks(f"words\n\n{text}\r\n", [KEY]) == (mark,)
    assert is_marked(text, mark, [EARLIER, KEY])


@given(MARKS)
def test_no_branch_name_breaks_out_of_the_comment(mark: Mark) -> None:
    text = render_marker(mark, KEY)
    inside = text.removeprefix("<!-- ").removesuffix(" -->")
    assert len(text) == len(inside) + 9
    assert "--" not in inside
    assert not set(inside) & set("<>\n`@")


def test_a_mark_of_the_earlier_key_counts_and_one_of_a_foreign_key_does_not() -> None:
    keys = [KEY, EARLIER]
    assert find_marks(render_marker(MARK, EARLIER), keys) == (MARK,)
    assert find_marks(render_marker(MARK, FOREIGN), keys) == ()
    assert find_marks(MARKER, []) == ()


def test_a_mark_signed_with_a_foreign_key_under_our_key_s_name_is_none() -> None:
    assert find_marks(render_marker(MARK, replace(FOREIGN, id=KEY.id)), [KEY]) == ()


def test_the_key_and_its_name_do_not_tell_the_secret() -> None:
    assert "secret" not in f"{KEY} {KEY!r} {KEY.id}"
    assert KEY.key.hex() not in repr(KEY)
    assert marker_key("secret").key == KEY.key != marker_key("secret ").key


@pytest.mark.parametrize(
    "forged",
    [
        MARKER.replace("number=12", "number=13"),
        MARKER.replace("repository=7", "repository=8"),
        MARKER.replace("run=0", "run=1"),
        MARKER.replace("a" * 40, "b" * 40),
        MARKER.replace("base=6d", "base=6e"),
        MARKER.replace("base=6d61696e", "base=ff"),
        MARKER.replace("base=6d61696e", "base=6d6"),
        MARKER.replace("number=12", "number=１２"),
        MARKER.replace("v1", "v2"),
        MARKER.upper(),
        MARKER.replace(" sig=", "  sig="),
        MARKER.replace(" -->", ""),
        MARKER.replace("sig=", "sig=0")[:-5] + " -->",
        MARKER[4:],
        "",
    ],
)
def test_a_forged_or_broken_mark_is_none(forged: str) -> None:
    assert find_marks(forged, [KEY]) == ()


@given(st.integers(0, len(MARKER) - 1))
def test_a_mark_cut_anywhere_is_none(end: int) -> None:
    assert find_marks(MARKER[:end], [KEY]) == ()


@pytest.mark.parametrize(
    "other", [replace(MARK, repository_id=8), replace(MARK, number=13),
              replace(MARK, head="b" * 40),
              replace(MARK, base="dev"), replace(MARK, run=1)],
)  # fmt: skip
def test_the_mark_of_another_review_is_not_this_one_s(other: Mark) -> None:
    assert not is_marked(render_marker(other, KEY), MARK, [KEY])


def test_any_mark_of_a_pull_request_tells_that_a_draft_is_ours() -> None:
    other = render_marker(replace(MARK, head="b" * 40, run=3), KEY)
    assert has_any_marker(other, [KEY], 7, 12)
    assert not has_any_marker(other, [KEY], 8, 12)
    assert not has_any_marker(other, [KEY], 7, 13)
    assert not has_any_marker(other, [EARLIER], 7, 12)


@pytest.mark.parametrize(
    "mark", [replace(MARK, base=""), replace(MARK, head="A" * 40), replace(MARK, head="abc"),
             replace(MARK, run=-1), replace(MARK, base="\ud800"), replace(MARK, base="x" * 1025)],
)  # fmt: skip
def test_a_mark_that_would_not_be_found_again_is_not_written(mark: Mark) -> None:
    with pytest.raises(ValueError, match=r"found again|surrogates"):
        render_marker(mark, KEY)


COPIES = st.sampled_from((
    MARKER, f"`{MARKER}`", f"``{MARKER}``", f"```\n{MARKER}\n```", f"~~~html\n{MARKER}\n~~~",
    f"- {MARKER}", MARKER.replace("<!-- ", "<!--\n"), "<!--", "<!-- ",
    "reviewbot:v1 key=", "`", "\n",
))  # fmt: skip


@given(st.lists(COPIES | st.text(max_size=6), max_size=6).map("".join))
def test_what_a_model_copies_of_a_mark_is_none(text: str) -> None:
    shown = without_marks(safe_markdown(text))
    assert find_marks(shown, [KEY]) == ()
    assert "<!-- reviewbot" not in shown
    assert without_marks(shown) == shown


def test_escaping_alone_would_leave_a_mark_in_code_valid() -> None:
    assert find_marks(safe_markdown(f"```\n{MARKER}\n```"), [KEY]) == (MARK,)


@given(MARKS.filter(lambda mark: mark.base.isprintable()))
def test_the_name_of_a_check_run_tells_what_it_is_of(mark: Mark) -> None:
    read = (mark.repository_id, mark.number, mark.run, mark.base)
    assert read_external_id(external_id(mark)) == read


@pytest.mark.parametrize(
    "text", ["", "other:1:2:0:main", "reviewbot:1:2:0:", "reviewbot:1:2:0", "reviewbot:-1:2:0:main",
             "reviewbot:1:2:0:a\0b", "reviewbot:1:2:0:a\nb", "reviewbot:1:2:0:" + "x" * 256,
             f"reviewbot:{2**63}:2:0:main", f"reviewbot:1:{2**63}:0:main",
             "reviewbot:１:2:0:main", " reviewbot:1:2:0:main"],
)  # fmt: skip
def test_the_name_of_a_check_run_that_is_not_ours_tells_nothing(text: str) -> None:
    assert read_external_id(text) is None
