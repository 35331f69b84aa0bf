"""Findings on their lines: ids, ends, suggestions, repeats and the cap."""

import pytest

from reviewbot.diff.chunk import Chunk, print_lines, split_file
from reviewbot.diff.parse import parse_diff
from reviewbot.findings.finding import Finding, build_finding
from reviewbot.model.answer import Said, Severity

BODY = " def f():\n-    return 1\n+    x = 2\n+    return x\n \n"
FAR = " def g():\n-    old()\n+    new()\n"


def chunk_of(*bodies: str) -> Chunk:
    text = "--- a/f.py\n+++ b/f.py\n"
    for at, body in enumerate(bodies):
        old, new = (sum(line[0] != sign for line in body.split("\n")[:-1]) for sign in "+-")
        text += f"@@ -{10 + 90 * at},{old} +{10 + 90 * at},{new} @@\n{body}"
    [file] = parse_diff(text.encode())
    [chunk], _ = split_file(file, 5000)
    return chunk


CHUNK = chunk_of(BODY, FAR)
IDS = [printed.id for printed in print_lines(CHUNK)]
LETTERS = [each.split(".")[1] for each in IDS]


def said(
    start: str, end: str | None = None, *suggestion: str, severity: Severity = "major"
) -> Said:
    return Said(
        start, start if end is None else end, severity, "correctness", "T", ["b"], [*suggestion]
    )


def place(said: Said, chunk: Chunk = CHUNK) -> tuple[str, int, int] | None:
    finding = build_finding(said, chunk)
    if finding is None:
        return None
    return finding.side, finding.start_line, finding.line


def suggested(body: str, first: int, last: int, *lines: str) -> str | None:
    """What a suggestion for the lines from `first` to `last` of a chunk becomes."""
    chunk = chunk_of(body)
    ids = [printed.id for printed in print_lines(chunk)]
    finding = build_finding(said(ids[first], ids[last], *lines), chunk)
    assert finding is not None
    return finding.suggestion


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, ("RIGHT", 10, 10)),
        (1, ("LEFT", 11, 11)),
        (2, ("RIGHT", 11, 11)),
        (3, ("RIGHT", 12, 12)),
        (6, ("LEFT", 101, 101)),
        (7, ("RIGHT", 101, 101)),
    ],
)
def test_an_id_is_its_line_on_its_side(index: int, expected: tuple[str, int, int]) -> None:
    assert place(said(IDS[index])) == expected


@pytest.mark.parametrize(
    "text",
    ["{id}", " {id} ", "+{id}", "R{id}", "{id}|+    x = 2", "line {id}", "{id}, 1.zz", "00{id}"],
)
def test_the_first_id_in_a_text_counts(text: str) -> None:
    assert place(said(text.replace("{id}", IDS[2]))) == ("RIGHT", 11, 11)


@pytest.mark.parametrize("number", ["1", "4", "99", "0", "9999"])
def test_a_miscounted_number_with_letters_of_one_line_is_that_line(number: str) -> None:
    assert place(said(f"{number}.{LETTERS[2]}")) == ("RIGHT", 11, 11)


@pytest.mark.parametrize(
    "text", ["", "3", "3.", "x.y", LETTERS[2], "3.zzz", "12345.aa", "\u0663.aa", "nothing"]
)
def test_what_names_no_line_gives_no_finding(text: str) -> None:
    assert build_finding(said(text), CHUNK) is None


def test_letters_that_fit_two_lines_name_neither() -> None:
    chunk = chunk_of("+same\n+same\n")
    letters = print_lines(chunk)[0].id.split(".")[1]
    assert build_finding(said(f"9.{letters}"), chunk) is None
    assert place(said(f"2.{letters}"), chunk) == ("RIGHT", 11, 11)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (2, 3, ("RIGHT", 11, 12)),
        (0, 3, ("RIGHT", 10, 12)),
        (3, 2, ("RIGHT", 12, 12)),
        (1, 3, ("LEFT", 11, 11)),
        (2, 7, ("RIGHT", 11, 11)),
    ],
)
def test_an_end_elsewhere_leaves_the_start_alone(
    start: int, end: int, expected: tuple[str, int, int]
) -> None:
    assert place(said(IDS[start], IDS[end])) == expected


