"""The fake model servers against what was measured of the real ones, through the real client."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import httpx2
import pytest
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, InferenceTimeoutError

from tests.fakes import damage, faults
from tests.fakes.answers import CutByLength, Damage, Finder, Says, Script, Spaced, rubbish
from tests.fakes.dialect import Dialect
from tests.fakes.model_server import Answer, LlamaCpp, ModelServer, Tgi, Vllm, closed_port_url
from tests.fakes.tokens import count_tokens, pieces, shorten

TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "items": {"type": "object", "properties": {"start": TEXT}, "required": ["start"]},
        }
    },
    "required": ["findings"],
}
OPENAI = {"type": "json_schema", "json_schema": {"name": "findings", "schema": SCHEMA}}
CHUNK = """The change:
1.aa| def f(x):
2.bb|-    return x
3.cc|+    return x + 1  # BUG
4.dd|+    return y  # BUG:critical:security"""
FINDINGS = '{"findings": ['
KINDS: list[Dialect] = [Tgi(), Vllm(), LlamaCpp()]
every_kind = pytest.mark.parametrize("dialect", KINDS, ids=lambda kind: type(kind).__name__)


def chat(content: str, **fields: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **fields}


def ask(server: ModelServer, content: str = "hello", timeout: float = 10, **options: Any) -> Any:
    """One chat completion through the hub's client."""
    model = options.pop("model", getattr(server.dialect, "model", None))

    async def call() -> Any:
        async with AsyncInferenceClient(
            base_url=server.url, api_key="local", timeout=timeout
        ) as client:
            messages = [{"role": "user", "content": content}]
            return await client.chat_completion(messages, model=model, **options)

    return asyncio.run(call())


def text_of(completion: Any) -> str:
    return str(completion.choices[0].message.content)


def findings_of(script: Script) -> list[dict[str, Any]]:
    """What the script finds in CHUNK."""
    request = chat(CHUNK, response_format={"type": "json_object", "value": SCHEMA})
    found: list[dict[str, Any]] = json.loads(script(request).text)["findings"]
    return found


def post(server: ModelServer, body: object, path: str = "/v1/chat/completions") -> httpx2.Response:
    return httpx2.post(server.url + path, json=body)


@pytest.fixture
def tgi() -> Iterator[ModelServer]:
    with ModelServer(Tgi()) as server:
        yield server


# Schemas: three servers, three spellings, and silence about the wrong one.


@pytest.mark.parametrize(
    ("dialect", "begins"),
    [(Tgi(), FINDINGS), (Vllm(), '{"answer"'), (LlamaCpp(), '{"answer"')],
    ids=["tgi", "vllm", "llamacpp"],
)
def test_the_hubs_json_schema_is_enforced_by_tgi_alone(dialect: Dialect, begins: str) -> None:
    with ModelServer(dialect) as server:
        assert text_of(ask(server, response_format=OPENAI)).startswith(begins)
        assert server.calls[0].body["response_format"] == {"type": "json_object", "value": SCHEMA}


@pytest.mark.parametrize(
    ("dialect", "options"),
    [
        (Tgi(), {"response_format": {"type": "json_object", "value": SCHEMA}}),
        (Tgi(), {"response_format": {"type": "json", "value": SCHEMA}}),
        (Vllm(), {"extra_body": {"structured_outputs": {"json": SCHEMA}}}),
        (LlamaCpp(), {"response_format": {"type": "json_object", "schema": SCHEMA}}),
    ],
)
def test_each_server_enforces_its_own_spelling(dialect: Dialect, options: Any) -> None:
    with ModelServer(dialect) as server:
        assert text_of(ask(server, max_tokens=16, **options)) == '{"findings": []}'


@pytest.mark.parametrize("dialect", [Tgi(), LlamaCpp()], ids=["tgi", "llamacpp"])
def test_structured_outputs_are_ignored_in_silence_outside_vllm(dialect: Dialect) -> None:
    with ModelServer(dialect) as server:
        answer = ask(server, extra_body={"structured_outputs": {"json": SCHEMA}})
        assert text_of(answer) == "Hello! How can I help?"


