"""A Dataset comes in; out comes which of its goldens a review would show to the model, and how.

No model is asked. A golden that is not shown cannot be found, whatever the model.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reviewbot.budget import Budget
from reviewbot.context.definitions import Definition, enclosing
from reviewbot.context.gather import gather
from reviewbot.context.repository import DiffRepository
from reviewbot.context.sources import Source, Sources
from reviewbot.context.syntax import language_of
from reviewbot.diff.chunk import Chunk, print_lines
from reviewbot.diff.parse import FileDiff
from reviewbot.engine.plan import Plan, plan
from reviewbot.evaluation.dataset import Case, Dataset, Remark, SourceFile, read_sources
from reviewbot.evaluation.reviewed import parse_case, repository_of
from reviewbot.evaluation.table import render_table
from reviewbot.report.escape import one_line

Around = Literal["shown", "not shown", "top level", "unknown"]
"""What became of the definition that a golden stands in; unknown where the file has no grammar,
or its text is not there."""


@dataclass(frozen=True, slots=True)
class GoldenShown:
    """Whether a golden's line is shown, else why not; and its enclosing definition, by title."""

    case: str
    path: str
    line: int
    missing: str | None
    around: Around | None = None
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class ContextRecall:
    """Every golden of a dataset, in its order."""

    dataset: str
    goldens: tuple[GoldenShown, ...]

    @property
    def shown(self) -> int:
        """How many goldens have a line that is shown."""
        return sum(one.missing is None for one in self.goldens)

    def around(self, what: Around) -> int:
        """How many of these have a definition of which this is true."""
        return sum(one.around == what for one in self.goldens)


def measure_context(dataset: Dataset, cases: Sequence[Case], budget: Budget) -> ContextRecall:
    """Plan the review of each case and look for each golden in what the model would see."""
    sources = read_sources(dataset)
    goldens: list[GoldenShown] = []
    for case in cases:
        goldens.extend(_of_case(case, parse_case(dataset, case), sources.get(case.id, ()), budget))
    return ContextRecall(dataset.about.name, tuple(goldens))


def render_context(recall: ContextRecall) -> str:
    """Print the counts, then each golden that is not shown or lacks its definition."""
    total = len(recall.goldens)
    rows = [
        ("goldens", str(total)),
        ("in a reviewed hunk, and shown", str(recall.shown)),
        ("- with their enclosing definition", str(recall.around("shown"))),
        ("- at top level, in no definition", str(recall.around("top level"))),
        ("- of an unknown language, or without the file", str(recall.around("unknown"))),
        ("- without their enclosing definition", str(recall.around("not shown"))),
        ("not shown", str(total - recall.shown)),
    ]
    reasons = Counter(one.missing for one in recall.goldens if one.missing)
    rows += [(f"- {reason}", str(number)) for reason, number in sorted(reasons.items())]
    lines = [f"Context recall of {one_line(recall.dataset)}", render_table(("", ""), rows).strip()]
    for one in recall.goldens:
        place = one_line(f"{one.case}: {one.path}:{one.line}")
        if one.missing:
            lines.append(f"not shown: {place}: {one.missing}")
        elif one.around == "not shown":
            lines.append(f"without its definition: {place}: {one_line(one.definition or '')}")
    return "\n".join(lines) + "\n"


def _of_case(
    case: Case, files: Sequence[FileDiff], texts: Sequence[SourceFile], budget: Budget
) -> Iterator[GoldenShown]:
    planned = plan(files, budget)
    sources = Sources(repository_of(files, texts) or DiffRepository(files))
    for golden in case.golden:
        place = _find(golden, planned.chunks)
        if place is None:
            reason = _why_not(golden, files, planned)
            yield GoldenShown(case.id, golden.path, golden.from_line, reason)
        else:
            around, definition = _around(golden, *place, sources)
            yield GoldenShown(case.id, golden.path, golden.from_line, None, around, definition)


def _find(golden: Remark, chunks: Sequence[Chunk]) -> tuple[Chunk, int] | None:
    """Give the chunk that shows the golden, and the first of its lines that is shown."""
    for chunk in chunks:
        if chunk.path == golden.path:
            for number in _visible(chunk, golden.side):
                if golden.from_line <= number <= golden.to_line:
                    return chunk, number
    return None


def _visible(chunk: Chunk, side: str) -> Iterator[int]:
    """Give the lines of one side that a chunk shows: unchanged ones stand on both."""
    for printed in print_lines(chunk):
        line = printed.line
        if line.sign == " " or line.side == side:
            yield line.old if side == "LEFT" else line.new


def _why_not(golden: Remark, files: Sequence[FileDiff], planned: Plan) -> str:
    file = next((file for file in files if file.path == golden.path), None)
    if file is None:
        return "the file is not in the diff"
    for gap in planned.not_reviewed:
        if gap.path == golden.path and (gap.lines is None or _is_in_gap(golden, gap.lines)):
            return gap.reason
    for hunk in file.hunks:
        for line in hunk.lines():
            if golden.from_line <= line.number <= golden.to_line and line.side == golden.side:
                return "an unchanged line, too far from any change"
    return "not in a hunk"


def _is_in_gap(golden: Remark, lines: Sequence[tuple[str, int, int]]) -> bool:
    return any(
        side == golden.side and golden.from_line <= last and first <= golden.to_line
        for side, first, last in lines
    )


def _around(golden: Remark, chunk: Chunk, line: int, sources: Sources) -> tuple[Around, str | None]:
    """Say whether the chunk, or the context beside it, shows the definition of a line."""
    left = golden.side == "LEFT"
    source = sources.base(chunk.path) if left else sources.head(chunk.path)
    if source is None or language_of(chunk.path) is None:
        return "unknown", None
    definition = enclosing(source.outline, line)
    if definition is None:
        return "top level", None
    by_chunk = definition.line in set(_visible(chunk, golden.side))
    shown = by_chunk or _in_context(definition, chunk, source, sources)
    return "shown" if shown else "not shown", definition.title


def _in_context(definition: Definition, chunk: Chunk, source: Source, sources: Sources) -> bool:
    """Look for the line that names a definition among what is shown around the change."""
    named = source.text(definition.line).strip()
    return any(
        named in (row.strip() for row in piece.text.split("\n"))
        for piece in gather(chunk, sources).pieces
        if piece.path == chunk.path
    )
