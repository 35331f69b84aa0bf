"""llama.cpp on a real model: it answers, it enforces a schema, and it stops when told to."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Load, Message, Sampling
from reviewbot.servers.embedded import (
    EmbeddedServer,
    command,
    free_cores,
    make_order,
    send_order,
    start,
)
from reviewbot.servers.llamacpp import LlamaCpp
from tests.models import smollm2_path

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green"]}},
    "required": ["colour"],
}
# starts a server, tells its address, then makes a call that lasts for minutes
CALLER = """
import sys, urllib.request
from pathlib import Path
from reviewbot.servers.embedded import start
with start(Path(sys.argv[1]), threads=1, context=2048) as server:
    print(server.url, flush=True)
    urllib.request.urlopen(urllib.request.Request(
        server.url + "/completion",
        b'{"prompt": "Once", "n_predict": 2000, "ignore_eos": true}',
        {"Authorization": "Bearer " + server.key, "Content-Type": "application/json"},
    ))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with start(smollm2_path(), threads=1, context=2048) as server:
        yield server


def post(server: EmbeddedServer, key: str, **more: Any) -> httpx2.Response:
    """Ask the model for a colour."""
    body = {"messages": [{"role": "user", "content": "Which colour?"}], "max_tokens": 24} | more
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.url}/v1/chat/completions"
    return httpx2.post(url, json=body, headers=headers, timeout=120)


def answers(url: str) -> bool:
    """Whether something listens at the address."""
    address = httpx2.URL(url)
    with socket.socket() as client:
        return client.connect_ex((address.host, address.port or 0)) == 0


def wait_until_silent(url: str) -> float:
    """Give the seconds until nothing listens at the address any more, at most 10."""
    begin = time.monotonic()
    while answers(url) and time.monotonic() < begin + 10:
        time.sleep(0.05)
    return time.monotonic() - begin


