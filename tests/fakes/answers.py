"""What a fake model says: a chat request in, an Answer out.

The printed lines of a chunk are found in the last user message that has any. A Finder reports
each line that holds its marker: plant `BUG`, `BUG:critical` or `BUG:critical:security` in a diff.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.fakes.wire import JSON

PROSE = "Hello! How can I help?"
PRINTED_LINE = re.compile(r"^(\d{1,4})\.([a-z]{2})\|([-+ ])(.*)$", re.MULTILINE)

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model writes before `max_tokens` cuts it; `finish` overrides how it ended.

    `chances` holds for each token the candidates and their natural-log probabilities, the chosen
    one first; without it the fake makes some up.
    """

    text: str
    finish: Literal["stop", "length"] | None = None
    chances: tuple[tuple[tuple[str, float], ...], ...] = ()


Script = Callable[[JSON], Answer]


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line of a chunk as the prompt shows it: `17.kq|+    return x`."""

    number: int
    letters: str
    sign: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.number}.{self.letters}"


Findings = list[JSON]
Damage = Callable[[Findings, Sequence[PrintedLine]], Findings]


def last_user_text(request: JSON) -> str:
    """The last user message with printed lines in it, else the last user message."""
    messages: list[JSON] = request.get("messages") or []
    texts = [str(m.get("content") or "") for m in messages if m.get("role") == "user"]
    shown = [text for text in texts if PRINTED_LINE.search(text)]
    return (shown or texts or [""])[-1]


def printed_lines(request: JSON) -> tuple[PrintedLine, ...]:
    found = PRINTED_LINE.findall(last_user_text(request))
    return tuple(PrintedLine(int(number), *rest) for number, *rest in found)


def requested_schema(request: JSON) -> JSON | None:
    """The schema in the request, in whichever of the servers' spellings."""
    structured = request.get("structured_outputs") or {}
    form = request.get("response_format")
    if not isinstance(form, dict):
        form = {}
    wrapped = form.get("json_schema") or form.get("value") or {}
    if not isinstance(wrapped, dict):
        wrapped = {}
    schema = structured.get("json") or form.get("schema") or wrapped.get("schema") or wrapped
    return schema or None


def smallest(schema: JSON) -> Any:
    """A value that fits a plain schema: nothing that can be left out."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "object":
        properties: JSON = schema.get("properties") or {}
        required: list[str] = schema.get("required") or list(properties)
        return {name: smallest(properties[name]) for name in required}
    return {"array": [], "integer": 0, "number": 0, "boolean": False, "null": None}.get(
        str(schema.get("type")), ""
    )


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds what tests planted, in the shape that the request's schema asks for.

    `span` puts the end that many printed lines below the start; `damage` spoils the findings.
    """

    marker: str = "BUG"
    severity: str = "major"
    category: str = "correctness"
    suggestion: tuple[str, ...] = ()
    span: int = 0
    damage: Damage | None = None

    def __call__(self, request: JSON) -> Answer:
        schema = requested_schema(request)
        if schema and "findings" not in schema.get("properties", {}):
            return Answer(dumps(smallest(schema)))
        if not schema and not printed_lines(request):
            return Answer(PROSE)
        text = dumps({"findings": self.findings(request)})
        return Answer(text if schema else f"```json\n{text}\n```")

    def findings(self, request: JSON) -> Findings:
        lines = printed_lines(request)
        label = re.compile(re.escape(self.marker) + r"(?::([a-z]+))?(?::([a-z]+))?")
        found = [
            self.finding_on(lines, at, match[1], match[2])
            for at, line in enumerate(lines)
            if (match := label.search(line.text))
        ]
        return self.damage(found, lines) if self.damage else found

    def finding_on(
        self,
        lines: Sequence[PrintedLine],
        at: int,
        severity: str | None = None,
        category: str | None = None,
    ) -> JSON:
        return {
            "start": lines[at].id,
            "end": lines[min(at + self.span, len(lines) - 1)].id,
            "severity": severity or self.severity,
            "category": category or self.category,
            "title": f"{self.marker} on line {lines[at].number}",
            "body": [f"The line says: {lines[at].text.strip()}"],
            "suggestion": list(self.suggestion),
        }


def dumps(value: object) -> str:
    """JSON as constrained decoding writes it: one line, other alphabets unescaped."""
    text = json.dumps(value, ensure_ascii=False)
    return LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@dataclass(frozen=True, slots=True)
class Says:
    """The same text whatever is asked."""

    text: str
    finish: Literal["stop", "length"] | None = None

    def __call__(self, request: JSON) -> Answer:  # noqa: ARG002
        return Answer(self.text, self.finish)


@dataclass(frozen=True, slots=True)
class CutByLength:
    """A findings answer that ended at the token limit, with `complete` whole findings in it."""

    complete: int = 1
    finder: Finder = Finder()

    def __call__(self, request: JSON) -> Answer:
        found = self.finder.findings(request)
        lines = printed_lines(request)
        stock = found or [self.finder.finding_on(lines, at) for at in range(len(lines))]
        if not stock:
            return self.finder(request)
        written = [dumps(stock[n % len(stock)]) for n in range(self.complete + 1)]
        whole, rest = written[:-1], written[-1]
        text = '{"findings": [' + ", ".join([*whole, rest[: len(rest) // 2]])
        return Answer(text, "length")


@dataclass(frozen=True, slots=True)
class Spaced:
    """The script's findings with the white space that llama.cpp's grammar lets a model write."""

    script: Script

    def __call__(self, request: JSON) -> Answer:
        answer = self.script(request)
        spaced = answer.text.replace('{"findings": [', '{\n    "findings"\n\n:\n\n[', 1)
        return Answer(spaced, answer.finish, answer.chances)


prose = Says(PROSE)
no_findings = Says('{"findings": []}')
rubbish = Says('7b}} {"fin" : [,,"\u00ff\u200b \u2028 ((((( ]]]] null null null')
