from dataclasses import dataclass
from reviewbot.diff.parse import FileDiff, Side

Range = tuple[Side, int, int]


@dataclass(frozen=True, slots=True)
class NotReviewed:
    path: str
    lines: tuple[Range, ...] | None
    reason: str
    policy: bool
