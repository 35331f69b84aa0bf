"""GitHub's own description of its API: what the fake answers is filled up and judged by it."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.wire import JSON, Reply, Request

DESCRIPTION = Path(__file__).parents[4] / "shared" / "data" / "github" / "openapi.json"
_KNOWN = (
    ("/user", "Path not found"),  # the cut that we have lacks it
    ("/check-runs", "None is not one of ['success'"),
    ("/pulls/", "None is not one of ['LEFT'"),
    ("/pulls/", "None is not of type 'object'"),  # the repository of a deleted fork
)
"""The description's own faults: mostly, it forbids null where GitHub itself writes it."""


@cache
def _document() -> JSON | None:
    """The description; None where the folder with it is not there."""
    if not DESCRIPTION.exists():
        return None
    document: JSON = json.loads(DESCRIPTION.read_text("utf-8"))
    document["servers"] = [{"url": "http://github/api/v3"}]
    return document


@cache
def _api() -> Any:
    """The description's reader, which only developing installs; None without the description."""
    document = _document()
    if document is None:
        return None
    from openapi_core import Config, OpenAPI  # noqa: PLC0415

    return OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]


def filled(schema: str, **values: Any) -> JSON:
    """Give an object of a schema with these values; whatever else it requires is made up."""
    return {**json.loads(_template(schema)), **values}


@cache
def _template(schema: str) -> str:
    """Make up an object of a schema, without the description an empty one."""
    document = _document()
    if document is None:
        return "{}"
    found = document["components"]["schemas"][schema]
    return json.dumps(_value(document, {**found, "nullable": False}))


def _value(document: JSON, schema: JSON) -> Any:  # noqa: PLR0911
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _value(document, document["components"]["schemas"][name])
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return _value(document, schema[several][0])
    if "allOf" in schema:
        parts = [_value(document, part) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()}
    if schema.get("nullable"):
        return None
    kind = schema.get("type", "object")
    if kind == "object":
        required = schema.get("required", ())
        known = schema.get("properties", {})
        return {name: _value(document, known.get(name, {})) for name in required}
    if kind == "string":
        forms = {"date-time": "2026-01-01T00:00:00Z", "uri": "https://example.org/"}
        return forms.get(schema.get("format", ""), "")
    return {"integer": 0, "number": 0, "boolean": False, "array": []}[kind]


class _Asked:
    """A request as the description's reader wants it."""

    def __init__(self, request: Request) -> None:
        from openapi_core.datatypes import RequestParameters  # noqa: PLC0415
        from werkzeug.datastructures import Headers, ImmutableMultiDict  # noqa: PLC0415

        self.host_url = "http://github"
        self.path = request.path
        self.method = request.method.lower()
        query = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(query), header=Headers(request.headers)
        )
        self.content_type = request.headers.get("content-type", "").partition(";")[0]
        self.body = request.content


class _Answered:
    """A response as the description's reader wants it."""

    def __init__(self, reply: Reply) -> None:
        from werkzeug.datastructures import Headers  # noqa: PLC0415

        self.data = reply.content
        self.status_code = reply.status
        self.content_type = reply.headers.get("content-type", "").partition(";")[0]
        self.headers = Headers(reply.headers)


def violations(request: Request, reply: Reply) -> list[str]:
    """Where a request or its answer breaks GitHub's description."""
    api = _api()
    if api is None or not urlsplit(request.path).path.startswith("/api/v3/"):
        return []
    from openapi_core.exceptions import OpenAPIError  # noqa: PLC0415

    asked = _Asked(request)
    found = []
    judges: tuple[Callable[[], None], ...] = (
        lambda: api.validate_request(asked),
        lambda: api.validate_response(asked, _Answered(reply)),
    )
    for judge in judges[: 1 if reply.status >= 400 else 2]:  # refusals have no description
        try:
            judge()
        except OpenAPIError as error:
            cause = error.__cause__ or error
            words = str(getattr(cause, "schema_errors", cause))[:300]
            if not any(path in request.path and known in words for path, known in _KNOWN):
                found.append(f"{request.method} {request.path}: {type(cause).__name__} {words}")
    return found
