"""The command line against each kind of model server: addresses, keys, limits, schemas."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reviewbot.diff.tokens import estimate_tokens
from reviewbot.errors import ServerError
from reviewbot.servers.client import Client, root_of
from reviewbot.servers.completion import Load, Message, Sampling
from reviewbot.servers.detect import SERVERS, Kind, detect
from tests.fakes import faults
from tests.fakes.answers import Finder
from tests.fakes.dialect import Dialect, Enforcement
from tests.fakes.model_server import LlamaCpp, ModelServer, Tgi, Vllm
from tests.fakes.wire import JSON
from tests.run import added, review, reviewbot

DIFF = added("a.py", "x = 1", "y = 2  # BUG")
FOUND = [("a.py", "RIGHT", 2, 2)]
KINDS: dict[Kind, Dialect] = {"tgi": Tgi(), "vllm": Vllm(), "llamacpp": LlamaCpp()}
every_kind = pytest.mark.parametrize(("kind", "dialect"), KINDS.items(), ids=KINDS)


class Unheld(Tgi):
    """A TGI that runs with --disable-grammar-support."""

    def enforces(self, body: JSON) -> Enforcement:  # noqa: ARG002
        return "nothing"


def paths(server: ModelServer) -> list[str]:
    return [call.request.path for call in server.requests]


def keys(server: ModelServer) -> set[str | None]:
    return {call.request.headers.get("authorization") for call in server.requests}


def code(lines: int) -> str:
    """A new file with a planted bug in its last line."""
    body = [f"    total_{n} = prices[{n}] * rate + offset({n}, 'EUR')" for n in range(lines - 1)]
    return added("prices.py", *body, "    return total  # BUG")


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """A server of another kind that answers everything alike; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# Which server it is.


@every_kind
def test_each_kind_is_found_out_and_reviews(kind: Kind, dialect: Dialect) -> None:
    with ModelServer(dialect) as server:
        run = review(DIFF, server.url + "/v1")
        assert (run.code, run.findings, run.stderr) == (1, FOUND, "")
        forced = review(DIFF, server.url, "--no-cache", model_server=kind)
        assert forced.findings == FOUND
    asked = paths(server)
    detected = asked.index("/v1/chat/completions")
    assert len(asked) - detected - 2 == 2  # the probe is known: one description, one call
    assert detected > 1


@pytest.mark.parametrize(
    "ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/chat/completions/", "///"]
)
def test_all_spellings_of_an_address_are_one(ending: str) -> None:
    assert root_of("http://127.0.0.1:80/tgi" + ending) == "http://127.0.0.1:80/tgi"


@pytest.mark.parametrize("ending", ["/", "/v1", "/v1/chat/completions"])
def test_another_spelling_asks_nothing_anew(ending: str) -> None:
    with ModelServer(Tgi()) as server:
        review(DIFF, server.url)
        assert review(DIFF, server.url + ending).usage["calls"] == 0


@pytest.mark.parametrize(("kind", "real"), [("tgi", "vllm"), ("vllm", "tgi"), ("llamacpp", "tgi")])
def test_a_wrong_kind_that_was_forced_is_told(kind: Kind, real: Kind) -> None:
    with ModelServer(KINDS[real]) as server:
        run = reviewbot("review", "-", stdin=DIFF, model_url=server.url, model_server=kind)
        assert run.code == 2
        assert f"{server.url}/" in run.complaint
        assert "is not that of a" in run.complaint


def test_a_model_that_the_server_does_not_have_is_told_with_those_it_has() -> None:
    with ModelServer(Vllm(model="granite")) as server:
        run = reviewbot("review", "-", "--model", "other", stdin=DIFF, model_url=server.url)
        assert (run.code, server.calls) == (2, [])
        assert "serves granite" in run.complaint
        assert review(DIFF, server.url, "--model", "granite").findings == FOUND


