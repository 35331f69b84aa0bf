"""Text Generation Inference 3.3.7: its routes, checks and bodies."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fakes.dialect import Enforcement, Machine, Spoken
from tests.fakes.faults import TEMPLATE_ERROR, TOOL_ERROR, Refusal
from tests.fakes.tgi_grammar import grammar_problem, shape_problems
from tests.fakes.tokens import pieces
from tests.fakes.wire import JSON, Reply, Request, json_reply, text_reply

VERSION = "3.3.6-dev0"  # tag v3.3.7 says so itself


@dataclass(frozen=True, slots=True)
class Tgi:
    """A TGI with these limits. Granite 4.1 as it comes brings it no `chat_template`."""

    model: str = "ibm-granite/granite-4.1-8b"
    max_input: int = 7168
    max_total: int = 8192
    max_concurrent: int = 128
    payload_limit: int = 2_000_000
    chat_template: bool = True

    def reply(self, request: Request, machine: Machine) -> Reply | None:
        routes: dict[tuple[str, str], Callable[[], Reply | None]] = {
            ("GET", "/"): lambda: Reply(200),
            ("GET", "/health"): lambda: Reply(200),
            ("GET", "/ping"): lambda: Reply(200),
            ("GET", "/info"): lambda: json_reply(200, self._info()),
            ("GET", "/v1/models"): lambda: json_reply(200, self._models()),
            ("GET", "/metrics"): lambda: text_reply(200, _metrics(machine), "text/plain"),
            ("POST", "/chat_tokenize"): lambda: self._chat_tokenize(request, machine),
            ("POST", "/tokenize"): lambda: _tokenize(request, machine),
            ("POST", "/v1/chat/completions"): lambda: self._refused(request, machine),
        }
        route = routes.get((request.method, request.path))
        return route() if route else Reply(404)

    def template(self, messages: list[JSON]) -> str:
        turns = "".join(
            f"<|start_of_role|>{m['role']}<|end_of_role|>{m['content']}<|end_of_text|>\n"
            for m in messages
        )
        return turns + "<|start_of_role|>assistant<|end_of_role|>"

    def enforces(self, body: JSON) -> Enforcement:
        return "schema" if body.get("response_format") else "nothing"

    def completion(self, body: JSON, spoken: Spoken) -> Reply:
        tokens = [spoken.prompt_tokens, spoken.completion_tokens]
        asked = str(body.get("model", "tgi"))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": spoken.text},
            "logprobs": _logprobs(body, spoken) if body.get("logprobs") else None,
            "finish_reason": spoken.finish,
        }
        content = {
            "object": "chat.completion",
            "id": "",
            "created": int(time.time()),
            "model": self.model if asked == "tgi" else asked,
            "system_fingerprint": f"{VERSION}-native",
            "choices": [choice],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            },
        }
        milliseconds = str(int(spoken.seconds * 1000))
        headers = {
            "x-compute-type": "gpu+optimized",
            "x-compute-time": f"{spoken.seconds:.3f}",
            "x-compute-characters": str(len(spoken.text)),
            "x-total-time": milliseconds,
            "x-validation-time": "0",
            "x-queue-time": "0",
            "x-inference-time": milliseconds,
            "x-time-per-token": str(int(spoken.seconds * 1000 / tokens[1])),
            "x-prompt-tokens": str(tokens[0]),
            "x-generated-tokens": str(tokens[1]),
        }
        return json_reply(200, content, **headers)

    def failure(self, refusal: Refusal) -> Reply:
        if refusal.error_type:
            body = {"error": refusal.message, "error_type": refusal.error_type}
            return json_reply(refusal.status, body)
        return (
            text_reply(refusal.status, refusal.message)
            if refusal.message
            else Reply(refusal.status)
        )

    def _info(self) -> JSON:
        return {
            "model_id": self.model,
            "model_sha": "1504002f650e656a0a3789d99574df12e3e94ed0",
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": self.max_concurrent,
            "max_best_of": 2,
            "max_stop_sequences": 4,
            "max_input_tokens": self.max_input,
            "max_total_tokens": self.max_total,
            "validation_workers": 2,
            "max_client_batch_size": 4,
            "router": "text-generation-router",
            "version": VERSION,
            "sha": None,
            "docker_label": None,
        }

    def _models(self) -> JSON:
        one = {"id": self.model, "object": "model", "created": 0, "owned_by": self.model}
        return {"object": "list", "data": [one]}

    def _chat_tokenize(self, request: Request, machine: Machine) -> Reply:
        if bad := self._checked(request):
            return bad
        text = self.template(request.json()["messages"])
        return json_reply(
            200, {"tokenize_response": _tokens(text, machine), "templated_text": text}
        )

    def _refused(self, request: Request, machine: Machine) -> Reply | None:
        """In TGI's own order: key, body, template, places, then the parameters."""
        if bad := _unauthorized(request, machine) or self._checked(request):
            return bad
        if machine.running + machine.waiting >= self.max_concurrent:
            return self.failure(Refusal(429, "overloaded", "Model is overloaded"))
        body = request.json()
        problem = next(self._parameter_problems(body, machine), None) or grammar_problem(body)
        text = f"Input validation error: {problem}"
        return self.failure(Refusal(422, "validation", text)) if problem else None

    def _checked(self, request: Request) -> Reply | None:
        """What is wrong before any parameter is looked at."""
        if len(request.content) > self.payload_limit:
            return text_reply(413, "Failed to buffer the request body: length limit exceeded")
        if "json" not in request.headers.get("content-type", ""):
            return text_reply(415, "Expected request with `Content-Type: application/json`")
        try:
            body = request.json()
        except ValueError as error:
            return text_reply(400, f"Failed to parse the request body as JSON: {error}")
        if problem := next(shape_problems(body), None):
            where = f"at line 1 column {len(request.content)}"
            reason = "Failed to deserialize the JSON body into the target type"
            return text_reply(422, f"{reason}: {problem} {where}")
        if body.get("response_format") and body.get("tools"):
            return self.failure(TOOL_ERROR)
        return None if self.chat_template else self.failure(TEMPLATE_ERROR)

    def _parameter_problems(self, body: JSON, machine: Machine) -> Iterator[str]:
        top_p, stop = body.get("top_p"), body.get("stop") or []
        asked = body.get("max_tokens", body.get("max_completion_tokens"))
        if top_p is not None and not 0 < top_p < 1:
            yield "`top_p` must be > 0.0 and < 1.0"
        if asked == 0:
            yield "`max_new_tokens` must be strictly positive"
        if len(stop) > 4:
            yield f"`stop` supports up to 4 stop sequences. Given: {len(stop)}"
        if (top := body.get("top_logprobs") or 0) > 5:
            yield f"`top_n_tokens` must be >= 0 and <= 5. Given: {top}"
        tokens = machine.count(self.template(body["messages"]))
        new = max(0, self.max_total - tokens) if asked is None else asked
        if tokens + new > self.max_total:
            yield (
                f"`inputs` tokens + `max_new_tokens` must be <= {self.max_total}. "
                f"Given: {tokens} `inputs` tokens and {new} `max_new_tokens`"
            )
        if tokens > self.max_input:
            yield f"`inputs` must have less than {self.max_input} tokens. Given: {tokens}"