@pytest.mark.parametrize("dialect", [Vllm(), LlamaCpp()], ids=["vllm", "llamacpp"])
def test_the_openai_spelling_is_enforced_where_no_client_rewrites_it(dialect: Dialect) -> None:
    with ModelServer(dialect) as server:
        reply = post(server, chat("hello", response_format=OPENAI)).json()
        assert reply["choices"][0]["message"]["content"] == '{"findings": []}'


def test_tgi_takes_a_named_schema_as_a_value(tgi: ModelServer) -> None:
    form = {"type": "json_schema", "value": {"name": "findings", "schema": SCHEMA}}
    reply = post(tgi, chat("hello", response_format=form)).json()
    assert reply["choices"][0]["message"]["content"] == '{"findings": []}'


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"type": "json_object"}, "missing field `value`"),
        ({"type": "json_object", "schema": SCHEMA}, "missing field `value`"),
        (OPENAI, "missing field `value`"),
        ({"type": "text"}, "unknown variant `text`"),
    ],
)
def test_tgi_cannot_read_other_spellings(tgi: ModelServer, form: object, complaint: str) -> None:
    reply = post(tgi, chat("hello", response_format=form))
    assert reply.status_code == 422
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.text.startswith("Failed to deserialize the JSON body into the target type: ")
    assert complaint in reply.text


@pytest.mark.parametrize("dialect", [Vllm(), LlamaCpp()], ids=["vllm", "llamacpp"])
@pytest.mark.parametrize("kind", ["json", "regex"])
def test_tgis_grammars_are_bad_requests_elsewhere(dialect: Dialect, kind: str) -> None:
    with ModelServer(dialect) as server, pytest.raises(BadRequestError):
        ask(server, response_format={"type": kind, "value": SCHEMA})


def test_another_schema_gets_the_smallest_value_that_fits(tgi: ModelServer) -> None:
    verdict = {"properties": {"real": {"type": "boolean"}, "why": TEXT}, "type": "object"}
    form = {"type": "json_object", "value": verdict}
    assert json.loads(text_of(ask(tgi, response_format=form))) == {"real": False, "why": ""}


def test_what_answers_an_unenforced_schema_can_be_chosen() -> None:
    with ModelServer(Vllm(), unenforced=Finder()) as server:
        answer = text_of(ask(server, CHUNK, extra_body={"guided_json": SCHEMA}))
        assert answer.startswith('```json\n{"findings": [{')


# TGI's checks.


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        (chat("hi", top_p=1.0), "validation", "`top_p` must be > 0.0 and < 1.0"),
        (chat("hi", top_logprobs=6), "validation", "`top_n_tokens` must be >= 0 and <= 5"),
        (chat("hi", stop=list("abcde")), "validation", "up to 4 stop sequences. Given: 5"),
        (
            chat("hi", response_format={"type": "json", "value": {"type": "array"}}),
            "validation",
            "Grammar must have a 'properties' field",
        ),
        (
            chat("hi", tools=[{}], response_format={"type": "json", "value": SCHEMA}),
            "tool_error",
            "Grammar and tools are mutually exclusive",
        ),
    ],
)
def test_tgi_refuses_what_it_cannot_do(
    tgi: ModelServer, body: object, error_type: str, message: str
) -> None:
    reply = post(tgi, body)
    assert reply.status_code == 422
    assert reply.json()["error_type"] == error_type
    assert message in reply.json()["error"]


def test_tgi_counts_prompt_and_answer_together() -> None:
    with ModelServer(Tgi(max_input=150, max_total=200)) as server:
        reply = post(server, chat("word" * 60, max_tokens=120))
        tokens = post(server, chat("word" * 60), "/chat_tokenize").json()["tokenize_response"]
        assert reply.json() == {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 200. "
            f"Given: {len(tokens)} `inputs` tokens and 120 `max_new_tokens`",
            "error_type": "validation",
        }


def test_tgi_without_a_chat_template_says_so() -> None:
    with ModelServer(Tgi(chat_template=False)) as server:
        with pytest.raises(HfHubHTTPError) as caught:
            ask(server)
        assert caught.value.response.json() == {
            "error": "Template error: template not found",
            "error_type": "template_error",
        }


