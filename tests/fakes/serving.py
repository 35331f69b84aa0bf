"""A fake model server: a dialect, a script and faults in, a URL and the record of its calls out.

    with ModelServer(Tgi(), Finder(), slots=4) as server:
        server.fault(OVERLOADED, first=2, reviews=True)
        ...server.url...
    assert len(server.calls) == 3

Streaming is not spoken: `stream` is ignored.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.fakes.answers import (
    PROSE,
    Finder,
    Says,
    Script,
    dumps,
    printed_lines,
    requested_schema,
)
from tests.fakes.dialect import Candidates, Dialect, Machine, Spoken
from tests.fakes.faults import (
    Answers,
    DroppedMidBody,
    Fault,
    Frozen,
    Raw,
    Refusal,
    Reset,
    Rule,
    Slow,
    proxy_page,
)
from tests.fakes.tokens import Count, count_tokens, pieces, shared_beginning, shorten
from tests.fakes.wire import JSON, Reply, Request, WireServer, text_reply

# What else the model could have said at each place, where the script does not say.
ALTERNATIVES: Candidates = (("?", -3.5), ("!", -4.5), (" the", -6.0), ("\n", -7.0))


@dataclass(slots=True)
class Call:
    """One request as the server saw it; times are those of `time.monotonic`."""

    request: Request
    arrived: float
    body: JSON = field(default_factory=dict)
    prompt: str = ""
    left: float | None = None
    status: int | None = None
    disconnected: bool = False

    @property
    def is_review(self) -> bool:
        return bool(printed_lines(self.body))


class ModelServer:
    """Serves one dialect on 127.0.0.1. `calls` are the chat completions, `requests` all.

    `slots` calls are worked on at once, each for `seconds`; further ones wait. A schema that the
    dialect does not enforce is answered by `unenforced`.
    """

    def __init__(
        self,
        dialect: Dialect,
        script: Script | None = None,
        *,
        unenforced: Script | None = None,
        slots: int = 64,
        seconds: float = 0.0,
        api_key: str | None = None,
        count: Count = count_tokens,
        prefix_cache: bool = False,
        port: int = 0,
    ) -> None:
        self.dialect = dialect
        self.script = script or Finder()
        self.unenforced = unenforced or Says(PROSE)
        self.seconds = seconds
        self.requests: list[Call] = []
        self.calls: list[Call] = []
        self.max_in_flight = 0
        self.machine = Machine(count, api_key, slots)
        self._rules: list[Rule] = []
        self._cache: deque[str] = deque(maxlen=slots if prefix_cache else 0)
        self._slot = asyncio.Semaphore(slots)
        self._wire = WireServer(self._respond, port)
        self.url = self._wire.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if self._wire.errors and error is None:
            raise self._wire.errors[0]

    def close(self) -> None:
        """From here on connections are refused."""
        self._wire.close()

    def fault(
        self,
        fault: Fault,
        *,
        first: int | None = None,
        containing: str = "",
        reviews: bool = False,
    ) -> None:
        """Spoils the first calls (or all) with that text in their messages; the oldest rule wins.

        `reviews` spares the calls that show no lines of a diff, like the enforcement probe.
        """
        self._rules.append(Rule(fault, first, containing, reviews))

    def recover(self) -> None:
        """No more faults."""
        self._rules.clear()

    @property
    def reviews(self) -> list[Call]:
        """The chat completions whose prompt shows lines of a diff: not the probes."""
        return [call for call in self.calls if call.is_review]

    @property
    def disconnects(self) -> int:
        """How many clients left before their answer."""
        return sum(call.disconnected for call in self.requests)

    @property
    def in_flight(self) -> int:
        return self.machine.running + self.machine.waiting

    async def _respond(self, request: Request) -> Reply:
        call = Call(request, time.monotonic())
        self.requests.append(call)
        try:
            reply = await self._reply(call)
        except asyncio.CancelledError:
            call.disconnected = not self._wire.closing
            raise
        finally:
            call.left = time.monotonic()
        call.status = reply.status
        return reply

    async def _reply(self, call: Call) -> Reply:
        is_chat = call.request.path.endswith("/chat/completions")
        if is_chat:
            call.body = _parsed(call.request)
            self.calls.append(call)
        if (reply := self.dialect.reply(call.request, self.machine)) is not None:
            return reply
        call.prompt = self.dialect.template(call.body["messages"])
        fault = next((rule.fault for rule in self._rules if rule.hits(call.body)), None)
        if (reply := self._at_once(fault)) is not None:
            return reply
        self.machine.waiting += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        waits = True
        try:
            async with self._slot:
                self.machine.waiting -= 1
                self.machine.running += 1
                waits = False
                return await self._work(call, fault)
        finally:
            self.machine.waiting -= waits
            self.machine.running -= not waits
            self.machine.served += 1

    def _at_once(self, fault: Fault | None) -> Reply | None:
        """The reply of a fault that takes no slot."""
        match fault:
            case Refusal(status=502 | 503 | 504, error_type=""):
                return proxy_page(fault.status)
            case Refusal():
                return self.dialect.failure(fault)
            case Reset():
                return Reply(200, broken="reset")
            case Raw():
                return text_reply(200, fault.content, "application/json")
        return None

    async def _work(self, call: Call, fault: Fault | None) -> Reply:
        if isinstance(fault, Frozen):
            await asyncio.Event().wait()
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        await asyncio.sleep(self.seconds)
        replacement = fault.script if isinstance(fault, Answers) else None
        spoken = self._speak(call, replacement)
        reply = self.dialect.completion(call.body, spoken)
        if isinstance(fault, DroppedMidBody):
            return Reply(reply.status, reply.content, reply.headers, broken="dropped")
        return reply

    def _speak(self, call: Call, replacement: Script | None) -> Spoken:
        count = self.machine.count
        prompt_tokens = count(call.prompt)
        answer = (replacement or self._voice(call.body))(call.body)
        asked = call.body.get("max_tokens") or call.body.get("max_completion_tokens")
        room = max(1, self.dialect.max_total - prompt_tokens)
        text = shorten(answer.text, min(asked or room, room), count)
        shared = max((count(shared_beginning(call.prompt, old)) for old in self._cache), default=0)
        self._cache.append(call.prompt)
        made_up = [((token, -0.05), *ALTERNATIVES) for token in pieces(text, count)]
        return Spoken(
            text,
            list(answer.chances) or made_up,
            answer.finish or ("stop" if text == answer.text else "length"),
            prompt_tokens,
            len(answer.chances) or max(1, count(text)),
            min(shared, prompt_tokens - 1),
            time.monotonic() - call.arrived,
        )

    def _voice(self, body: JSON) -> Script:
        """Who answers: the script unless the request has a schema that is not enforced."""
        enforcement = self.dialect.enforces(body)
        if enforcement == "any json":
            return Says(dumps({"answer": PROSE}))
        if enforcement == "nothing" and requested_schema(body):
            return self.unenforced
        return self.script


def _parsed(request: Request) -> JSON:
    """The request's body, empty where it is no JSON object."""
    try:
        body = request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
