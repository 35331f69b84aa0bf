"""Dockerfiles come in; out come hadolint's alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, read_answer
from reviewbot.analyzers.process import find_program, run_program
from reviewbot.analyzers.shellcheck import unmute_shellcheck

ALONE = frozenset({
    "DL3012", "DL4003", "DL4004",  # of two HEALTHCHECK, CMD or ENTRYPOINT the last wins
    "DL3021", "DL3023", "DL3024", "DL3061",  # does not build
})  # fmt: skip
"""Bug classes; the rest is advice about images."""
_CONFIGURATION = "ignored: [DL3059]\n"  # several RUN in a row; `-c /dev/null` fails
_LINK = "https://github.com/hadolint/hadolint/wiki/"
_SHELL_LINK = "https://www.shellcheck.net/wiki/"


class _Told(msgspec.Struct):
    code: str
    file: str
    line: int
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Hadolint:
    """hadolint with a configuration of ours and without ignore comments."""

    name: str = "hadolint"

    def wants(self, path: str) -> bool:
        """Know a Dockerfile by its name."""
        name = PurePosixPath(path).name.lower()
        if name.endswith((".dockerignore", ".md")):
            return False
        stem, _, _ = name.partition(".")
        return stem in {"dockerfile", "containerfile"} or name.endswith(".dockerfile")

    def unmute(self, text: str) -> str:
        """Empty the directives to the shellcheck inside; its own are switched off by a flag."""
        return unmute_shellcheck(text)

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Check each file; one that does not parse is an alarm of its own."""
        program = find_program("hadolint", bench.limits.search)
        configuration = bench.home / "hadolint.yaml"
        configuration.write_text(_CONFIGURATION)
        arguments = ("-c", str(configuration), "--disable-ignore-pragma", "-f", "json", "--")
        output = await run_program((program, *arguments, *bench.paths), bench)
        return [
            Alarm(
                self.name, told.code, bench.relative(told.file), told.line, told.line,
                told.message, _link(told.code), told.code in ALONE,
            )
            for told in read_answer(output, list[_Told])
            if told.level != "style"
        ]  # fmt: skip


def _link(code: str) -> str:
    return f"{_SHELL_LINK if code.startswith('SC') else _LINK}{code}"
