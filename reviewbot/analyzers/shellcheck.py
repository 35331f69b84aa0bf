"""Shell scripts come in; out come shellcheck's alarms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, read_answer
from reviewbot.analyzers.process import find_program, run_program

ALONE = frozenset({
    "SC2066",  # a loop over one quoted string runs once
    "SC2071",  # > compares strings, not numbers
    "SC2077", "SC2078", "SC2157", "SC2160", "SC2161",  # a condition that is always the same
    "SC2114", "SC2115",  # deletes the root where a variable is empty
    "SC2168",  # local outside of a function
    "SC2242", "SC2252",  # an exit status that is none; a != b || a != c
    "SC2259", "SC2260", "SC2261",  # a redirection that takes a pipe's place
})  # fmt: skip
"""Bug classes, whatever the script is for."""
_SILENT = "SC1071,SC1090,SC1091,SC2148"  # no shell it knows; files that are not here
_DIRECTIVE = re.compile(r"#[ \t]*shellcheck[ \t]([^\r\n]*)")
_SHELL = re.compile(r"\bshell=(sh|bash|dash|ksh|busybox)\b")
_LINK = "https://www.shellcheck.net/wiki/"


class _Told(msgspec.Struct):
    file: str
    line: int
    endLine: int  # noqa: N815
    level: str
    code: int
    message: str


class _Answer(msgspec.Struct):
    comments: list[_Told]


def unmute_shellcheck(text: str) -> str:
    """Empty the directives: `disable=all` wins over `--norc`. Which shell it is may stay."""
    return _DIRECTIVE.sub(_shell_alone, text)


def _shell_alone(directive: re.Match[str]) -> str:
    shell = _SHELL.search(directive[1])
    return f"# shellcheck shell={shell[1]}" if shell else "#"


@dataclass(frozen=True, slots=True)
class Shellcheck:
    """shellcheck without a configuration file and without directives."""

    name: str = "shellcheck"

    def wants(self, path: str) -> bool:
        """Know a script by its ending."""
        return path.endswith((".sh", ".bash", ".ksh", ".dash", ".bats"))

    def unmute(self, text: str) -> str:
        """Empty its directives."""
        return unmute_shellcheck(text)

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Check each script by itself: none that it sources is followed."""
        program = find_program("shellcheck", bench.limits.search)
        arguments = ("--norc", "-f", "json1", "-S", "info", "-e", _SILENT, "--")
        output = await run_program((program, *arguments, *bench.paths), bench)
        return [
            Alarm(
                self.name, f"SC{told.code}", bench.relative(told.file), told.line, told.endLine,
                told.message, f"{_LINK}SC{told.code}", f"SC{told.code}" in ALONE,
            )
            for told in read_answer(output, _Answer).comments
        ]  # fmt: skip