def _unauthorized(request: Request, machine: Machine) -> Reply | None:
    given = request.headers.get("authorization", "").lower()
    open_or_right = machine.api_key is None or given == f"bearer {machine.api_key}".lower()
    return None if open_or_right else Reply(401)


def _tokenize(request: Request, machine: Machine) -> Reply:
    if bad := _unauthorized(request, machine):
        return bad
    return json_reply(200, _tokens(str(request.json()["inputs"]), machine))


def _tokens(text: str, machine: Machine) -> list[JSON]:
    tokens, start = [], 0
    for number, piece in enumerate(pieces(text, machine.count)):
        tokens.append({"id": number, "text": piece, "start": start, "stop": start + len(piece)})
        start += len(piece)
    return tokens


def _logprobs(body: JSON, spoken: Spoken) -> JSON:
    top = body.get("top_logprobs") or 0
    content = [
        {
            "token": candidates[0][0],
            "logprob": candidates[0][1],
            "top_logprobs": [{"token": t, "logprob": p} for t, p in candidates[:top]],
        }
        for candidates in spoken.tokens
    ]
    return {"content": content}


def _metrics(machine: Machine) -> str:
    """Gauges exist from the first call on; an absent series means 0."""
    if not machine.served + machine.running + machine.waiting:
        return ""
    gauges = {"tgi_queue_size": machine.waiting, "tgi_batch_current_size": machine.running}
    return "".join(f"# TYPE {name} gauge\n{name} {value}\n\n" for name, value in gauges.items())
