"""The fake GitHub itself: an HTTP server over one state, and the sender of signed webhooks."""

import asyncio
import hashlib
import hmac
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request as Outgoing
from urllib.request import urlopen

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.forge import render, routes
from tests.fakes.forge.faults import BAD_GATEWAY, Faults, Hold, When
from tests.fakes.forge.judge import violations
from tests.fakes.forge.people import Repo, make_repo
from tests.fakes.forge.repositories import serve_git
from tests.fakes.forge.state import BOT, Delivery
from tests.fakes.wire import Reply, Request, WireServer

_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PRIVATE_KEY = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class FakeGitHub:
    """GitHub on 127.0.0.1. `url` is the API's base; webhooks go to `webhook_url`, if set."""

    def __init__(self, folder: Path, secret: str = "the webhook's secret", owner: str = "acme"):
        self.folder = folder / "github"
        self.folder.mkdir(parents=True)
        self.secret = secret
        self.owner = owner
        self.bot = BOT
        self.private_key = PRIVATE_KEY
        self.public_key = _KEY.public_key()
        self.permissions = dict(render.PERMISSIONS)
        self.webhook_url: str | None = None
        self.lock = threading.RLock()
        self.faults = Faults()
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, tuple[int, float]] = {}
        self.every_token: list[str] = []
        self.personal_tokens: dict[str, str] = {}
        self.token_seconds = 3600.0
        self.gone_installations: set[int] = set()
        self.list_lag = 0.0
        self.deliveries: list[Delivery] = []
        self.held: list[Delivery] | None = None
        self.counts: Counter[str] = Counter()
        self.write_times: dict[int, list[float]] = {}
        self.violations: list[str] = []
        self._ids = itertools.count(1000)
        self._wire = WireServer(self._respond)
        self.root = self._wire.url
        self.url = f"{self.root}/api/v3"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        self._wire.close()

    def next_id(self) -> int:
        return next(self._ids)

    def repository(self, full_name: str = "acme/shop", installation: int = 1) -> Repo:
        """Give a repository; it is made with one commit where it is not there."""
        if full_name not in self.repos:
            self.repos[full_name] = make_repo(self, self.folder, full_name, installation)
        return self.repos[full_name]

    def fails(self, operation: str, reply: Reply = BAD_GATEWAY, when: When = "before",
              times: int = 1) -> None:  # fmt: skip
        """Spoil the next requests of an operation."""
        self.faults.add(operation, reply, when, times)

    def holds(self, operation: str, when: When = "before") -> Hold:
        """Keep the next request of an operation back until it is released."""
        hold = Hold(when)
        self.faults.add(operation, hold, when, 1)
        return hold

    def uninstalls(self, installation: int) -> None:
        self.gone_installations.add(installation)
        repo = next(one for one in self.repos.values() if one.installation == installation)
        self.send(repo, "installation", {"action": "deleted"})

    def send(self, repo: Repo, event: str, payload: dict[str, Any], sender: str = "ada"
             ) -> Delivery:  # fmt: skip
        """Deliver an event, now or when held ones are let go."""
        whole = payload | {
            "repository": {"id": repo.id, "name": repo.name, "full_name": repo.full_name,
                           "owner": {"login": repo.owner, "type": "Organization"}},
            "installation": {"id": repo.installation},
            "sender": {"login": sender, "type": "User"},
        }  # fmt: skip
        delivery = Delivery(self.next_id(), str(uuid.uuid4()), event, whole)
        if self.held is not None:
            self.held.append(delivery)
        else:
            self.deliver(delivery)
        return delivery

    def deliver(self, delivery: Delivery) -> int:
        """Send an event's signed payload; gives the receiver's status, 0 where none came."""
        if self.webhook_url is None:
            return 0
        body = json.dumps(delivery.payload).encode()
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json", "X-GitHub-Event": delivery.event,
            "X-GitHub-Delivery": delivery.guid, "X-Hub-Signature-256": f"sha256={signature}",
        }  # fmt: skip
        delivery.sent_at = time.time()
        with self.lock:
            self.deliveries.append(delivery)
        try:
            with urlopen(Outgoing(self.webhook_url, body, headers), timeout=10) as answer:
                delivery.status = answer.status
        except HTTPError as error:
            delivery.status = error.code
        except (URLError, OSError):
            delivery.status = 0
        return delivery.status

    def delivers_again(self, delivery: Delivery) -> int:
        """Send an event once more, under the same id."""
        again = Delivery(self.next_id(), delivery.guid, delivery.event, delivery.payload)
        return self.deliver(again)

    def holds_deliveries(self) -> list[Delivery]:
        """Keep back what is to be delivered from now on; gives the list of it."""
        self.held = []
        return self.held

    def lets_go(self, *, reverse: bool = False) -> None:
        """Deliver what was kept back."""
        held, self.held = self.held or [], None
        for delivery in reversed(held) if reverse else held:
            self.deliver(delivery)

    def sends_soon(self, delivery: Delivery) -> None:
        """Send an event again without waiting for what comes of it, as GitHub does."""
        threading.Thread(target=self.delivers_again, args=(delivery,), daemon=True).start()

    async def _respond(self, request: Request) -> Reply:
        if ".git/" in request.path:
            return await asyncio.to_thread(self._git, request)
        operation, reply = routes.find(request)
        spoilt = await self._spoilt(operation, "before")
        if spoilt is not None:
            return spoilt
        answer = await asyncio.to_thread(self._apply, operation, reply, request)
        return await self._spoilt(operation, "after") or answer

    async def _spoilt(self, operation: str, when: When) -> Reply | None:
        fault = self.faults.next(operation, when)
        if not isinstance(fault, Hold):
            return fault
        fault.reached.set()
        while not fault.released.is_set():  # noqa: ASYNC110  # a test releases it in a thread
            await asyncio.sleep(0.01)
        return None

    def _apply(self, operation: str, route: "routes.Route | None", request: Request) -> Reply:
        try:
            with self.lock:
                self.counts[operation] += 1
                reply = routes.answer(self, route, request)
                left = str(max(0, 5000 - self.counts.total()))
        except Exception as error:
            self.violations.append(f"{request.method} {request.path}: no answer, {error!r}")
            raise
        if route is None:
            self.violations.append(f"{request.method} {request.path}: this fake has no such call")
        self.violations += violations(request, reply)
        return replace(reply, headers=reply.headers | {"x-ratelimit-remaining": left})

    def _git(self, request: Request) -> Reply:
        self.counts["git"] += 1
        if not routes.may_read(self, request):
            return Reply(401, headers={"www-authenticate": 'Basic realm="GitHub"'})
        return serve_git(self.folder, request)
