"""Broken input: what is whole is kept, and what is lost is named with its line."""

import pytest

from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.errors import DiffError

FIRST = """\
diff --git a/one.py b/one.py
index 1111111..2222222 100644
--- a/one.py
+++ b/one.py
@@ -1,3 +1,3 @@ def f():
 a
-b
+B
 c
@@ -20,2 +20,3 @@
 x
+y
 z
"""
SECOND = """\
diff --git a/two.py b/two.py
index 3333333..4444444 100644
--- a/two.py
+++ b/two.py
@@ -5 +5 @@
-old
+new
"""
BOTH = FIRST + SECOND
FIRST_HUNK = FIRST.index("@@ -20")


def read(text: str) -> list[FileDiff]:
    return list(parse_diff(text.encode()))


def cut_to(text: str) -> list[FileDiff] | str:
    try:
        return read(text)
    except DiffError as error:
        return str(error)


def complete_hunks(at: int) -> tuple[int, int]:
    """How many hunks of each file are whole in the first characters, but for a last newline."""
    ends = (FIRST_HUNK - 1, len(FIRST) - 1, len(BOTH) - 1)
    whole = [end <= at for end in ends]
    return sum(whole[:2]), sum(whole[2:])


@pytest.mark.parametrize("at", range(len("diff --git "), len(BOTH) + 1))
def test_a_diff_cut_anywhere_keeps_the_hunks_that_were_complete(at: int) -> None:
    files = cut_to(BOTH[:at])
    assert isinstance(files, list)
    kept = [len(file.hunks) for file in files] + [0, 0]
    at_least = complete_hunks(at)
    # a hunk whose very last line is cut within its text looks complete
    assert at_least[0] <= kept[0] <= 2
    assert at_least[1] <= kept[1] <= 1


@pytest.mark.parametrize("at", range(1, len("diff --git ")))
def test_a_diff_cut_within_its_first_word_is_no_diff(at: int) -> None:
    assert str(cut_to(BOTH[:at])).startswith("line 1: this is no diff: it begins 'd")


@pytest.mark.parametrize("at", range(FIRST_HUNK + 2, FIRST.index(" z") + 1))
def test_a_cut_in_the_second_hunk_is_told_and_the_next_file_is_kept(at: int) -> None:
    first, second = read(FIRST[:at].rstrip("\n") + "\n" + SECOND)
    assert len(first.hunks) == 1
    assert first.damage is not None
    line = FIRST[:at].rstrip("\n").count("\n") + 1
    assert first.damage.reason.startswith(f"line {line} of the diff: ")
    assert (second.path, second.added, second.removed, second.damage) == ("two.py", 1, 1, None)


def test_the_lines_that_a_cut_hunk_claimed_are_lost() -> None:
    [file] = read(FIRST[: FIRST.index("+y")])
    assert file.damage is not None
    assert file.damage.lost == (("LEFT", 20, 21), ("RIGHT", 20, 22))


@pytest.mark.parametrize(
    ("header", "line", "matter"),
    [
        ("@@ -1,4 +1,3 @@", 9, "the hunk `@@ -1,4 +1,3 @@` ends 1 lines too early"),
        ("@@ -1,9 +1,9 @@", 9, "the hunk `@@ -1,9 +1,9 @@` ends 6 lines too early"),
        ("@@ -1,2 +1,2 @@", 9, "the hunk `@@ -1,2 +1,2 @@` has more lines than its header says"),
        ("@@ -1,1 +1,1 @@", 7, "the hunk `@@ -1,1 +1,1 @@` has more lines than its header says"),
        ("@@ -1,3 +1,1 @@", 8, "the hunk `@@ -1,3 +1,1 @@` has other lines than its header says"),
        ("@@ -x +y @@", 5, "this hunk header cannot be read: '@@ -x +y @@'"),
        ("@@", 5, "this hunk header cannot be read: '@@'"),
        ("@@ -1 +1 @", 5, "this hunk header cannot be read: '@@ -1 +1 @'"),
    ],
)
def test_a_wrong_header_is_told_with_the_line_and_costs_the_next_file_nothing(
    header: str, line: int, matter: str
) -> None:
    text = FIRST[: FIRST.index("@@ -20")].replace("@@ -1,3 +1,3 @@ def f():", header)
    first, second = read(text + SECOND)
    assert first.hunks == ()
    assert first.damage is not None
    assert first.damage.reason == f"line {line} of the diff: {matter}"
    assert (second.path, second.damage) == ("two.py", None)


@pytest.mark.parametrize(
    ("data", "line", "matter"),
    [
        (b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n", 1, "begins '<!DOCTYPE html>'"),
        (b'{"message": "Not Found", "status": "404"}', 1, 'begins \'{"message": "Not Found"'),
        (b"\n\n  just some prose\n--- and a rule\n", 3, "begins 'just some prose'"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", 1, "this is binary data, not a diff"),
        (b"--- a\n", 1, "begins '--- a'"),
        (b"@@ -1 +1 @@\n-a\n+b\n", 1, "begins '@@ -1 +1 @@'"),
        (b"\x1b[31mred\x1b[m", 1, "no `diff --git` or `---` follows"),
        ("\ufeffprose".encode("utf-16-le"), 1, "begins 'prose'"),
        (b"\xff\xfe\xff", 1, "this is no diff"),
    ],
)
def test_what_is_no_diff_is_refused_with_its_line(data: bytes, line: int, matter: str) -> None:
    with pytest.raises(DiffError) as caught:
        list(parse_diff(data))
    [text] = str(caught.value).split("\n")
    assert text.startswith(f"line {line}: ")
    assert matter in text


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"\n", b"\r\n\r\n", b" \t\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff\x00\n",
        b"commit 0123456789abcdef0123456789abcdef01234567\nAuthor: A\n\n    Nothing\n",
        b"From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nSubject: x\n",
    ],
)  # fmt: skip
def test_an_empty_diff_has_no_files_and_is_no_error(data: bytes) -> None:
    assert list(parse_diff(data)) == []


def test_a_hunk_that_nothing_announces_belongs_to_the_file_above() -> None:
    [file] = read(FIRST + "@@ -90 +91 @@\n-p\n+q\n")
    assert (len(file.hunks), file.added, file.damage) == (3, 3, None)


def test_a_removed_list_item_too_many_is_no_signature() -> None:
    first, second = read(f"{FIRST}-- an item\n{SECOND}")
    assert first.damage is not None
    assert first.damage.reason.startswith("line 14 of the diff: ")
    assert len(first.hunks) == 1
    assert second.damage is None


@pytest.mark.parametrize("tail", ["-- \n2.45.0\n\n", "--\n2.45.0\n", "-- ", "-", "\n\n", "\nBye\n"])
def test_a_mail_may_end_in_a_signature_or_in_words(tail: str) -> None:
    [file] = read(FIRST + tail)
    assert (len(file.hunks), file.damage) == (2, None)
