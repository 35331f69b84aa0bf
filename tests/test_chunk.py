"""Where a file is cut into chunks: whole hunks together, large ones at sensible places."""

from reviewbot.diff.chunk import Chunk, changed_ranges, halve, print_lines, split_file
from reviewbot.diff.hunks import Hunk
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.diff.tokens import estimate_tokens
from reviewbot.model.prompt import Shown, build_messages

PLENTY = 100_000


def file_of(*bodies: str, section: str = "") -> FileDiff:
    """A file with one hunk for each body, a hundred lines apart."""
    text = "diff --git a/f.py b/f.py\n--- a/f.py\n+++ b/f.py\n"
    for at, body in enumerate(bodies):
        old, new = (sum(line[0] != sign for line in body.splitlines()) for sign in "+-")
        start = 1 + 100 * at
        text += f"@@ -{start},{old} +{start},{new} @@ {section}\n{body}"
    [file] = parse_diff(text.encode())
    return file


def added(*texts: str) -> str:
    return "".join(f"+{text}\n" for text in texts)


def shown(chunks: list[Chunk]) -> list[list[str]]:
    return [
        [line.sign + line.text for hunk in chunk.hunks for line in hunk.lines()] for chunk in chunks
    ]


def test_hunks_of_a_file_share_a_chunk_while_they_fit() -> None:
    [chunk], gaps = split_file(file_of("-a\n+b\n", "-c\n+d\n", "-e\n+f\n"), PLENTY)
    assert (len(chunk.hunks), chunk.changed, gaps) == (3, 6, [])


def test_a_hunk_is_not_cut_to_fill_a_chunk() -> None:
    file = file_of(added(*"abcd"), added(*"efgh"))
    chunks, _ = split_file(file, PLENTY, 6)
    assert shown(chunks) == [["+a", "+b", "+c", "+d"], ["+e", "+f", "+g", "+h"]]


def test_at_most_150_changed_lines_are_shown_at_once() -> None:
    chunks, _ = split_file(file_of(added(*["x = 1"] * 400)), PLENTY)
    assert [chunk.changed for chunk in chunks] == [150, 150, 100]


def test_a_large_hunk_is_cut_at_a_blank_line() -> None:
    lines = [f"line{at}" for at in range(6)] + [""] + [f"other{at}" for at in range(6)]
    chunks, _ = split_file(file_of(added(*lines)), PLENTY, 9)
    assert [len(lines) for lines in shown(chunks)] == [7, 6]
    assert shown(chunks)[0][-1] == "+"


def test_a_large_hunk_is_cut_before_what_is_indented_least() -> None:
    lines = ["def f():", *["    x = 1"] * 5, "def g():", *["    x = 2"] * 5]
    chunks, _ = split_file(file_of(added(*lines)), PLENTY, 9)
    assert shown(chunks)[1][0] == "+def g():"


def test_the_old_and_the_new_form_of_lines_are_not_parted() -> None:
    body = "".join(f"-old{at}\n" for at in range(4)) + added(*(f"new{at}" for at in range(4)))
    [first, *_], _ = split_file(file_of(body + " same\n" * 4 + body), PLENTY, 12)
    signs = [line[0] for line in shown([first])[0]]
    assert signs == ["-"] * 4 + ["+"] * 4 + [" "] * 4


def test_a_line_longer_than_the_budget_is_listed_and_its_neighbours_are_shown() -> None:
    file = file_of(added("before", "9" * 5000, "after") + "-" + "8" * 5000 + "\n")
    chunks, [gap] = split_file(file, 500)
    assert shown(chunks) == [["+before", "+after"]]
    assert (gap.path, gap.reason, gap.policy) == (
        "f.py",
        "line longer than the model reads",
        False,
    )
    assert gap.lines == (("RIGHT", 2, 2), ("LEFT", 1, 1))


def test_unchanged_lines_far_from_a_change_are_left_out() -> None:
    body = " far away\n" * 300 + "+change\n" + " far away\n" * 300
    chunks, gaps = split_file(file_of(body), 400)
    assert ([chunk.changed for chunk in chunks], gaps) == ([1], [])


def test_a_hunk_without_a_change_is_in_no_chunk() -> None:
    assert split_file(file_of(" same\n"), PLENTY) == ([], [])


def test_lines_keep_their_numbers_when_a_hunk_is_cut() -> None:
    chunks, _ = split_file(file_of(added(*["x"] * 5) + "-y\n" * 5), PLENTY, 4)
    ranges = [place for chunk in chunks for place in chunk.ranges()]
    assert [(side, number) for side, *ends in ranges for number in range(ends[0], ends[1] + 1)] == [
        *(("RIGHT", number) for number in range(1, 6)),
        *(("LEFT", number) for number in range(1, 6)),
    ]


def test_the_headers_of_hunks_count_too() -> None:
    section = "public static final Map<String, List<Integer>> computeEverything(String argument)"
    file = file_of(*["-a\n+b\n"] * 60, section=section)
    chunks, _ = split_file(file, 600)
    assert max(chunk.tokens for chunk in chunks) <= 600
    for chunk in chunks:
        change = build_messages(Shown(chunk))[1].content.split("<change>")[1].split("</change>")[0]
        assert estimate_tokens(change) <= chunk.tokens


def test_a_header_that_takes_a_quarter_of_the_room_is_left_out() -> None:
    [chunk], _ = split_file(file_of("-a\n+b\n", section="9" * 400), 200)
    assert chunk.hunks[0].section == ""
    [chunk], _ = split_file(file_of("-a\n+b\n", section="def f():"), 200)
    assert chunk.hunks[0].section == "def f():"


def test_ranges_join_what_follows_each_other_on_one_side() -> None:
    [chunk], _ = split_file(file_of("-a\n-b\n+c\n+d\n same\n+e\n"), PLENTY)
    assert chunk.ranges() == (("LEFT", 1, 2), ("RIGHT", 1, 2), ("RIGHT", 4, 4))
    assert changed_ranges([]) == ()


def test_halves_part_at_the_most_sensible_place() -> None:
    lines = ["def f():", "    x = 1", "", "def g():", "    x = 2", "    y = 3"]
    [chunk], _ = split_file(file_of(added(*lines)), PLENTY)
    assert shown(list(halve(chunk))) == [
        ["+def f():", "+    x = 1", "+"],
        ["+def g():", "+    x = 2", "+    y = 3"],
    ]


def test_a_single_changed_line_cannot_be_halved() -> None:
    [chunk], _ = split_file(file_of(" a\n+b\n c\n"), PLENTY)
    assert halve(chunk) == (chunk,)


def test_ids_count_over_both_sides_and_all_hunks_of_a_chunk() -> None:
    [chunk], _ = split_file(file_of(" a\n-b\n+b\n", "+c\n"), PLENTY)
    ids = [printed.id for printed in print_lines(chunk)]
    assert [each.split(".")[0] for each in ids] == ["1", "2", "3", "4"]
    assert len({each.split(".")[1] for each in ids[1:3]}) == 2, "the sign is part of the hash"


def test_the_letters_of_an_id_are_those_of_its_content_wherever_it_stands() -> None:
    here, there = (
        Chunk("f", (Hunk(at, at, "", f"+{'x' * (at % 2)}\n+same\n", 2, 0),), 0) for at in (1, 50)
    )
    assert print_lines(here)[1].id == print_lines(there)[1].id
