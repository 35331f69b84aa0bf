"""Durable deliveries a second beside a bare endpoint's: `python -m benchmarks.webhook`."""

import argparse
import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.request import urlopen

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response

from benchmarks.measure import ROOT, clean_environment
from reviewbot.service import broker
from tests.bot import Part, free_port
from tests.fakes.forge.server import PRIVATE_KEY
from tests.run import COMMAND, variables

EXAMPLES = ROOT.parent / "shared" / "data" / "github" / "webhook-examples.json"
SECRET = "the webhook's secret"
BYTES = 25_000
AT_ONCE = 32
PULLS = 200
BOUND = 0.25


@dataclass(frozen=True, slots=True)
class Rate:
    """What a client saw: deliveries a second, and the milliseconds that they took."""

    rate: float
    p50: float
    p99: float


def main() -> None:
    """Measure both in turns; or be one of the other processes of that."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("measure", "bare", "client"), nargs="?", default="measure")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--deliveries", type=int, default=2000, help="in each turn")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    if options.part == "bare":
        serve_bare(options.port)
    elif options.part == "client":
        print(json.dumps(asyncio.run(_drive(options.port, options.deliveries))))
    else:
        measure(options.turns, options.deliveries)


def measure(turns: int, deliveries: int) -> None:
    """Print the rates of both, and how they stand to each other, turn by turn."""
    with ExitStack() as stack:
        ports = {"bare": stack.enter_context(bare()), "durable": stack.enter_context(api())[0]}
        for port in ports.values():
            deliver(port, 200)
        rates: dict[str, list[Rate]] = {name: [] for name in ports}
        for _ in range(turns):
            for name, port in ports.items():
                rates[name].append(deliver(port, deliveries))
    size = len(_body(_example(), 0))
    print(f"{turns} turns of {deliveries} deliveries of {size / 1000:.1f} kB, {AT_ONCE} at once\n")
    for name, seen in rates.items():
        speeds = [one.rate for one in seen]
        print(
            f"{name:<10} {min(speeds):6.0f} min {median(speeds):6.0f} median a second;"
            f" p50 {median(one.p50 for one in seen):6.1f} ms"
            f" p99 {median(one.p99 for one in seen):6.1f} ms (medians)"
        )
    pairs = zip(rates["durable"], rates["bare"], strict=True)
    ratios = [ours.rate / its.rate for ours, its in pairs]
    verdict = "kept" if median(ratios) >= BOUND else "MISSED"
    print(
        f"durable to bare: {min(ratios):.3f} min {median(ratios):.3f} median >= {BOUND}: {verdict}"
    )


def deliver(port: int, count: int) -> Rate:
    """Let a client in a process of its own send deliveries, each of its own id and body."""
    command = [sys.executable, "-m", "benchmarks.webhook", "client", "--port", str(port),
               "--deliveries", str(count)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return Rate(*json.loads(done.stdout))


@contextmanager
def api(**settings: str | float) -> Iterator[tuple[int, int]]:
    """Run the API and its broker, without a worker; gives the API's port and process id."""
    with clean_environment() as clean, tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        own = broker.make_broker(folder / "broker")
        (folder / "key.pem").write_text(PRIVATE_KEY)
        env = clean | variables(
            github_app_id=4242, github_private_key_file=folder / "key.pem",
            github_webhook_secret=SECRET, allowed_owners="*", data_dir=folder / "data", port=port,
            broker_url=own.url, log_format="json", **settings,
        )  # fmt: skip
        parts = [Part("broker", list(own.command), env, folder)]
        try:
            parts.append(Part("api", [str(COMMAND), "api"], env, folder))
            _wait_for(parts[-1], f"http://127.0.0.1:{port}/livez")
            yield port, parts[-1].pid
        finally:
            for part in reversed(parts):
                part.end()


@contextmanager
def bare() -> Iterator[int]:
    """Run an endpoint that verifies the signature and does nothing else; gives its port."""
    with clean_environment() as env, tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.webhook", "bare", "--port", str(port)]
        part = Part("bare", command, env, Path(folder))
        try:
            _wait_for(part, f"http://127.0.0.1:{port}/livez")
            yield port
        finally:
            part.end()


def serve_bare(port: int) -> None:
    """Serve the reference, under the same uvicorn as the API."""
    app = FastAPI(openapi_url=None)

    @app.get("/livez")
    async def livez() -> Response:
        return Response("ok")

    @app.post("/webhooks/github")
    async def receive(request: Request) -> Response:
        signature = request.headers.get("x-hub-signature-256", "")
        right = hmac.new(SECRET.encode(), await request.body(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, f"sha256={right}"):
            raise HTTPException(401)
        return Response("taken\n", 202)

    uvicorn.run(app, port=port, log_config=None, access_log=False, server_header=False)


def _wait_for(part: Part, url: str) -> None:
    deadline = time.monotonic() + 30
    while part.alive and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{url} does not answer:\n{part.log.read_text()}")


def _example() -> dict[str, Any]:
    """Give GitHub's own example of a pull request that is pushed to, or what has its fields."""
    found: list[dict[str, Any]] = []
    if EXAMPLES.exists():
        kinds = {kind["name"]: kind["examples"] for kind in json.loads(EXAMPLES.read_text("utf-8"))}
        found = [one for one in kinds["pull_request"] if one["action"] in ("opened", "synchronize")]
    made_up: dict[str, Any] = {
        "action": "opened", "pull_request": {"user": {"login": "ada", "type": "User"}, "head": {},
        "base": {"ref": "main"}, "body": ""},
        "repository": {"id": 0, "name": "shop", "owner": {"login": "acme"}},
    }  # fmt: skip
    return max(found, key=lambda one: len(json.dumps(one)), default=made_up)


def _body(example: dict[str, Any], index: int) -> bytes:
    """Make the payload of a push to one of some pull requests, its description of any length."""
    number = index % PULLS + 1
    head = hashlib.sha1(f"{index} {uuid.uuid4()}".encode(), usedforsecurity=False).hexdigest()
    pull = example["pull_request"]
    pull = pull | {"number": number, "draft": False, "head": pull["head"] | {"sha": head}}
    repository = example["repository"] | {"id": 1000 + number % 20}
    whole = example | {"number": number, "pull_request": pull, "repository": repository,
                       "installation": {"id": 1 + number % 20}}  # fmt: skip
    missing = BYTES - len(json.dumps(whole))
    pull["body"] = (pull.get("body") or "") + "An honest word. " * (max(0, missing) // 16)
    return json.dumps(whole).encode()


def _request(example: dict[str, Any], index: int) -> bytes:
    body = _body(example, index)
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    lines = (
        "POST /webhooks/github HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
        "User-Agent: GitHub-Hookshot/044aadd", f"Content-Length: {len(body)}",
        "X-GitHub-Event: pull_request", f"X-GitHub-Delivery: {uuid.uuid4()}",
        f"X-Hub-Signature-256: sha256={signature}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


async def _drive(port: int, count: int) -> tuple[float, float, float]:
    """Send deliveries over connections that are kept; all of them are made before."""
    example = _example()
    waiting = iter([_request(example, index) for index in range(count)])
    took: list[float] = []

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            begin = time.perf_counter()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0]))
            took.append(time.perf_counter() - begin)
            if head.split(maxsplit=2)[1] != b"202":
                raise SystemExit(f"a delivery was not taken: {head.decode()}")
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    rate = count / (time.perf_counter() - begin)
    cuts = quantiles(took, n=100)
    return rate, cuts[49] * 1000, cuts[98] * 1000


if __name__ == "__main__":
    main()
