"""GitHub's deliveries come in over HTTP; each is verified, recorded, and only then acknowledged.

This process never calls GitHub, and no broker or model that hangs can hold a delivery up.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from reviewbot.errors import DatabaseError, ReviewbotError
from reviewbot.github.webhook import Policy, WebhookError, parse_delivery, verify
from reviewbot.service import metrics
from reviewbot.service.group_commit import GroupCommit
from reviewbot.service.inbox import Received, Recorded
from reviewbot.service.logs import get_logger
from reviewbot.service.queue import Publisher
from reviewbot.service.sweeper import Sweeper

MOST_BYTES = 25 * 1024 * 1024
"""GitHub sends no larger payload."""
BODY_SECONDS = 30.0
CHECK_SECONDS = 3.0
FRESH_SECONDS = 2.0
STUCK_SECONDS = 5.0
"""A loop that did not run for so long is stuck."""

Answer = Literal[
    "taken", "nothing", "duplicate", "no json", "no headers", "signature", "too large",
    "content type", "too slow", "not committed",
]  # fmt: skip

STATUSES: Mapping[Answer, tuple[int, str]] = {
    "taken": (202, "taken: a job is recorded"),
    "nothing": (200, "nothing to do"),
    "duplicate": (200, "nothing to do: this was delivered before"),
    "no json": (400, "the body is no JSON object"),
    "no headers": (400, "X-GitHub-Event or X-GitHub-Delivery is missing or malformed"),
    "too slow": (408, "the body did not arrive in time"),
    "signature": (401, "X-Hub-Signature-256 is missing or wrong"),
    "too large": (413, "the body is larger than 25 MB"),
    "content type": (415, "the content type must be application/json"),
    "not committed": (503, "the delivery could not be recorded: send it again"),
}
"""Every answer of the webhook. `docs/service.md` shows this table, and a test walks it."""

Check = Callable[[], Awaitable[str]]
"""Says in a few words what it found well; raises `ReviewbotError` where it is not."""

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API works with. `checks` are asked for /readyz, by name."""

    secrets: tuple[bytes, ...]
    policy: Policy
    inbox: GroupCommit
    publisher: Publisher
    sweeper: Sweeper
    checks: Mapping[str, Check] = field(default_factory=dict)


def make_api(parts: Parts) -> FastAPI:
    """Make the application; its parts start and end with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.inbox.start()
        parts.publisher.start()
        tasks = [asyncio.create_task(pulse.run()), asyncio.create_task(parts.sweeper.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(parts.inbox.close)
            await asyncio.to_thread(parts.publisher.close)

    pulse = _Pulse()
    ready = _Ready(parts.checks)
    api = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    webhook = _Webhook(parts)

    async def livez(_: Request) -> Response:
        return _text(200, "ok") if pulse.age() < STUCK_SECONDS else _text(503, "stuck")

    async def page(_: Request) -> Response:
        body = await asyncio.to_thread(metrics.page)
        return Response(body, headers={"Content-Type": metrics.CONTENT_TYPE})

    # plain routes: FastAPI's own would look at parameters that there are none of
    api.add_route("/webhooks/github", webhook.receive, methods=["POST"])
    api.add_route("/livez", livez, methods=["GET"])
    api.add_route("/readyz", ready.answer, methods=["GET"])
    api.add_route("/metrics", page, methods=["GET"])
    return api


def _text(status: int, words: str) -> Response:
    return Response(words + "\n", status, media_type="text/plain")


class _Webhook:
    """Takes deliveries."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def receive(self, request: Request) -> Response:
        """Take one delivery; the answer is one of `STATUSES`."""
        event = request.headers.get("x-github-event", "")
        guid = request.headers.get("x-github-delivery", "")
        answer = await self._take(request, event, guid)
        metrics.count_delivery(event, answer)
        status, words = STATUSES[answer]
        if status >= 400:
            _log.warning("delivery refused", delivery=guid[:64], gh_event=event[:64], reason=words)
        headers = {"Retry-After": "10"} if status == 503 else None
        return Response(words + "\n", status, headers, "text/plain")

    async def _take(self, request: Request, event: str, guid: str) -> Answer:
        received = await self._received(request, event, guid)
        if isinstance(received, str):
            return received
        try:
            recorded = await asyncio.wrap_future(self._parts.inbox.submit(received))
        except DatabaseError as error:
            _log.warning("delivery not recorded", delivery=guid, reason=str(error))
            return "not committed"
        self._wake(recorded, received)
        return recorded.outcome

    async def _received(self, request: Request, event: str, guid: str) -> Received | Answer:
        """Read a delivery and verify it before anything is made of it."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return "content type"
        if not (_is_plain(event) and _is_plain(guid)):
            return "no headers"
        body = await _read(request)
        if isinstance(body, str):
            return body
        signature = request.headers.get("x-hub-signature-256")
        if not verify(body, signature, self._parts.secrets):
            return "signature"
        try:
            delivery = parse_delivery(event, guid, body, self._parts.policy)
        except WebhookError:
            return "no json"
        # the signature is a digest of the body, and of nothing else
        return Received(delivery, body, str(signature))

    def _wake(self, recorded: Recorded, received: Received) -> None:
        for job_id in recorded.jobs:
            self._parts.publisher.publish(job_id)
        delivery = received.delivery
        _log.info("delivery", delivery=delivery.guid, gh_event=delivery.event,
                  action=delivery.action, outcome=recorded.outcome, jobs=recorded.jobs,
                  reason=getattr(delivery.hint, "reason", None))  # fmt: skip


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= 128 and text.isascii() and text.isprintable()


async def _read(request: Request) -> bytes | Literal["too large", "too slow"]:
    """Read the body, and no more of it than may be."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_BYTES:
        return "too large"
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    return "too large"
                parts.append(part)
    except (TimeoutError, ClientDisconnect):
        return "too slow"
    return b"".join(parts)


class _Pulse:
    """Notes when the loop last ran."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    async def run(self) -> None:
        while True:
            self._at = time.monotonic()
            await asyncio.sleep(1)

    def age(self) -> float:
        return time.monotonic() - self._at


class _Ready:
    """Asks the parts whether they are well, at most every two seconds."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._asked_at = float("-inf")
        self._found: dict[str, tuple[bool, str]] = {}
        self._asking = asyncio.Lock()

    async def answer(self, _: Request) -> Response:
        """Say of each part whether it is well; 503 where one is not."""
        async with self._asking:
            if time.monotonic() - self._asked_at > FRESH_SECONDS:
                said = await asyncio.gather(*(_ask(check) for check in self._checks.values()))
                self._found = dict(zip(self._checks, said, strict=True))
                self._asked_at = time.monotonic()
        well = all(fine for fine, _ in self._found.values())
        body = {name: {"ready": fine, "says": says} for name, (fine, says) in self._found.items()}
        return Response(json.dumps(body), 200 if well else 503, media_type="application/json")


async def _ask(check: Check) -> tuple[bool, str]:
    with suppress(TimeoutError):
        async with asyncio.timeout(CHECK_SECONDS):
            try:
                return True, await check()
            except ReviewbotError as error:
                return False, str(error)
    return False, f"no answer within {CHECK_SECONDS:g} s"