@every_kind
def test_each_kind_tells_its_load_and_counts_tokens(kind: Kind, dialect: Dialect) -> None:
    async def ask(url: str) -> tuple[Kind, Load | None, int | None]:
        client = Client(url, None)
        try:
            server = SERVERS[await detect(client)](client, None)
            message = Message("user", "one two three")
            info = await server.describe()
            assert (info.kind, info.max_total) == (kind, 8192)
            completion = await server.complete([message], None, Sampling(max_tokens=4), 2)
            assert len(completion.chances[0]) == 2
            tokens = await server.count_tokens([message])
            assert tokens == completion.prompt_tokens
            return await detect(client), await server.load(), tokens
        finally:
            await client.close()

    with ModelServer(dialect) as server:
        found, load, tokens = asyncio.run(ask(server.url))
    assert (found, load) == (kind, Load(running=0, waiting=0))
    assert tokens


def test_a_llamacpp_without_metrics_tells_its_load_by_its_slots() -> None:
    async def ask(url: str) -> Load | None:
        client = Client(url, None)
        try:
            return await SERVERS["llamacpp"](client, None).load()
        finally:
            await client.close()

    with ModelServer(LlamaCpp(metrics=False)) as server:
        assert asyncio.run(ask(server.url)) == Load(running=0, waiting=0)
        assert paths(server) == ["/metrics", "/slots"]


# Schemas.


def test_a_server_that_ignores_the_schema_is_refused_with_the_remedy() -> None:
    with ModelServer(Unheld()) as server:
        run = reviewbot("review", "-", stdin=DIFF, model_url=server.url)
        assert (run.code, len(server.calls)) == (2, 1)
        assert "REVIEWBOT_SCHEMA=parse" in run.complaint
        assert "REVIEWBOT_MODEL_SERVER" in run.complaint


def test_a_server_that_ignores_the_schema_is_asked_again_the_next_time() -> None:
    with ModelServer(Unheld()) as server:
        review(DIFF, server.url)
        assert review(DIFF, server.url).code == 2
        assert len(server.calls) == 2


def test_answers_can_be_taken_from_a_server_that_ignores_the_schema() -> None:
    with ModelServer(Unheld(), unenforced=Finder()) as server:
        run = review(DIFF, server.url, schema="parse")
    assert (run.code, run.findings, run.usage["calls"]) == (1, FOUND, 1)


def test_prose_in_place_of_an_answer_is_no_empty_success() -> None:
    with ModelServer(Unheld()) as server:
        run = review(DIFF, server.url, schema="parse")
    assert (run.code, run.usage["calls"]) == (2, 2)
    assert run.document["coverage"]["reviewed_lines"] == 0


def test_the_probe_asks_for_sixteen_tokens_with_the_schema_of_the_reviews() -> None:
    with ModelServer(Tgi()) as server:
        review(DIFF, server.url)
        probe, call = (call.body for call in server.calls)
    assert probe["max_tokens"] == 16
    assert probe["response_format"] == call["response_format"]
    assert "BUG" not in str(probe["messages"])


# Keys and the user's environment.


def test_the_hub_token_never_reaches_the_server() -> None:
    with ModelServer(Tgi()) as server:
        run = reviewbot(
            "review",
            "-",
            stdin=DIFF,
            model_url=server.url,
            env={"HF_TOKEN": "hf_leak", "HUGGING_FACE_HUB_TOKEN": "hf_leak"},
        )
    assert run.code == 1
    assert keys(server) == {"Bearer local"}


@every_kind
def test_the_key_is_sent_with_each_request(kind: Kind, dialect: Dialect) -> None:
    with ModelServer(dialect, api_key="right") as server:
        assert review(DIFF, server.url, model_key="right").findings == FOUND
        assert keys(server) == {"Bearer right"}
        wrong = reviewbot("review", "-", "--no-cache", stdin=DIFF, model_url=server.url)
        assert (wrong.code, "REVIEWBOT_MODEL_KEY" in wrong.stderr) == (2, True), kind


