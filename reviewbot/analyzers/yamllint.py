"""YAML files come in; out come the keys that stand twice, of which a reader takes one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.analyzers.analyzer import Alarm, AnalyzerError, Bench
from reviewbot.analyzers.process import find_program, run_program

_CONFIGURATION = "{rules: {key-duplicates: enable}}"
_DIRECTIVE = re.compile(r"(#[ \t]*)yamllint")
_TOLD = re.compile(r"(.+?):(\d{1,9}):\d{1,9}: \[(?:error|warning)\] (.*) \(([a-z-]+)\)")
_RULE = "key-duplicates"
_LINK = "https://yamllint.readthedocs.io/en/stable/rules.html#module-yamllint.rules.key_duplicates"


@dataclass(frozen=True, slots=True)
class Yamllint:
    """yamllint for one rule; files that do not parse, as templates, are no matter of it."""

    name: str = "yamllint"

    def wants(self, path: str) -> bool:
        """Know YAML by its ending."""
        return path.endswith((".yml", ".yaml"))

    def unmute(self, text: str) -> str:
        """Misspell its name in the comments that would silence it."""
        return _DIRECTIVE.sub(r"\1Yamllint", text)

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Look for duplicate keys."""
        program = find_program("yamllint", bench.limits.search)
        arguments = ("-d", _CONFIGURATION, "-f", "parsable", "--")
        output = await run_program((program, *arguments, *bench.paths), bench)
        lines = output.decode("utf-8", "replace").splitlines()
        told = [_TOLD.fullmatch(line) for line in lines]
        if None in told:
            raise AnalyzerError("gave no readable answer")
        return [
            Alarm(
                self.name, _RULE, bench.relative(one[1]), int(one[2]), int(one[2]), one[3],
                _LINK, alone=True,
            )
            for one in told
            if one is not None and one[4] == _RULE
        ]  # fmt: skip