def test_tgi_describes_itself_without_a_key() -> None:
    with ModelServer(Tgi(), api_key="right") as server:
        info = httpx2.get(server.url + "/info").json()
        assert (info["max_input_tokens"], info["max_total_tokens"]) == (7168, 8192)
        assert "max_concurrent_requests" in info
        assert httpx2.get(server.url + "/v1/models").json()["data"][0]["id"] == info["model_id"]
        assert httpx2.get(server.url + "/health").content == b""


def test_tgi_measures_in_headers_and_echoes_the_model(tgi: ModelServer) -> None:
    reply = post(tgi, chat("hello", model="tgi"))
    usage = reply.json()["usage"]
    assert reply.headers["x-prompt-tokens"] == str(usage["prompt_tokens"])
    assert reply.headers["x-generated-tokens"] == str(usage["completion_tokens"])
    assert (reply.json()["id"], reply.json()["model"]) == ("", "ibm-granite/granite-4.1-8b")
    assert post(tgi, chat("hello", model="other")).json()["model"] == "other"


def test_tgi_is_overloaded_beyond_its_places() -> None:
    with ModelServer(Tgi(max_concurrent=2), slots=1) as server:
        server.fault(faults.FROZEN)
        refused = asyncio.run(while_busy(server, 2, "POST", "/v1/chat/completions"))
        assert refused.status_code == 429
        assert refused.json() == {"error": "Model is overloaded", "error_type": "overloaded"}


# Keys, models, lengths.


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Tgi(), ""),
        (Vllm(), '{"error":"Unauthorized"}'),
        (
            LlamaCpp(),
            '{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}',
        ),
    ],
    ids=["tgi", "vllm", "llamacpp"],
)
def test_a_wrong_key_is_401_in_the_servers_own_words(dialect: Dialect, body: str) -> None:
    with ModelServer(dialect, api_key="right") as server:
        with pytest.raises(HfHubHTTPError) as caught:
            ask(server)
        assert caught.value.response.status_code == 401
        assert caught.value.response.text == body


def test_vllm_does_not_know_the_model_that_the_hub_sends_by_default() -> None:
    with ModelServer(Vllm()) as server:
        with pytest.raises(HfHubHTTPError) as caught:
            ask(server, model=None)
        assert caught.value.response.status_code == 404
        assert "`dummy` does not exist" in caught.value.response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("dialect", "error_type"),
    [
        (Vllm(max_total=100), "BadRequestError"),
        (LlamaCpp(max_total=100), "exceed_context_size_error"),
    ],
    ids=["vllm", "llamacpp"],
)
def test_a_prompt_beyond_the_context_is_a_bad_request(dialect: Dialect, error_type: str) -> None:
    with ModelServer(dialect) as server:
        with pytest.raises(BadRequestError) as caught:
            ask(server, "word" * 100)
        assert caught.value.response.json()["error"]["type"] == error_type


def test_llamacpp_writes_until_its_context_is_full() -> None:
    with ModelServer(LlamaCpp(max_total=100), Says("word " * 100)) as server:
        completion = ask(server, max_tokens=500)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage.total_tokens == 100


# Tokens.


@every_kind
def test_max_tokens_cuts_the_answer(dialect: Dialect) -> None:
    with ModelServer(dialect, Says("word " * 100)) as server:
        completion = ask(server, max_tokens=5)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage.completion_tokens == 5
        assert text_of(completion) == "word word word "


def test_every_server_counts_a_prompt_as_it_bills_it() -> None:
    body = chat("hello there")
    with ModelServer(Tgi()) as server:
        counted = post(server, body, "/chat_tokenize").json()
        assert len(counted["tokenize_response"]) == ask(server, "hello there").usage.prompt_tokens
        assert counted["templated_text"].startswith("<|start_of_role|>user<|end_of_role|>hello")
    with ModelServer(Vllm()) as server:
        counted = post(server, {"model": "ibm-granite/granite-4.1-8b", **body}, "/tokenize").json()
        assert counted["count"] == ask(server, "hello there").usage.prompt_tokens
        assert counted["max_model_len"] == 8192
    with ModelServer(LlamaCpp()) as server:
        prompt = post(server, body, "/apply-template").json()["prompt"]
        tokens = post(server, {"content": prompt}, "/tokenize").json()["tokens"]
        assert len(tokens) == ask(server, "hello there").usage.prompt_tokens


