"""What TGI reads as a request and as a grammar: a body in, its complaint or None out."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.wire import JSON

GRAMMARS = ("json", "json_object", "regex", "json_schema")


def shape_problems(body: Any) -> Iterator[str]:
    """What serde would not read into a ChatRequest; only the first one counts."""
    if not isinstance(body, dict):
        yield "invalid type: expected struct ChatRequest"
    if "messages" not in body:
        yield "missing field `messages`"
    if (form := body.get("response_format")) is None:
        return
    if not isinstance(form, dict) or "type" not in form:
        yield "response_format: missing field `type`"
    if (kind := form["type"]) not in GRAMMARS:
        expected = ", ".join(f"`{name}`" for name in GRAMMARS)
        yield f"response_format.type: unknown variant `{kind}`, expected one of {expected}"
    if "value" not in form:
        yield "response_format: missing field `value`"
    if kind == "json_schema" and "schema" not in form["value"]:
        yield "response_format.value: missing field `schema`"


def grammar_problem(body: JSON) -> str | None:
    form = body.get("response_format") or {"type": "regex"}
    if form["type"] == "regex":
        return None
    value = form["value"]["schema"] if form["type"] == "json_schema" else form["value"]
    if not isinstance(value, dict):
        return "grammar is not supported"
    if "properties" not in value:
        return "grammar is not valid: Grammar must have a 'properties' field"
    if '"type": [' in json.dumps(value):
        return "cannot compile regex from schema: 'type' must be a string"
    return None
