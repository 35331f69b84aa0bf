"""Paths out of headers: git's quoting undone, prefixes stripped, damage taken as it stands."""

import pytest

from reviewbot.diff.parse import parse_diff
from reviewbot.diff.paths import unquote


@pytest.mark.parametrize(
    ("quoted", "path"),
    [
        ("plain", "plain"),
        ('"plain"', "plain"),
        (r'"caf\303\251"', "caf\u00e9"),
        (r'"latin\351"', "latin\ufffd"),
        (r'"a\tb\nc\rd\ae\bf\vg\fh"', "a\tb\nc\rd\ae\bf\vg\fh"),
        (r'"q\"b\\s"', 'q"b\\s'),
        (r'"\\303"', r"\303"),
        (r'"\0171"', "\x0f1"),
        (r'"\7\777"', "\x07\ufffd"),
        (r'"\8\q"', "8q"),
        ('"caf\u00e9"', "caf\u00e9"),
        ('"', '"'),
        ('""', ""),
        ('"open', '"open'),
        ('shut"', 'shut"'),
        ('"trailing\\"', "trailing\\"),
    ],
)
def test_quoting_is_undone(quoted: str, path: str) -> None:
    assert unquote(quoted) == path


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("--- a/x y\t\n+++ b/x y\t\n", None, "x y"),
        ('--- "a/m\\303\\266 h"\t\n+++ "b/m\\303\\266 h"\t\n', None, "m\u00f6 h"),
        ('--- "a\\303\\244"\t2024-05-06\n+++ "b"\t2024-05-06\n', "a\u00e4", "b"),
        ("--- x\t2024-05-06 07:08:09\n+++ y\t2024-05-06 07:08:09\n", "x", "y"),
        ("--- /dev/null\n+++ b/x\n", None, "x"),
        ("--- a/x\n+++ /dev/null\n", None, "x"),
        ("--- i/x\n+++ w/x\n", None, "x"),
        ("--- a/x\n+++ a/x\n", None, "a/x"),
        ("--- src/x\n+++ src/x\n", None, "src/x"),
        ("diff --git a/x a/x\n--- a/x\n+++ a/x\n", None, "a/x"),
        ("diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n", None, "x"),
        ("diff --git a/x a/x\nnew file mode 100644\n--- /dev/null\n+++ a/x\n", None, "a/x"),
    ],
)
def test_prefixes_times_and_tabs_are_no_part_of_a_path(
    header: str, old: str | None, new: str
) -> None:
    [file] = parse_diff(f"{header}@@ -1 +1 @@\n-a\n+b\n".encode())
    assert (file.old_path, file.path) == (old, new)


@pytest.mark.parametrize(
    ("first_line", "path"),
    [
        ("a/x b/x", "x"),
        ("a/x y b/x y", "x y"),
        ("a/x b/x b/x b/x", "x b/x"),
        ("x x", "x"),
        ('"a/\\303\\244" "b/\\303\\244"', "\u00e4"),
        ('a/x "b/\\303\\244"', "\u00e4"),
        ('"a/\\303\\244" b/x', "x"),
    ],
)
def test_a_file_without_hunks_is_named_by_its_first_line(first_line: str, path: str) -> None:
    [file] = parse_diff(f"diff --git {first_line}\nold mode 100644\nnew mode 100755\n".encode())
    assert file.path == path