def test_the_tokenizer_can_be_replaced() -> None:
    with ModelServer(Tgi(), count=lambda text: len(text.split())) as server:
        assert ask(server, "one two three").usage.completion_tokens == 5


def test_pieces_join_to_the_text_and_shortening_respects_the_limit() -> None:
    text = "some words that have tokens"
    assert "".join(pieces(text)) == text
    assert len(pieces(text)) == count_tokens(text) == 9
    assert count_tokens(shorten(text, 4)) == 4


def test_llamacpp_takes_a_known_beginning_from_its_cache() -> None:
    with ModelServer(LlamaCpp(), prefix_cache=True) as server:
        first, second = ask(server, "same " * 50 + "a"), ask(server, "same " * 50 + "b")
        assert first.usage.prompt_tokens_details["cached_tokens"] == 0
        assert second.usage.prompt_tokens_details["cached_tokens"] > 80


@every_kind
def test_scripted_chances_reach_the_client(dialect: Dialect) -> None:
    def verdict(request: dict[str, Any]) -> Answer:  # noqa: ARG001
        return Answer("Yes", chances=((("Yes", -0.1), ("No", -2.4)),))

    with ModelServer(dialect, verdict) as server:
        completion = ask(server, max_tokens=1, logprobs=True, top_logprobs=2)
        [token] = completion.choices[0].logprobs.content
        assert [(one.token, one.logprob) for one in token.top_logprobs] == [
            ("Yes", -0.1),
            ("No", -2.4),
        ]


# What the model says.


def test_the_finder_reports_the_planted_lines() -> None:
    first, second = findings_of(Finder())
    assert (first["start"], first["end"], first["severity"]) == ("3.cc", "3.cc", "major")
    assert (second["start"], second["severity"], second["category"]) == (
        "4.dd",
        "critical",
        "security",
    )


def test_the_finder_reads_the_last_user_message_with_lines() -> None:
    request = chat(CHUNK, response_format={"type": "json", "value": SCHEMA})
    request["messages"].append({"role": "user", "content": "List the findings."})
    assert '"start": "3.cc"' in Finder()(request).text


@pytest.mark.parametrize(
    ("spoil", "starts", "ends"),
    [
        (damage.wrong_letters, ["3.ab", "4.ab"], ["3.ab", "4.ab"]),
        (damage.wrong_number, ["9999.cc", "9999.dd"], ["9999.cc", "9999.dd"]),
        (damage.neighbours_number, ["1.cc", "1.dd"], ["1.cc", "1.dd"]),
        (damage.unknown_ids, ["9999.ab", "9999.ab"], ["9999.ab", "9999.ab"]),
        (damage.ids_in_junk, ["/3.cc + value", "/4.dd + value"], None),
        (damage.ids_with_sign, ["3.cc|+", "4.dd|+"], None),
        (damage.end_unknown, ["3.cc", "4.dd"], ["9999.ab", "9999.ab"]),
        (damage.end_before_start, ["3.cc", "4.dd"], ["1.aa", "1.aa"]),
        (damage.end_on_other_side, ["3.cc", "4.dd"], ["1.aa", "1.aa"]),
    ],
)
def test_ids_can_be_spoiled(spoil: Damage, starts: list[str], ends: list[str] | None) -> None:
    found = findings_of(Finder(damage=spoil))
    assert [one["start"] for one in found] == starts
    assert [one["end"] for one in found] == (ends or starts)


def test_answers_can_be_spoiled() -> None:
    assert len(findings_of(Finder(damage=damage.repeated))) == 40
    assert len({one["title"] for one in findings_of(Finder(damage=damage.forty))}) == 40
    assert len(findings_of(Finder(damage=damage.huge_title))[0]["title"]) == 100_000
    assert "<|im_start|>" in findings_of(Finder(damage=damage.control_strings))[0]["title"]
    assert "\x00" in findings_of(Finder(damage=damage.control_strings))[0]["title"]
    assert "\ud800" in findings_of(Finder(damage=damage.lone_surrogates))[0]["title"]
    assert findings_of(Spaced(Finder())) == findings_of(Finder())


