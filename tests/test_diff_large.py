"""Diffs that are large in one way: many files, long lines, many hunks."""

from reviewbot.diff.parse import parse_diff


def test_3200_files_are_read() -> None:
    text = "".join(
        f"diff --git a/d/{at} b/d/{at}\n--- a/d/{at}\n+++ b/d/{at}\n@@ -1 +1 @@\n-a\n+b\n"
        for at in range(3200)
    )
    files = list(parse_diff(text.encode()))
    assert [file.path for file in files] == [f"d/{at}" for at in range(3200)]
    assert {(file.added, file.removed, file.damage) for file in files} == {(1, 1, None)}


def test_a_line_of_240_kb_is_one_line() -> None:
    long = "x" * 240_000
    text = f"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-{long}\n+{long}y\n"
    [file] = parse_diff(text.encode())
    assert [line.text for line in file.hunks[0].lines()] == [long, f"{long}y"]


def test_2000_hunks_of_one_file_are_read() -> None:
    hunks = "".join(f"@@ -{at * 10} +{at * 10} @@\n-a\n+b\n" for at in range(1, 2001))
    [file] = parse_diff(f"diff --git a/f b/f\n--- a/f\n+++ b/f\n{hunks}".encode())
    assert (len(file.hunks), file.hunks[-1].new_start) == (2000, 20_000)


def test_20000_removed_comments_above_added_ones_are_no_file_borders() -> None:
    lines = "--- a comment\n+++ another\n" * 20_000
    [file] = parse_diff(f"--- a/f\n+++ b/f\n@@ -1,20000 +1,20000 @@\n{lines}".encode())
    assert (file.added, file.removed) == (20_000, 20_000)


def test_files_are_given_one_at_a_time() -> None:
    first = b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
    files = parse_diff(first * 3)
    assert next(files).path == "f"