def test_an_end_that_is_no_id_leaves_the_start_alone() -> None:
    assert place(said(IDS[2], "the end")) == ("RIGHT", 11, 11)


def test_a_finding_on_a_removed_line_knows_the_nearest_line_that_is_there() -> None:
    finding = build_finding(said(IDS[1]), CHUNK)
    assert finding is not None
    assert finding.right_line == 10
    assert [line.text for line in finding.excerpt if finding.anchors(line)] == ["    return 1"]


@pytest.mark.parametrize(("start", "right"), [("@@ -1,2 +0,0 @@", 1), ("@@ -5,2 +4,0 @@", 5)])
def test_where_nothing_is_left_the_line_that_follows_is_nearest(start: str, right: int) -> None:
    [file] = parse_diff(f"--- a/f\n+++ b/f\n{start}\n-a\n-b\n".encode())
    [chunk], _ = split_file(file, 5000)
    finding = build_finding(said(print_lines(chunk)[1].id), chunk)
    assert finding is not None
    assert finding.right_line == right


def test_an_excerpt_is_two_lines_around_the_anchor_and_stays_in_the_hunk() -> None:
    finding = build_finding(said(IDS[4]), CHUNK)
    assert finding is not None
    assert [line.text for line in finding.excerpt] == ["    x = 2", "    return x", ""]


@pytest.mark.parametrize(
    ("anchored", "lines", "expected"),
    [
        ("+    x = 2\n", ["y = 3"], "    y = 3"),
        ("+    x = 2\n", ["    y = 3"], "    y = 3"),
        ("+    x = 2\n", ["if y:", "    y = 3"], "    if y:\n        y = 3"),
        ("+    x = 2\n", ["  if y:", "    y = 3"], "    if y:\n      y = 3"),
        ("+    x = 2\n", ["", "    y = 3"], "\n    y = 3"),
        ("+    x = 2\n", ["", "y = 3"], "\n    y = 3"),
        ("+x = 2\n", ["    y = 3"], "    y = 3"),
        ("+\tx = 2\n", ["y = 3"], "\ty = 3"),
        ("+\tx = 2\n", ["    y = 3"], "\ty = 3"),
        ("+\tx = 2\n", ["if y {", "    y = 3", "}"], "\tif y {\n\t\ty = 3\n\t}"),
        ("+\tx = 2\n", ["    if y {", "        y = 3", "    }"], "\tif y {\n\t\ty = 3\n\t}"),
        ("+x = 2\r\n", ["y = 3", "z = 4"], "y = 3\r\nz = 4\r"),
        ("+    x = 2\n", [""], ""),
    ],
)
def test_a_suggestion_gets_the_indentation_and_line_ends_of_what_it_replaces(
    anchored: str, lines: list[str], expected: str
) -> None:
    assert suggested(anchored, 0, 0, *lines) == expected


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("+x = 2\n", []),
        ("+x = 2\n", ["x = 2"]),
        ("+    x = 2\n", ["x = 2"]),
        ("+x = 2\r\n", ["x = 2"]),
        ("-x = 2\n", ["y = 3"]),
    ],
)
def test_no_suggestion_is_made_of_nothing_the_same_or_a_removed_line(
    body: str, lines: list[str]
) -> None:
    assert suggested(body, 0, 0, *lines) is None


def test_a_suggestion_over_a_removed_line_replaces_only_what_is_there() -> None:
    assert suggested("+a\n-gone\n+b\n", 0, 2, "a", "b") is None
    assert suggested("+a\n-gone\n+b\n", 0, 2, "a", "c") == "a\nc"


def test_a_finding_without_a_title_gets_one() -> None:
    finding = build_finding(Said(IDS[2], IDS[2], "minor", "errors", "", [" ", "b", ""], []), CHUNK)
    assert finding is not None
    assert (finding.title, finding.body) == ("Untitled", "b")


def test_positions_grow_along_the_diff() -> None:
    found = [build_finding(said(each), CHUNK) for each in IDS]
    positions = [finding.order for finding in found if finding]
    assert len(positions) == len(IDS)
    assert positions == sorted(positions)


def finding_at(index: int, severity: Severity, title: str) -> Finding:
    finding = build_finding(
        Said(IDS[index], IDS[index], severity, "correctness", title, [], []), CHUNK
    )
    assert finding is not None
    return finding