def test_an_answer_can_be_cut_within_its_second_finding(tgi: ModelServer) -> None:
    tgi.fault(faults.Answers(CutByLength(complete=1)), first=1)
    form = {"type": "json_object", "value": SCHEMA}
    cut, whole = ask(tgi, CHUNK, response_format=form), ask(tgi, CHUNK, response_format=form)
    assert cut.choices[0].finish_reason == "length"
    assert text_of(cut).count('"suggestion"') == 1
    assert text_of(cut).count('"start"') == 2
    assert whole.choices[0].finish_reason == "stop"


def test_rubbish_is_no_json(tgi: ModelServer) -> None:
    tgi.fault(faults.Answers(rubbish))
    with pytest.raises(ValueError, match="Extra data"):
        json.loads(text_of(ask(tgi)))


# What goes wrong on the way.


@pytest.mark.parametrize(
    ("fault", "status", "error_type"),
    [
        (faults.OVERLOADED, 429, "overloaded"),
        (faults.INVALID, 422, "validation"),
        (faults.TEMPLATE_ERROR, 422, "template_error"),
        (faults.TOOL_ERROR, 422, "tool_error"),
        (faults.MISSING_VARIABLE, 422, "missing_template_variable"),
        (faults.GENERATION_FAILED, 424, "generation"),
        (faults.INCOMPLETE, 500, "incomplete_generation"),
    ],
)
def test_tgis_errors_carry_their_type(
    tgi: ModelServer, fault: faults.Refusal, status: int, error_type: str
) -> None:
    tgi.fault(fault)
    with pytest.raises(HfHubHTTPError) as caught:
        ask(tgi)
    assert caught.value.response.status_code == status
    assert caught.value.response.json() == {"error": fault.message, "error_type": error_type}


@every_kind
@pytest.mark.parametrize("status", [401, 413, 500, 502, 503, 504])
def test_every_other_status_is_a_hub_error(dialect: Dialect, status: int) -> None:
    with ModelServer(dialect) as server:
        server.fault(faults.Refusal(status))
        with pytest.raises(HfHubHTTPError) as caught:
            ask(server)
        assert caught.value.response.status_code == status


@pytest.mark.parametrize(
    ("fault", "timeout", "exception"),
    [
        (faults.FROZEN, 0.2, InferenceTimeoutError),
        (faults.Slow(5), 0.2, InferenceTimeoutError),
        (faults.DROPPED_MID_BODY, 10, httpx2.RemoteProtocolError),
        (faults.RESET, 10, httpx2.ReadError),
        (faults.INVALID_JSON, 10, ValueError),
    ],
)
def test_broken_connections_raise_what_was_measured(
    tgi: ModelServer, fault: faults.Fault, timeout: float, exception: type[Exception]
) -> None:
    tgi.fault(fault)
    with pytest.raises(exception):
        ask(tgi, timeout=timeout)


def test_a_closed_port_refuses() -> None:
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(closed_port_url() + "/info")


def test_a_closed_server_refuses(tgi: ModelServer) -> None:
    tgi.close()
    with pytest.raises(httpx2.ConnectError):
        ask(tgi)


def test_a_fault_can_spare_the_probe(tgi: ModelServer) -> None:
    tgi.fault(faults.OVERLOADED, first=2, reviews=True)
    statuses = [post(tgi, chat(text)).status_code for text in ("hello", CHUNK, CHUNK, CHUNK)]
    assert statuses == [200, 429, 429, 200]
    assert [call.status for call in tgi.calls] == statuses
    assert len(tgi.reviews) == 3


def test_a_fault_hits_the_calls_that_contain_a_text(tgi: ModelServer) -> None:
    tgi.fault(faults.OVERLOADED, containing="second")
    statuses = [post(tgi, chat(text)).status_code for text in ("first", "second", "third")]
    assert statuses == [200, 429, 200]


def test_faults_can_be_lifted(tgi: ModelServer) -> None:
    tgi.fault(faults.SERVER_ERROR)
    broken = post(tgi, chat("hello"))
    tgi.recover()
    assert (broken.status_code, post(tgi, chat("hello")).status_code) == (500, 200)


