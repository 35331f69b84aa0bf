"""GitHub workflows come in; out come zizmor's alarms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, read_answer
from reviewbot.analyzers.process import find_program, run_program

ALONE = frozenset({"template-injection", "insecure-commands", "hardcoded-container-credentials"})
"""Bug classes, where zizmor itself is sure."""
_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_COMMENT = re.compile(r"zizmor(?=[ \t]*:)")
_NO_WORKFLOW = 3  # none of the files is one: its exit code, and no JSON
_FINE = (0, 10, 11, 12, 13, 14, _NO_WORKFLOW)


class _Point(msgspec.Struct):
    row: int
    column: int


class _Span(msgspec.Struct):
    start_point: _Point
    end_point: _Point


class _Concrete(msgspec.Struct):
    location: _Span


class _Local(msgspec.Struct):
    verbatim_path: str = ""
    given_path: str = ""  # its name before zizmor 1.20


class _Key(msgspec.Struct):
    Local: _Local | None = None


class _Symbolic(msgspec.Struct):
    key: _Key
    annotation: str
    kind: str


class _Place(msgspec.Struct):
    symbolic: _Symbolic
    concrete: _Concrete


class _Sure(msgspec.Struct):
    confidence: str


class _Told(msgspec.Struct):
    ident: str
    desc: str
    url: str
    determinations: _Sure
    locations: list[_Place]


@dataclass(frozen=True, slots=True)
class Zizmor:
    """zizmor, offline and without a configuration or ignore comments."""

    name: str = "zizmor"

    def wants(self, path: str) -> bool:
        """GitHub reads workflows in one folder alone."""
        return _WORKFLOW.fullmatch(path) is not None

    def unmute(self, text: str) -> str:
        """Misspell its name in comments that would silence it."""
        return _COMMENT.sub("Zizmor", text)

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Audit the workflows; each alarm stands on its primary place."""
        program = find_program("zizmor", bench.limits.search)
        arguments = ("--no-config", "--offline", "--format", "json", "--no-progress", "-q", "--")
        output = await run_program((program, *arguments, *bench.paths), bench, fine=_FINE)
        told = read_answer(output or b"[]", list[_Told])
        return [
            self._alarm(one, place, bench)
            for one in told
            for place in one.locations
            if place.symbolic.kind == "Primary"
        ]

    def _alarm(self, told: _Told, place: _Place, bench: Bench) -> Alarm:
        local = place.symbolic.key.Local or _Local()
        span = place.concrete.location
        first = span.start_point.row + 1
        last = span.end_point.row + (span.end_point.column > 0)
        return Alarm(
            self.name, told.ident, bench.relative(local.verbatim_path or local.given_path),
            first, max(first, last), f"{told.desc}: {place.symbolic.annotation}", told.url,
            told.ident in ALONE and told.determinations.confidence == "High",
        )  # fmt: skip