def call_for_minutes(path: Path) -> tuple[subprocess.Popen[str], str]:
    """Start CALLER, and give it and the address of its server once its call is under way."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout
    url = caller.stdout.readline().strip()
    time.sleep(1)
    return caller, url


def test_a_chat_call_is_answered_under_the_name_of_the_file(server: EmbeddedServer) -> None:
    reply = post(server, server.key)
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"]
    assert reply.json()["model"] == "smollm2-135m"


def test_a_schema_is_enforced(server: EmbeddedServer) -> None:
    form = {"type": "json_object", "schema": SCHEMA}
    text = post(server, server.key, response_format=form).json()["choices"][0]["message"]["content"]
    assert json.loads(text)["colour"] in {"red", "green"}


def test_the_same_prompt_is_read_only_once(server: EmbeddedServer) -> None:
    post(server, server.key)
    usage = post(server, server.key).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


@pytest.mark.parametrize("path", ["/slots", "/props", "/metrics", "/v1/models"])
def test_nothing_is_told_without_the_key(server: EmbeddedServer, path: str) -> None:
    assert httpx2.get(server.url + path).status_code == 401


def test_a_wrong_key_is_refused(server: EmbeddedServer) -> None:
    assert post(server, "wrong").status_code == 401


def test_the_context_is_that_of_one_call() -> None:
    with start(smollm2_path(), threads=1, context=2048, parallel=2) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        props = httpx2.get(f"{server.url}/props", headers=headers).json()
    assert props["total_slots"] == 2
    assert props["default_generation_settings"]["n_ctx"] == 2048


def test_a_server_stops_at_once_in_the_middle_of_a_call() -> None:
    server = start(smollm2_path(), threads=1, context=2048)
    errors: list[Exception] = []

    def call() -> None:
        try:
            post(server, server.key, max_tokens=2000, ignore_eos=True)
        except httpx2.TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(1)
    begin = time.monotonic()
    server.stop()
    seconds = time.monotonic() - begin
    thread.join(10)
    assert seconds < 2
    assert len(errors) == 1
    assert not answers(server.url)


def test_stopping_twice_does_nothing() -> None:
    server = start(smollm2_path(), threads=1, context=2048)
    server.stop()
    server.stop()
    assert not answers(server.url)


def test_ctrl_c_ends_the_caller_and_the_server() -> None:
    caller, url = call_for_minutes(smollm2_path())
    caller.send_signal(signal.SIGINT)
    _, stderr = caller.communicate(timeout=10)
    assert caller.returncode == -signal.SIGINT
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert not answers(url)


def test_a_server_ends_with_a_caller_that_is_killed() -> None:
    caller, url = call_for_minutes(smollm2_path())
    caller.kill()
    caller.communicate(timeout=10)
    assert wait_until_silent(url) < 5


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with start(smollm2_path(), threads=1, context=2048) as server:
        post(server, server.key)
    assert capfd.readouterr() == ("", "")


def test_the_key_does_not_print(server: EmbeddedServer) -> None:
    assert server.key not in repr(server)


# As a supervisor runs it: by its command, on a port and with a key that stay.


def launched_with(order: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the process as a supervisor does; its address has come when this returns."""
    process = subprocess.Popen(
        command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert send_order(process, order) == f"http://127.0.0.1:{order['port']}"
    return process


def test_a_server_that_is_started_again_has_the_same_address_and_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    order = make_order(smollm2_path(), "a key that stays", threads=1, context=2048, port=port)
    statuses = []
    for _ in range(2):
        process = launched_with(order)
        server = EmbeddedServer(f"http://127.0.0.1:{port}", "a key that stays", process)
        statuses.append(post(server, server.key).status_code)
        statuses.append(post(server, "another key").status_code)
        server.stop()
    assert statuses == [200, 401, 200, 401]


def test_closing_its_input_ends_the_process_in_the_middle_of_a_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    order = make_order(smollm2_path(), "key", threads=1, context=2048, port=port)
    process = launched_with(order)
    server = EmbeddedServer(f"http://127.0.0.1:{port}", "key", process)
    errors: list[Exception] = []

    def call() -> None:
        try:
            post(server, "key", max_tokens=2000, ignore_eos=True)
        except httpx2.TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(1)
    assert process.stdin
    process.stdin.close()
    assert process.wait(5) == 0
    thread.join(10)
    assert len(errors) == 1
    server.stop()


def test_calls_that_wait_at_a_real_server_are_told(server: EmbeddedServer) -> None:
    async def wait_for_a_queue() -> None:
        client = Client(server.url, server.key)
        model = LlamaCpp(client)
        story = [Message("user", "Tell a long story.")]
        calls = [
            asyncio.create_task(model.complete(story, None, Sampling(max_tokens=1000)))
            for _ in range(3)
        ]
        try:
            async with asyncio.timeout(30):
                while await model.load() != Load(running=1, waiting=2):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            for call in calls:
                call.cancel()
            await client.close()

    asyncio.run(wait_for_a_queue())


def test_a_file_that_is_no_model_is_refused_at_once(tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<html>")
    with pytest.raises(ModelUnavailableError, match=r"page\.gguf is not a GGUF file; get one"):
        start(page)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"none\.gguf: No such file"):
        start(tmp_path / "none.gguf")


def test_half_a_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(smollm2_path().read_bytes()[:5_000_000])
    with pytest.raises(ModelUnavailableError, match=r"half\.gguf: .*corrupted or incomplete; "):
        start(half, threads=1)


def test_without_the_extra_the_error_tells_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path[:] = [p for p in sys.path if "
        "not (Path(p) / 'xllamacpp').exists()]; "
        "from reviewbot.servers.embedded import check_extra; check_extra()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr.splitlines()[-1] == (
        "reviewbot.errors.ModelUnavailableError: no model server is set and llama.cpp is not "
        "installed: pip install 'reviewbot[embedded]', or set REVIEWBOT_MODEL_URL"
    )


def test_the_folder_it_runs_in_cannot_replace_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise SystemExit('the reviewed folder ran')")
    monkeypatch.chdir(tmp_path)
    with start(smollm2_path(), threads=1, context=2048) as server:
        assert post(server, server.key).status_code == 200


def test_at_least_one_core_is_always_free() -> None:
    assert 1 <= free_cores() <= (os.cpu_count() or 1)
