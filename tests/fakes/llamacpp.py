"""The llama.cpp server: its routes, checks and bodies, compared with the real one in a test."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tests.fakes.dialect import Enforcement, Machine, Spoken
from tests.fakes.faults import Refusal
from tests.fakes.llamacpp_props import SLOT_PARAMETERS, model_list, props
from tests.fakes.tokens import pieces
from tests.fakes.wire import JSON, Reply, Request, json_reply, text_reply

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    501: "not_supported_error",
    503: "unavailable_error",
}
POSTED = ("/v1/chat/completions", "/chat/completions", "/apply-template", "/tokenize")
FORMATS = ("text", "json_object", "json_schema")
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """A llama.cpp server whose slots have `max_total` tokens of context each.

    With an API key everything but /health asks for it. `metrics` is the option of that name.
    """

    model: str = "granite-4.1-3b-Q4_K_M.gguf"
    max_total: int = 8192
    metrics: bool = True

    def reply(self, request: Request, machine: Machine) -> Reply | None:
        if request.path.removeprefix("/v1") == "/health":
            return json_reply(200, {"status": "ok"})
        if machine.api_key and _key(request) != machine.api_key:
            return _unauthorized()
        if request.method == "GET":
            return self._shown(request, machine) or _not_found()
        if request.path in POSTED:
            return self._posted(request, machine)
        return _not_found()

    def template(self, messages: list[JSON]) -> str:
        has_system = bool(messages) and messages[0]["role"] == "system"
        opening = [] if has_system else [{"role": "system", "content": SYSTEM}]
        turns = "".join(
            f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in [*opening, *messages]
        )
        return turns + "<|im_start|>assistant\n"

    def enforces(self, body: JSON) -> Enforcement:
        form = body.get("response_format")
        match form:
            case {"type": "json_object", "schema": dict()}:
                return "schema"
            case {"type": "json_schema", "json_schema": {"schema": dict()}}:
                return "schema"
            case {"type": "json_object" | "json_schema"}:
                return "any json"
        return "nothing"

    def completion(self, body: JSON, spoken: Spoken) -> Reply:
        choice: JSON = {
            "finish_reason": spoken.finish,
            "index": 0,
            "message": {"role": "assistant", "content": spoken.text},
        }
        if body.get("logprobs"):
            choice["logprobs"] = _logprobs(body, spoken)
        content = {
            "choices": [choice],
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": "b0-unknown",
            "object": "chat.completion",
            "usage": {
                "completion_tokens": spoken.completion_tokens,
                "prompt_tokens": spoken.prompt_tokens,
                "total_tokens": spoken.prompt_tokens + spoken.completion_tokens,
                "prompt_tokens_details": {"cached_tokens": spoken.cached_tokens},
            },
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "timings": _timings(spoken),
        }
        return json_reply(200, content, server="llama.cpp")

    def failure(self, refusal: Refusal) -> Reply:
        if refusal.status == 401:
            return _unauthorized()
        return _error(refusal.status, refusal.message or HTTPStatus(refusal.status).phrase)

    def _shown(self, request: Request, machine: Machine) -> Reply | None:
        match request.path:
            case "/props":
                return json_reply(200, props(self.model, self.max_total, machine.slots))
            case "/v1/models" | "/models":
                return json_reply(200, model_list(self.model, self.max_total))
            case "/slots":
                return json_reply(200, self._slots(machine))
            case "/metrics" if self.metrics:
                return text_reply(200, _metrics(machine), "text/plain; version=0.0.4")
            case "/metrics":
                message = "This server does not support metrics endpoint. Start it with `--metrics`"
                return _error(501, message)
        return None

    def _posted(self, request: Request, machine: Machine) -> Reply | None:
        try:
            body: Any = request.json()
        except ValueError as error:
            return _error(400, f"[json.exception.parse_error.101] parse error: {error}")
        if request.path.endswith("/tokenize"):
            return _tokenize(body, machine)
        if problem := next(_problems(body), None):
            return problem
        if request.path == "/apply-template":
            return json_reply(200, {"prompt": self.template(body["messages"])})
        tokens = machine.count(self.template(body["messages"]))
        return self._too_long(tokens) if tokens >= self.max_total else None

    def _too_long(self, tokens: int) -> Reply:
        error = {
            "code": 400,
            "message": f"request ({tokens} tokens) exceeds the available context size "
            f"({self.max_total} tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": tokens,
            "n_ctx": self.max_total,
        }
        return json_reply(400, {"error": error}, connection="close")

    def _slots(self, machine: Machine) -> list[JSON]:
        """A slot that has worked shows its last task as well."""
        seen: JSON = {
            "id_task": 1,
            "n_prompt_tokens": 34,
            "n_prompt_tokens_processed": 0,
            "n_prompt_tokens_cache": 0,
            "params": SLOT_PARAMETERS,
            "next_token": [
                {"has_next_token": False, "has_new_line": False, "n_remain": -1, "n_decoded": 0}
            ],
        }
        return [
            {
                "id": number,
                "n_ctx": self.max_total,
                "speculative": False,
                "is_processing": number < machine.running,
                **(seen if number < machine.served + machine.running else {}),
            }
            for number in range(machine.slots)
        ]


def _key(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _problems(body: Any) -> Iterator[Reply]:
    """What the server says of a body it cannot use; only the first one counts."""
    if "messages" not in body:
        yield _error(400, "'messages' is required")
    if not isinstance(body["messages"], list):
        yield _error(400, "Expected 'messages' to be an array")
    if any("role" not in message for message in body["messages"]):
        yield _error(500, "Failed to parse messages: Missing 'role' in message")
    if any("content" not in message for message in body["messages"]):
        yield _error(400, "All non-assistant messages must contain 'content'")
    if body.get("top_logprobs") and not body.get("logprobs"):
        yield _error(400, "top_logprobs requires logprobs to be set to true")
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type", "text") not in FORMATS:
        allowed = 'response_format type must be one of "text" or "json_object"'
        yield _error(400, f"{allowed}, but got: {form['type']}")


def _error(status: int, message: str) -> Reply:
    kind = ERROR_TYPES.get(status, "server_error")
    error = {"code": status, "message": message, "type": kind}
    return json_reply(status, {"error": error}, connection="close")


def _unauthorized() -> Reply:
    error = {"message": "Invalid API Key", "type": "authentication_error", "code": 401}
    return json_reply(401, {"error": error}, connection="close")


def _not_found() -> Reply:
    error = {"message": "File Not Found", "type": "not_found_error", "code": 404}
    return json_reply(404, {"error": error}, connection="close")


def _tokenize(body: JSON, machine: Machine) -> Reply:
    """Only `content` is looked at: messages give no tokens, without a word."""
    parts = pieces(str(body.get("content", "")), machine.count)
    named = [{"id": number, "piece": piece} for number, piece in enumerate(parts)]
    plain = list(range(len(parts)))
    return json_reply(200, {"tokens": named if body.get("with_pieces") else plain})


def _logprobs(body: JSON, spoken: Spoken) -> JSON:
    top = body.get("top_logprobs") or 20
    content = [
        {
            **_candidate(*candidates[0]),
            "top_logprobs": [_candidate(*one) for one in candidates[:top]],
        }
        for candidates in spoken.tokens
    ]
    return {"content": content}


def _candidate(token: str, logprob: float) -> JSON:
    return {"id": len(token), "token": token, "bytes": list(token.encode()), "logprob": logprob}


def _timings(spoken: Spoken) -> JSON:
    read = max(1, spoken.prompt_tokens - spoken.cached_tokens)
    milliseconds = spoken.seconds * 500 + 0.001
    return {
        "cache_n": spoken.cached_tokens,
        "prompt_n": read,
        "prompt_ms": milliseconds,
        "prompt_per_token_ms": milliseconds / read,
        "prompt_per_second": read / milliseconds * 1000,
        "predicted_n": spoken.completion_tokens,
        "predicted_ms": milliseconds,
        "predicted_per_token_ms": milliseconds / spoken.completion_tokens,
        "predicted_per_second": spoken.completion_tokens / milliseconds * 1000,
    }


def _metrics(machine: Machine) -> str:
    gauges = {
        "requests_processing": machine.running,
        "requests_deferred": machine.waiting,
    }
    return "".join(
        f"# HELP llamacpp:{name} Number of requests\n"
        f"# TYPE llamacpp:{name} gauge\nllamacpp:{name} {value}\n"
        for name, value in gauges.items()
    )
