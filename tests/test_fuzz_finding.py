"""Whatever a model names, a finding stands on lines of its chunk, of one hunk and one side."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reviewbot.diff.chunk import Chunk, PrintedLine, print_lines, split_file
from reviewbot.findings.finding import Finding, build_finding
from reviewbot.model.answer import Said
from tests.diffs import TEXTS, Made, modified, read

Place = tuple[str, int]


def chunks_of(made: Made) -> list[Chunk]:
    [file] = read([made])
    return split_file(file, 200, 5)[0]


CHUNKS = modified().map(chunks_of).filter(bool).flatmap(st.sampled_from)


@st.composite
def named(draw: st.DrawFn) -> tuple[Chunk, PrintedLine, PrintedLine]:
    chunk = draw(CHUNKS)
    line = st.sampled_from(print_lines(chunk))
    return chunk, draw(line), draw(line)


@st.composite
def misnamed(draw: st.DrawFn) -> tuple[Chunk, str, str]:
    """A chunk, and two texts as a weak model would give them for ids."""
    chunk, first, last = draw(named())
    wrong = draw(st.integers(0, 99999))
    letters = first.id.split(".")[1]
    damaged = st.sampled_from(
        (first.id, last.id, f"+{first.id}", f"{first.id}|-x", f"{wrong}.{letters}", f"R{last.id}",
         f"{first.id}-{last.id}", letters, str(wrong), f"{wrong}.zz", f"{first.id}x", "")
    )  # fmt: skip
    return chunk, draw(damaged | TEXTS), draw(damaged | TEXTS)


def said(start: str, end: str, suggestion: list[str] | None = None) -> Said:
    return Said(start, end, "major", "correctness", "t", ["b"], suggestion or [])


def stands_on(finding: Finding) -> set[Place]:
    return {(finding.side, number) for number in range(finding.start_line, finding.line + 1)}


def hunks_of(chunk: Chunk) -> list[set[Place]]:
    """What a forge accepts a comment on, by hunk: an unchanged line stands on both sides."""
    return [
        {("LEFT", line.old) for line in hunk.lines() if line.sign != "+"}
        | {("RIGHT", line.new) for line in hunk.lines() if line.sign != "-"}
        for hunk in chunk.hunks
    ]


def is_sound(finding: Finding, chunk: Chunk) -> bool:
    """Whether a forge takes the finding, and all that reports ask of it has an answer."""
    anchors = [line for line in finding.excerpt if finding.anchors(line)]
    return (
        any(stands_on(finding) <= hunk for hunk in hunks_of(chunk))
        and (anchors[0].number, anchors[-1].number) == (finding.start_line, finding.line)
        and finding.order >= 0
        and finding.right_line >= 1
    )


@settings(max_examples=1000)
@given(misnamed(), st.lists(TEXTS, max_size=3))
def test_a_finding_is_on_lines_of_one_hunk_and_one_side_or_dropped(
    case: tuple[Chunk, str, str], suggestion: list[str]
) -> None:
    chunk, start, end = case
    finding = build_finding(said(start, end, suggestion), chunk)
    assert finding is None or is_sound(finding, chunk)


@settings(max_examples=500)
@given(named())
def test_an_exact_id_is_the_line_that_it_was_printed_on(
    case: tuple[Chunk, PrintedLine, PrintedLine],
) -> None:
    chunk, start, _ = case
    finding = build_finding(said(start.id, start.id), chunk)
    assert finding is not None
    assert (finding.side, finding.start_line, finding.line) == (
        start.line.side,
        start.line.number,
        start.line.number,
    )


@settings(max_examples=500)
@given(named())
def test_two_exact_ids_in_order_on_one_side_of_a_hunk_are_a_range(
    case: tuple[Chunk, PrintedLine, PrintedLine],
) -> None:
    chunk, start, end = case
    assume(start.hunk == end.hunk and start.line.side == end.line.side)
    assume(start.line.number <= end.line.number)
    finding = build_finding(said(start.id, end.id), chunk)
    assert finding is not None
    assert (finding.start_line, finding.line) == (start.line.number, end.line.number)


@settings(max_examples=200)
@given(CHUNKS)
def test_ids_count_up_over_a_whole_chunk_and_none_comes_twice(chunk: Chunk) -> None:
    ids = [printed.id for printed in print_lines(chunk)]
    assert [int(each.split(".")[0]) for each in ids] == list(range(1, len(ids) + 1))