# Many at once.


def at_once(server: ModelServer, calls: int) -> list[httpx2.Response]:
    async def together() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(base_url=server.url, timeout=20) as client:
            path = "/v1/chat/completions"
            return list(
                await asyncio.gather(*(client.post(path, json=chat(f"{n}")) for n in range(calls)))
            )

    return asyncio.run(together())


def test_calls_beyond_the_slots_wait() -> None:
    with ModelServer(Tgi(), slots=2, seconds=0.1) as server:
        started = time.monotonic()
        replies = at_once(server, 8)
        assert time.monotonic() - started >= 0.4
        assert {reply.status_code for reply in replies} == {200}
        assert server.max_in_flight == 8


@pytest.mark.parametrize(
    ("dialect", "lines"),
    [
        (Tgi(), ["tgi_batch_current_size 2", "tgi_queue_size 3"]),
        (
            Vllm(),
            [
                'vllm:num_requests_running{engine="0",model_name="ibm-granite/granite-4.1-8b"} 2.0',
                'vllm:num_requests_waiting{engine="0",model_name="ibm-granite/granite-4.1-8b"} 3.0',
            ],
        ),
        (LlamaCpp(), ["llamacpp:requests_processing 2", "llamacpp:requests_deferred 3"]),
    ],
    ids=["tgi", "vllm", "llamacpp"],
)
def test_metrics_tell_running_from_waiting(dialect: Dialect, lines: list[str]) -> None:
    with ModelServer(dialect, slots=2) as server:
        server.fault(faults.FROZEN)
        metrics = asyncio.run(while_busy(server, 5, "GET", "/metrics"))
        assert set(lines) <= set(metrics.text.split("\n"))


async def while_busy(server: ModelServer, calls: int, method: str, path: str) -> httpx2.Response:
    """One request while that many frozen calls are in flight."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=20) as client:
        busy = [
            asyncio.ensure_future(client.post("/v1/chat/completions", json=chat("hello")))
            for _ in range(calls)
        ]
        await until(lambda: server.in_flight == calls)
        reply = await client.request(method, path, json=chat("one more"))
        await asyncio.gather(*(cancelled(call) for call in busy))
        return reply


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def cancelled(call: "asyncio.Future[httpx2.Response]") -> None:
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


def test_tgis_gauges_are_absent_before_the_first_call(tgi: ModelServer) -> None:
    assert httpx2.get(tgi.url + "/metrics").text == ""


def test_a_client_that_leaves_is_seen_and_its_slot_freed() -> None:
    with ModelServer(Tgi(), slots=1) as server:
        server.fault(faults.FROZEN, first=1)
        with pytest.raises(InferenceTimeoutError):
            ask(server, timeout=0.2)
        asyncio.run(until(lambda: server.disconnects == 1))
        assert text_of(ask(server)) == "Hello! How can I help?"
        assert (server.in_flight, server.calls[0].status) == (0, None)


def test_a_cancelled_call_is_a_disconnect(tgi: ModelServer) -> None:
    async def cancel_midway() -> None:
        async with AsyncInferenceClient(base_url=tgi.url, api_key="local") as client:
            call = asyncio.ensure_future(client.chat_completion(chat("hello")["messages"]))
            await until(lambda: tgi.in_flight == 1)
            await cancelled(call)
            await until(lambda: tgi.disconnects == 1)

    tgi.fault(faults.FROZEN)
    asyncio.run(cancel_midway())


def test_frozen_calls_end_with_the_server() -> None:
    async def close_midway(server: ModelServer) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            call = asyncio.ensure_future(client.post("/v1/chat/completions", json=chat("hello")))
            await until(lambda: server.in_flight == 1)
            await asyncio.to_thread(server.close)
            return await call

    with ModelServer(Tgi()) as server:
        server.fault(faults.FROZEN)
        with pytest.raises(httpx2.RemoteProtocolError):
            asyncio.run(close_midway(server))
        assert server.disconnects == 0


def test_a_connection_serves_many_requests(tgi: ModelServer) -> None:
    connection = HTTPConnection(tgi.url.removeprefix("http://"))
    connection.request("GET", "/info")
    connection.getresponse().read()
    socket = connection.sock
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    assert connection.sock is socket


def test_calls_are_recorded(tgi: ModelServer) -> None:
    httpx2.get(tgi.url + "/info")
    ask(tgi, "hello", max_tokens=7)
    [info, call] = tgi.requests
    assert (info.request.path, call.request.path) == ("/info", "/v1/chat/completions")
    assert tgi.calls == [call]
    assert call.body["max_tokens"] == 7
    assert call.request.headers["authorization"] == "Bearer local"
    assert call.left is not None
    assert call.left >= call.arrived


def test_an_error_in_a_script_fails_the_test_that_wrote_it() -> None:
    def broken(request: dict[str, Any]) -> Answer:
        return Answer(request["no such field"])

    with pytest.raises(KeyError, match="no such field"), ModelServer(Tgi(), broken) as server:
        assert post(server, chat("hello")).status_code == 500


def test_the_command_prints_its_url_and_what_it_saw() -> None:
    command = [sys.executable, "-m", "tests.fakes.model_server", "--kind", "vllm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        httpx2.post(url + "/v1/chat/completions", json=chat("hello")).raise_for_status()
        process.send_signal(signal.SIGTERM)
        seen = json.loads(process.stdout.readline())
    assert seen == {"calls": 1, "max_in_flight": 1, "disconnects": 0}
    assert process.returncode == 0


# The llama.cpp fake beside the real server.


def shape(value: Any) -> Any:
    """The key sets of a JSON value: scalars and empty lists are dropped."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case [dict() as first, *_]:
            return [shape(first)]
    return None


