"""Files of any kind come in; out come the lines that seem to hold a secret, never the secret."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from reviewbot.analyzers.analyzer import Alarm, Bench, read_answer
from reviewbot.analyzers.process import find_program, run_program

ALONE = frozenset({
    "AWS Access Key", "Azure Storage Account access key", "Discord Bot Token", "GitHub Token",
    "GitLab Token", "Mailchimp Access Key", "NPM tokens", "OpenAI Token", "Private Key",
    "PyPI Token", "SendGrid API Key", "Slack Token", "Square OAuth Secret", "Stripe Access Key",
    "Telegram Bot Token", "Twilio API Key",
})  # fmt: skip
"""Kinds that are known by their form; entropy and names of variables alone mislead."""
_PRAGMA = re.compile(r"pragma(?=:[ \t]?(?:allow|white)list)")
_LINK = "https://github.com/Yelp/detect-secrets"


class _Told(msgspec.Struct):
    type: str
    filename: str
    line_number: int


class _Answer(msgspec.Struct):
    results: dict[str, list[_Told]]


@dataclass(frozen=True, slots=True)
class DetectSecrets:
    """detect-secrets without a baseline, allowlist comments or calls to check a secret."""

    name: str = "detect-secrets"

    def wants(self, path: str) -> bool:
        """Take everything but its own baseline, which is full of hashes."""
        return PurePosixPath(path).name != ".secrets.baseline"

    def unmute(self, text: str) -> str:
        """Misspell the pragma that would allow a secret."""
        return _PRAGMA.sub("Pragma", text)

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        """Scan; `-n` keeps it from trying a secret on the service it belongs to."""
        program = find_program("detect-secrets", bench.limits.search)
        output = await run_program((program, "scan", "-n", "--", *bench.paths), bench, fine=(0,))
        return [
            Alarm(
                self.name, told.type, bench.relative(told.filename), told.line_number,
                told.line_number, f"This line seems to hold a secret: {told.type}", _LINK,
                told.type in ALONE,
            )
            for several in read_answer(output, _Answer).results.values()
            for told in several
        ]  # fmt: skip