def test_an_offline_hub_and_a_proxy_do_not_matter_for_ones_own_machine() -> None:
    nowhere = "http://127.0.0.1:9"
    names = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")
    env = dict.fromkeys(names, nowhere) | {"HF_HUB_OFFLINE": "1"}
    with ModelServer(Tgi()) as server:
        run = reviewbot("review", "-", stdin=DIFF, model_url=server.url, env=env)
    assert (run.code, run.stderr) == (1, "")


def test_a_login_in_the_address_is_never_shown() -> None:
    with ModelServer(Tgi()) as server:
        server.fault(faults.INVALID)
        url = server.url.replace("//", "//ada:pa55@")
        run = reviewbot("review", "-", stdin=DIFF, model_url=url)
    assert run.code == 2
    assert server.url in run.complaint
    assert "pa55" not in run.complaint


# Limits.


@pytest.mark.parametrize(
    "dialect",
    [
        Tgi(max_input=2047, max_total=2048),
        Tgi(max_input=1200, max_total=4096),
        Vllm(max_total=3000),
        LlamaCpp(max_total=2048),
    ],
)
def test_no_request_exceeds_what_a_small_server_reads(dialect: Dialect) -> None:
    with ModelServer(dialect, count=estimate_tokens) as server:
        run = review(code(300), server.url)
        assert (run.code, run.findings) == (1, [("prices.py", "RIGHT", 300, 300)])
        assert {call.status for call in server.calls} == {200}
    totals = [estimate_tokens(call.prompt) + call.body["max_tokens"] for call in server.calls]
    assert max(totals) <= dialect.max_total
    assert len(run.document["chunks"]) > 2
    assert run.document["coverage"] == {"changed_lines": 300, "reviewed_lines": 300}


def test_where_the_estimate_is_too_low_the_server_counts_and_the_chunk_is_halved() -> None:
    def greedy(text: str) -> int:
        return int(estimate_tokens(text) * 1.5)

    with ModelServer(Tgi(max_input=2600, max_total=3624), count=greedy) as server:
        run = review(code(150), server.url)
    assert run.code == 1
    assert "/chat_tokenize" in paths(server)
    assert {call.status for call in server.calls} == {200}
    assert len(server.reviews) > len(run.document["chunks"])


def test_the_server_counts_only_near_its_limit() -> None:
    with ModelServer(Tgi(max_input=16384, max_total=18432), count=estimate_tokens) as server:
        assert review(code(150), server.url).code == 1
        assert "/chat_tokenize" not in paths(server)


def test_a_rerun_near_the_limit_lets_nothing_be_counted() -> None:
    with ModelServer(Tgi(max_input=3000, max_total=4096), count=estimate_tokens) as server:
        review(code(150), server.url)
        assert "/chat_tokenize" in paths(server)
        server.requests.clear()
        assert review(code(150), server.url).usage["calls"] == 0
        assert set(paths(server)) == {"/info"}


def test_a_server_that_refuses_a_length_gets_the_halves() -> None:
    with ModelServer(Tgi(max_input=2047, max_total=2048)) as server:
        long = faults.Refusal(422, "validation", "`inputs` must have less than 9 tokens. Given: 10")
        server.fault(long, first=1, reviews=True)
        run = review(DIFF, server.url)
    assert (run.code, run.findings) == (1, FOUND)
    assert len(server.reviews) == 3


@pytest.mark.parametrize("dialect", [Tgi(max_input=1000, max_total=1024), Vllm(max_total=64)])
def test_a_server_too_small_for_anything_is_told(dialect: Dialect) -> None:
    with ModelServer(dialect) as server:
        run = reviewbot("review", "-", stdin=DIFF, model_url=server.url)
        assert (run.code, server.calls) == (2, [])
        assert "start the server with a larger context" in run.complaint


