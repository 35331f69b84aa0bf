"""What analyzers say of a change comes in; out comes what it is worth to a chunk and to a claim."""

from dataclasses import dataclass

from reviewbot.analyzers.analyzer import Alarm
from reviewbot.diff.chunk import Chunk, print_lines
from reviewbot.findings.finding import Finding

PROVEN = 0.95
"""How likely a finding of a pinned rule is right: a bug class, on an added line. It is set, and
not measured: 34 real pull requests have two of them, too few to tell."""
_NEAR = 1  # lines between an alarm and a claim that it is evidence for
_MOST_SAID = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """The alarms on a change. `proven` are the findings of pinned rules, posted by themselves;
    `problems` say which analyzer failed.
    """

    alarms: tuple[Alarm, ...] = ()
    proven: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()

    def of_chunk(self, chunk: Chunk) -> list[Finding]:
        """Give the proven findings that begin on a line of a chunk: each belongs to one."""
        here = [one for one in self.proven if one.path == chunk.path]
        if not here:
            return []
        lines = {(one.line.side, one.line.number) for one in print_lines(chunk)}
        return [one for one in here if (one.side, one.start_line) in lines]

    def for_claim(self, finding: Finding) -> tuple[str, ...]:
        """Give what is said of the lines that a finding stands on, or right beside them."""
        if finding.side == "LEFT":
            return ()
        near = [
            f"{alarm.analyzer} {alarm.rule}: {alarm.message}"
            for alarm in self.alarms
            if alarm.path == finding.path
            and alarm.line - _NEAR <= finding.line
            and finding.start_line <= alarm.end_line + _NEAR
        ]
        return tuple(near[:_MOST_SAID])