SAME_REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/health", None),
    ("GET", "/props", None),
    ("GET", "/v1/models", None),
    ("GET", "/slots", None),
    ("GET", "/nowhere", None),
    ("POST", "/tokenize", {"content": "hello world"}),
    ("POST", "/tokenize", {"content": "hello world", "with_pieces": True}),
    ("POST", "/tokenize", chat("hello")),
    ("POST", "/apply-template", chat("hello")),
    ("POST", "/apply-template", {}),
    ("POST", "/v1/chat/completions", chat("hello", max_tokens=2)),
    ("POST", "/v1/chat/completions", chat("hello", max_tokens=2, logprobs=True, top_logprobs=2)),
    ("POST", "/v1/chat/completions", chat("hello", max_tokens=2, response_format=OPENAI)),
    ("POST", "/v1/chat/completions", chat("word " * 1100)),
    ("POST", "/v1/chat/completions", chat("hello", response_format={"type": "json"})),
    ("POST", "/v1/chat/completions", chat("hello", top_logprobs=2)),
    ("POST", "/v1/chat/completions", {"messages": "hello"}),
    ("POST", "/v1/chat/completions", {"messages": [{"content": "hello"}]}),
    ("POST", "/v1/chat/completions", {"messages": [{"role": "user"}]}),
    ("GET", "/slots", None),
]


def outlines(url: str, key: str) -> list[tuple[int, Any, Any]]:
    """What a server answers to SAME_REQUESTS: status, keys, and an error's type and code."""
    seen = []
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as one:
        for method, path, body in SAME_REQUESTS:
            reply = one.request(method, path, json=body)
            content = reply.json()
            error = dict(content).get("error", {}) if path != "/slots" else {}
            seen.append((reply.status_code, shape(content), (error.get("type"), error.get("code"))))
    return seen


def test_the_llamacpp_fake_has_the_keys_of_the_real_server() -> None:
    import xllamacpp  # noqa: PLC0415

    from tests.models import smollm2_path  # noqa: PLC0415

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(smollm2_path())
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = ["local"]
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    parameters.endpoint_slots = True
    parameters.endpoint_metrics = True
    parameters.verbosity = -1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams.poll = 0
    real = xllamacpp.Server(parameters)
    with ModelServer(LlamaCpp(max_total=1024), slots=1, api_key="local") as fake:
        assert outlines(fake.url, "wrong") == outlines(real.listening_address, "wrong")
        assert outlines(fake.url, "local") == outlines(real.listening_address, "local")