def test_a_line_longer_than_the_model_reads_is_listed_and_never_sent() -> None:
    diff = added("a.py", "x = 1", f"y = '{'y0' * 8000}'  # BUG", "z = 3  # BUG")
    with ModelServer(Tgi(max_input=2047, max_total=2048)) as server:
        run = review(diff, server.url)
    assert (run.code, run.findings) == (2, [("a.py", "RIGHT", 3, 3)])
    assert run.document["not_reviewed"] == [
        {"path": "a.py", "lines": [["RIGHT", 2, 2]], "reason": "line longer than the model reads"}
    ]
    assert run.document["coverage"] == {"changed_lines": 3, "reviewed_lines": 2}
    assert not [call for call in server.calls if "y0y0" in call.prompt]


# What is no model server.


@dataclass(frozen=True)
class Page:
    status: int
    body: bytes
    words: str


@pytest.mark.parametrize(
    "page",
    [
        Page(200, b"<html>hello", "is no TGI, vLLM or llama.cpp server"),
        Page(404, b"", "is no TGI, vLLM or llama.cpp server"),
        Page(200, b'{"model_id": 3}', "is no TGI, vLLM or llama.cpp server"),
        Page(301, b"", "it has moved: check REVIEWBOT_MODEL_URL"),
        Page(403, b"<html><title>Forbidden here</title>", "403: Forbidden here (set REVIEWBOT_MO"),
        Page(500, b"oh\r\nno", "answered 500: oh no"),
        Page(503, b'{"error":{"message":"Loading model","type":"busy"}}', "503 busy: Loading mod"),
    ],
)
def test_what_answers_at_a_wrong_address_is_told(page: Page) -> None:
    with answering(page.status, page.body, location="http://127.0.0.1:9/") as url:
        run = reviewbot("review", "-", stdin=DIFF, model_url=url)
    assert run.code == 2
    assert run.complaint.startswith(f"reviewbot: {url} ")
    assert page.words in run.complaint


def test_what_is_no_address_is_told_at_once_and_not_quoted() -> None:
    run = reviewbot("review", "-", stdin=DIFF, model_url="ada:pa55@host:80")
    assert run.code == 2
    assert run.complaint == (
        "reviewbot: REVIEWBOT_MODEL_URL must begin with http:// or https:// and a host"
    )


@pytest.mark.parametrize(
    "url",
    [
        "localhost:80",
        "ftp://host",
        ":",
        "http://",
        "http:///v1",
        "javascript:alert(1)",
        "http://a\x01b",
        "http://[",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
    ],
)
def test_what_is_no_address_is_no_client(url: str) -> None:
    with pytest.raises(ServerError, match="REVIEWBOT_MODEL_URL"):
        Client(url, None)


def test_a_host_that_nobody_knows_is_told_within_five_seconds() -> None:
    began = time.monotonic()
    run = reviewbot("review", "-", stdin=DIFF, model_url="http://nowhere.invalid")
    assert (run.code, time.monotonic() - began < 6) == (2, True)
    assert "http://nowhere.invalid" in run.complaint


def test_a_host_that_takes_no_connection_is_told_within_five_seconds() -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for full in (first, second):
            full.settimeout(0)
            full.connect_ex(deaf.getsockname())
        began = time.monotonic()
        run = reviewbot(
            "review", "-", stdin=DIFF, model_url=f"http://127.0.0.1:{deaf.getsockname()[1]}"
        )
    assert run.code == 2
    assert "nothing answers there" in run.complaint
    assert time.monotonic() - began < 6.5


def test_nothing_is_ever_asked_of_the_hub() -> None:
    with ModelServer(Tgi()) as server, socket.create_server(("127.0.0.1", 0)) as hub:
        hub.settimeout(0)
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}"}
        run = reviewbot("review", "-", stdin=DIFF, model_url=server.url, env=env)
        assert run.code in (0, 1)
        with pytest.raises(BlockingIOError):  # nobody has knocked
            hub.accept()
