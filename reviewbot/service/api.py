"""GitHub's deliveries come in over HTTP; each is verified, recorded, and only then acknowledged.

This process never calls GitHub, and no broker or model that hangs can hold a delivery up.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from reviewbot.errors import DatabaseError
from reviewbot.github.webhook import Policy, WebhookError, parse_delivery, verify
from reviewbot.service import metrics
from reviewbot.service.answered import Answered
from reviewbot.service.group_commit import GroupCommit
from reviewbot.service.inbox import Received, Recorded
from reviewbot.service.logs import get_logger
from reviewbot.service.queue import Publisher
from reviewbot.service.ready import Check, Pulse, Ready
from reviewbot.service.sweeper import Sweeper

__all__ = ["STATUSES", "Check", "Limits", "Parts", "make_api"]

Answer = Literal[
    "taken", "nothing", "duplicate", "no json", "no headers", "signature", "too slow", "too large",
    "content type", "not committed", "busy",
]  # fmt: skip

STATUSES: Mapping[Answer, tuple[int, str]] = {
    "taken": (202, "taken: a job is recorded"),
    "nothing": (200, "nothing to do"),
    "duplicate": (200, "nothing to do: this was delivered before"),
    "no json": (400, "the body is no JSON object"),
    "no headers": (400, "X-GitHub-Event or X-GitHub-Delivery is missing or malformed"),
    "signature": (401, "X-Hub-Signature-256 is missing or wrong"),
    "too slow": (408, "the body did not arrive in time, or not in whole"),
    "too large": (413, "the body is larger than 25 MB"),
    "content type": (415, "the content type must be application/json"),
    "not committed": (503, "the delivery could not be recorded: send it again"),
    "busy": (503, "too much is being received: send it again"),
}
"""Every answer of the webhook. `docs/service.md` shows this table, and a test walks it."""

_PATH = "/webhooks/github"
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a delivery may cost: bytes of one body and of all that are being read; seconds.

    GitHub sends no larger payload, and takes a delivery for failed after ten seconds.
    """

    body: int = 25 * 1024 * 1024
    bodies: int = 256 * 1024 * 1024
    body_seconds: float = 30.0
    commit_seconds: float = 8.0
    check_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API works with. `checks` are asked for /readyz, by name."""

    secrets: tuple[bytes, ...]
    policy: Policy
    inbox: GroupCommit
    publisher: Publisher
    sweeper: Sweeper
    checks: Mapping[str, Check] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


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

    pulse = Pulse()
    ready = Ready(parts.checks, parts.limits.check_seconds)
    api = FastAPI(
        lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked for at each request
    )  # fmt: skip
    webhook = _Webhook(parts)

    async def livez(_: Request) -> Response:
        return _text(200, "ok") if pulse.beats() else _text(503, "stuck")

    async def readyz(_: Request) -> Response:
        well, body = await ready.ask()
        return Response(body, 200 if well else 503, media_type="application/json")

    async def page(_: Request) -> Response:
        body = await asyncio.to_thread(metrics.page)
        return Response(body, headers={"Content-Type": metrics.CONTENT_TYPE})

    api.add_middleware(_Door, webhook=webhook)
    # plain routes: FastAPI's own would look at parameters that there are none of
    api.add_route(_PATH, webhook, methods=["POST"])  # type: ignore[arg-type]  # ASGI
    api.add_route("/livez", livez, methods=["GET"])
    api.add_route("/readyz", readyz, methods=["GET"])
    api.add_route("/metrics", page, methods=["GET"])
    return api


def _text(status: int, words: str) -> Response:
    return Response(words + "\n", status, media_type="text/plain")


def _answers() -> Iterator[tuple[Answer, Response]]:
    for answer, (status, words) in STATUSES.items():
        headers = {"Retry-After": "10"} if status == 503 else {}
        if status in (408, 413):  # else what may still come of the body holds the connection
            headers = {"Connection": "close"}
        yield answer, Response(words + "\n", status, headers, "text/plain")


_ANSWERS = dict(_answers())


class _Door:
    """Lets deliveries pass by the framework, whose layers do nothing for them and cost a tenth."""

    def __init__(self, app: ASGIApp, webhook: "_Webhook") -> None:
        self._app = app
        self._webhook = webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; one by another method finds the route, and what it may be asked."""
        here = scope["type"] == "http" and (scope["path"], scope["method"]) == (_PATH, "POST")
        await (self._webhook if here else self._app)(scope, receive, send)


class _Webhook:
    """Takes deliveries."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held = 0
        self._answered: Answered[Recorded] = Answered()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request, as ASGI has it: each layer on the way costs a part of a delivery."""
        answer = await self._answer(Request(scope, receive))
        await _ANSWERS[answer](scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        raw: list[tuple[bytes, bytes]] = request.scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
        event, guid = headers.get("x-github-event", ""), headers.get("x-github-delivery", "")
        body = await self._read(request, headers.get("content-length", "0"))
        answer = body if isinstance(body, str) else await self._take(headers, event, guid, body)
        metrics.count_delivery(event, answer)
        status, words = STATUSES[answer]
        if status >= 400:
            _log.warning("delivery refused", delivery=guid[:64], gh_event=event[:64], reason=words)
        return answer

    async def _take(self, headers: Mapping[str, str], event: str, guid: str, body: bytes) -> Answer:
        """Verify a delivery before anything is made of it; then record it."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return "content type"
        if not (_is_plain(event) and _is_plain(guid)):
            return "no headers"
        signature = headers.get("x-hub-signature-256")
        if not verify(body, signature, self._parts.secrets):
            return "signature"
        try:
            delivery = parse_delivery(event, guid, body, self._parts.policy)
        except WebhookError:
            return "no json"
        # the signature is a digest of the body, and of nothing else
        return await self._record(Received(delivery, body, str(signature)))

    async def _record(self, received: Received) -> Answer:
        inbox, seconds = self._parts.inbox, self._parts.limits.commit_seconds
        try:
            recorded = await self._answered.wait(inbox.submit(received), seconds)
        except (DatabaseError, TimeoutError) as error:
            reason = str(error) or "it takes too long"
            _log.warning("delivery not recorded", delivery=received.delivery.guid, reason=reason)
            return "not committed"
        self._wake(recorded, received)
        return recorded.outcome

    async def _read(self, request: Request, length: str) -> bytes | Answer:
        """Read the body, and no more of it than may be."""
        limits = self._parts.limits
        if length.isdigit() and int(length) > limits.body:
            return "too large"
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    self._held += len(part)
                    if size > limits.body:
                        return "too large"
                    if self._held > limits.bodies:
                        return "busy"
                    parts.append(part)
        except (TimeoutError, ClientDisconnect):
            return "too slow"
        finally:
            self._held -= size
        return b"".join(parts)

    def _wake(self, recorded: Recorded, received: Received) -> None:
        for job_id in recorded.jobs:
            self._parts.publisher.publish(job_id)
        delivery = received.delivery
        _log.info("delivery", delivery=delivery.guid, gh_event=delivery.event,
                  action=delivery.action, outcome=recorded.outcome, jobs=recorded.jobs,
                  reason=getattr(delivery.hint, "reason", None))  # fmt: skip


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= 128 and text.isascii() and text.isprintable()
