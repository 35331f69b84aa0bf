"""vLLM 0.32: its routes, checks and bodies. It enforces a schema in two forms only."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tests.fakes.dialect import Enforcement, Machine, Spoken
from tests.fakes.faults import Refusal
from tests.fakes.wire import JSON, Reply, Request, json_reply, text_reply

ERROR_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}
FORMATS = ("text", "json_object", "json_schema", "structural_tag")


@dataclass(frozen=True, slots=True)
class Vllm:
    """A vLLM that serves one model of this length."""

    model: str = "ibm-granite/granite-4.1-8b"
    max_total: int = 8192

    def reply(self, request: Request, machine: Machine) -> Reply | None:
        if request.path.startswith("/v1") and _unauthorized(request, machine):
            return json_reply(401, {"error": "Unauthorized"})
        routes: dict[tuple[str, str], Callable[[], Reply | None]] = {
            ("GET", "/health"): lambda: Reply(200),
            ("GET", "/ping"): lambda: Reply(200),
            ("GET", "/version"): lambda: json_reply(200, {"version": "0.32.0"}),
            ("GET", "/v1/models"): lambda: json_reply(200, self._models()),
            ("GET", "/metrics"): lambda: text_reply(200, self._metrics(machine), "text/plain"),
            ("POST", "/tokenize"): lambda: (
                self._refused(request) or self._tokenize(request, machine)
            ),
            ("POST", "/v1/chat/completions"): lambda: (
                self._refused(request) or self._too_long(request, machine)
            ),
        }
        route = routes.get((request.method, request.path))
        return route() if route else json_reply(404, {"detail": "Not Found"})

    def template(self, messages: list[JSON]) -> str:
        turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        return turns + "<|im_start|>assistant\n"

    def enforces(self, body: JSON) -> Enforcement:
        form = body.get("response_format") or {}
        if (body.get("structured_outputs") or {}).get("json") or form.get("type") == "json_schema":
            return "schema"
        return "any json" if form.get("type") == "json_object" else "nothing"

    def completion(self, body: JSON, spoken: Spoken) -> Reply:
        message: JSON = {
            "role": "assistant",
            "content": spoken.text,
            "refusal": None,
            "annotations": None,
            "audio": None,
            "function_call": None,
            "tool_calls": [],
            "reasoning": None,
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": _logprobs(body, spoken) if body.get("logprobs") else None,
            "finish_reason": spoken.finish,
            "stop_reason": None,
            "token_ids": None,
        }
        usage = {
            "prompt_tokens": spoken.prompt_tokens,
            "total_tokens": spoken.prompt_tokens + spoken.completion_tokens,
            "completion_tokens": spoken.completion_tokens,
            "prompt_tokens_details": None,
        }
        content = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [choice],
            "service_tier": None,
            "system_fingerprint": None,
            "usage": usage,
            "prompt_logprobs": None,
            "prompt_token_ids": None,
            "kv_transfer_params": None,
        }
        return json_reply(200, content)

    def failure(self, refusal: Refusal) -> Reply:
        if refusal.status == 401:
            return json_reply(401, {"error": "Unauthorized"})
        phrase = HTTPStatus(refusal.status).phrase
        return _error(refusal.status, refusal.message or phrase)

    def _refused(self, request: Request) -> Reply | None:
        try:
            body: Any = request.json()
        except ValueError as error:
            return _error(400, f"[{{'type': 'json_invalid', 'msg': 'JSON decode error: {error}'}}]")
        if not isinstance(body, dict) or "messages" not in body:
            return _error(400, "[{'type': 'missing', 'loc': ('body', 'messages')}]")
        if (asked := body.get("model", self.model)) != self.model:
            return _error(404, f"The model `{asked}` does not exist.", "model")
        form = body.get("response_format") or {"type": "text"}
        if not isinstance(form, dict) or form.get("type") not in FORMATS:
            return _error(400, "[{'type': 'literal_error', 'loc': ('body', 'response_format')}]")
        if form["type"] == "json_schema" and "json_schema" not in form:
            return _error(
                400,
                "When response_format type is 'json_schema', the 'json_schema' field must be "
                "provided. (parameter=response_format)",
                "response_format",
            )
        return None

    def _too_long(self, request: Request, machine: Machine) -> Reply | None:
        body = request.json()
        tokens = machine.count(self.template(body["messages"]))
        asked = body.get("max_completion_tokens") or body.get("max_tokens") or 0
        if tokens + asked <= self.max_total and tokens < self.max_total:
            return None
        message = (
            f"This model's maximum context length is {self.max_total} tokens. However, you "
            f"requested {asked} output tokens and your prompt contains at least {tokens} input "
            f"tokens, for a total of at least {tokens + asked} tokens. Please reduce the length "
            "of the input prompt or the number of requested output tokens. "
            f"(parameter=input_tokens, value={tokens})"
        )
        return _error(400, message, "input_tokens")

    def _tokenize(self, request: Request, machine: Machine) -> Reply:
        count = machine.count(self.template(request.json()["messages"]))
        body = {
            "count": count,
            "max_model_len": self.max_total,
            "tokens": list(range(count)),
            "token_strs": None,
        }
        return json_reply(200, body)

    def _models(self) -> JSON:
        created = int(time.time())
        model = {
            "id": self.model,
            "object": "model",
            "created": created,
            "owned_by": "vllm",
            "root": self.model,
            "parent": None,
            "max_model_len": self.max_total,
            "permission": [{"id": "modelperm-1", "object": "model_permission"}],
        }
        return {"object": "list", "data": [model]}

    def _metrics(self, machine: Machine) -> str:
        labels = f'{{engine="0",model_name="{self.model}"}}'
        gauges = {
            "vllm:num_requests_running": machine.running,
            "vllm:num_requests_waiting": machine.waiting,
        }
        return "".join(
            f"# HELP {name} Number of requests.\n# TYPE {name} gauge\n{name}{labels} {value:.1f}\n"
            for name, value in gauges.items()
        )


def _unauthorized(request: Request, machine: Machine) -> bool:
    given = request.headers.get("authorization", "")
    return machine.api_key is not None and given != f"Bearer {machine.api_key}"


def _error(status: int, message: str, param: str | None = None) -> Reply:
    kind = ERROR_TYPES.get(status, HTTPStatus(status).phrase.replace(" ", ""))
    error = {"message": message, "type": kind, "param": param, "code": status}
    return json_reply(status, {"error": error})


def _logprobs(body: JSON, spoken: Spoken) -> JSON:
    top = body.get("top_logprobs") or 0
    content = [
        {
            **_candidate(*candidates[0]),
            "top_logprobs": [_candidate(*one) for one in candidates[:top]],
        }
        for candidates in spoken.tokens
    ]
    return {"content": content}


def _candidate(token: str, logprob: float) -> JSON:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
