"""Python files come in; out come ruff's alarms: bug classes alone, the rest as evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, read_answer
from reviewbot.analyzers.process import find_program, run_program

ALONE = (
    "E9", "F50", "F63", "F7", "F82", "PLE", "B006", "B012", "B015", "B017", "B018", "B020", "B023",
    "B035", "B909", "ASYNC", "S307", "S324", "S501", "S506", "S602", "S605", "RUF006",
)  # fmt: skip
"""Bug classes: 2 alarms on 34 real pull requests, where the default set gives 13, all rules 79."""
EVIDENCE = ("F", "B", "S")
STYLE = (
    "B904", "B905", "B028", "B008", "F541", "S101", "S311", "S403", "S404", "S603", "S607", "S110",
)  # fmt: skip
"""Of `EVIDENCE`, what is a matter of style or says the same of every file."""
SYNTAX = "invalid-syntax"
_LINK = "https://docs.astral.sh/ruff/rules/"


class _At(msgspec.Struct):
    row: int


class _Told(msgspec.Struct):
    code: str | None
    filename: str
    location: _At
    end_location: _At
    message: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Ruff:
    """ruff, isolated from every configuration and deaf to `noqa`."""

    name: str = "ruff"

    def wants(self, path: str) -> bool:
        """Python alone: a notebook's lines are not those of its diff."""
        return path.endswith((".py", ".pyi"))

    def unmute(self, text: str) -> str:
        """Change nothing: `--ignore-noqa` covers all its forms."""
        return text

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Check for bugs; only the first syntax error of a file counts."""
        program = find_program("ruff", bench.limits.search)
        output = await run_program((program, *_ARGUMENTS, "--", *bench.paths), bench, fine=(0,))
        alarms: list[Alarm] = []
        broken: set[str] = set()
        for told in read_answer(output, list[_Told]):
            rule = told.code or SYNTAX
            path = bench.relative(told.filename)
            if rule == SYNTAX and path in broken:
                continue
            if rule == SYNTAX:
                broken.add(path)
            alone = rule == SYNTAX or rule.startswith(ALONE)
            alarms.append(
                Alarm(
                    self.name, rule, path, told.location.row, told.end_location.row,
                    told.message, told.url or _LINK, alone,
                )
            )  # fmt: skip
        return alarms


_ARGUMENTS = (
    "check", "--isolated", "--ignore-noqa", "--no-cache", "--exit-zero",
    "--output-format", "json",
    # what a newer Python allows is no syntax error; which one the project has is not known
    "--target-version", "py313",
    # B909 is a preview rule; the others stay as they are
    "--preview", "--config", "lint.explicit-preview-rules = true",
    "--select", ",".join((*ALONE, *EVIDENCE)), "--ignore", ",".join(STYLE),
)  # fmt: skip
