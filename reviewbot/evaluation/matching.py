"""Goldens and comments come in; out comes which comment tells of which golden.

Two ways to count: one-to-one, the largest set of pairs in which nothing stands twice, and
many-to-one, where a golden is found if any comment tells of it and a comment is right if it tells
of any golden, as the Martian benchmark counts. The largest set is found by augmenting paths: a
change has tens of both, so nothing more is needed.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from reviewbot.diff.hunks import Side
from reviewbot.diff.parse import FileDiff
from reviewbot.evaluation.dataset import Remark

WITHIN = (0, 1, 3)
"""How many lines a comment may stand beside a golden, for the figures by line."""

Place = tuple[str, Side, int]
"""A line of a diff: path, side and 1-based number."""


@dataclass(frozen=True, slots=True)
class Comment:
    """What a reviewer says of some lines; `text` is what a judge of meaning reads."""

    path: str
    side: Side
    start_line: int
    line: int
    text: str = ""


Tells = Callable[[Remark, Comment], bool]
"""Says whether a comment tells of a golden."""


@dataclass(frozen=True, slots=True)
class Match:
    """How goldens and comments belong together, by their places in what was matched.

    `pairs` are (golden, comment), each golden and each comment at most once. `found` are the
    goldens that any comment tells of, `right` the comments that tell of any golden.
    """

    pairs: tuple[tuple[int, int], ...]
    found: frozenset[int]
    right: frozenset[int]


def match(goldens: Sequence[Remark], comments: Sequence[Comment], tells: Tells) -> Match:
    """Match both ways; of several largest sets of pairs, the one with the earliest comments."""
    edges = [
        [index for index, comment in enumerate(comments) if tells(golden, comment)]
        for golden in goldens
    ]
    return Match(
        pairs=tuple(largest_pairing(edges)),
        found=frozenset(index for index, edge in enumerate(edges) if edge),
        right=frozenset(index for edge in edges for index in edge),
    )


def largest_pairing(edges: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Pair as many as can be: `edges[i]` are the ones that `i` may go with; none goes twice.

    The search is breadth first, so that no depth of recursion limits it.
    """
    partner: dict[int, int] = {}
    for start in range(len(edges)):
        came_from: dict[int, int] = {}
        free = _free_end(start, edges, partner, came_from)
        while free is not None:  # each on the path takes the next one's partner
            left = came_from[free]
            taken = next((right for right, other in partner.items() if other == left), None)
            if taken is not None:
                del partner[taken]
            partner[free] = left
            free = taken if left != start else None
    return sorted((left, right) for right, left in partner.items())


def _free_end(
    start: int, edges: Sequence[Sequence[int]], partner: dict[int, int], came_from: dict[int, int]
) -> int | None:
    """Walk from `start` to one that is free, by way of those that could change their partner."""
    queue = [start]
    for left in queue:
        for right in edges[left]:
            if right in came_from:
                continue
            came_from[right] = left
            if right not in partner:
                return right
            queue.append(partner[right])
    return None


def within(lines: int) -> Tells:
    """Make the rule by line: same path and side, and at most so many lines between them."""

    def tells(golden: Remark, comment: Comment) -> bool:
        return (
            golden.path == comment.path
            and golden.side == comment.side
            and golden.from_line - lines <= comment.line
            and comment.start_line <= golden.to_line + lines
        )

    return tells


def changed_places(files: Iterable[FileDiff]) -> tuple[Place, ...]:
    """List the changed lines of a diff, on which a comment could stand by chance."""
    return tuple(
        (file.path, line.side, line.number)
        for file in files
        for hunk in file.hunks
        for line in hunk.lines()
        if line.changed
    )


def at_place(place: Place) -> Comment:
    """Make the comment that says nothing, on one line."""
    path, side, number = place
    return Comment(path, side, number, number)


def chance_of(goldens: Collection[Remark], places: Sequence[Place], tells: Tells) -> float:
    """Give the chance that a comment on a random changed line stands where any of them does."""
    if not places:
        return 0.0
    hits = sum(any(tells(golden, at_place(place)) for golden in goldens) for place in places)
    return hits / len(places)
