"""Source files of many languages come in; out come alarms about classic bugs, by our patterns.

They are matched in a process of their own: on code that nests some ten thousand deep the matcher
ends the process that it runs in, or holds it for minutes.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, NotInstalledError, read_answer
from reviewbot.analyzers.bug_patterns import LANGUAGES, PATTERNS
from reviewbot.analyzers.process import run_program
from reviewbot.context.syntax import language_of

_MATCHER = "reviewbot.analyzers.match_patterns"


class _Told(msgspec.Struct):
    row: int
    path: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Patterns:
    """Our own patterns; ast-grep parses and matches, of its package alone."""

    name: str = "patterns"

    def wants(self, path: str) -> bool:
        """Know the languages that have patterns."""
        return language_of(path) in LANGUAGES

    def unmute(self, text: str) -> str:
        """Change nothing: no comment silences them."""
        return text

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Match all patterns of each file's language."""
        if not sys.executable:
            raise NotInstalledError("this Python cannot start another one")
        ours = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
        command = (sys.executable, "-m", _MATCHER, *bench.paths)
        output = await run_program(command, bench, fine=(0,), python_path=ours)
        return [
            Alarm(
                self.name, row.name, bench.relative(told.path), told.line, told.end_line,
                row.message, "", row.alone,
            )
            for told in read_answer(output, list[_Told])
            for row in (PATTERNS[told.row],)
        ]  # fmt: skip
