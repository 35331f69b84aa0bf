"""What can go wrong with a request to GitHub, and with whose."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.wire import JSON, Reply, json_reply

When = Literal["before", "after"]
_DOCS = "https://docs.github.com/rest"


def refusal(status: int, message: str, **headers: str) -> Reply:
    body: JSON = {"message": message, "documentation_url": _DOCS, "status": str(status)}
    return json_reply(status, body, **headers)


BAD_GATEWAY = Reply(502, b"<html><title>502 Bad Gateway</title></html>")
NO_ANSWER = Reply(200, b"", broken="reset")
_SLOW_DOWN = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
SECONDARY = refusal(403, _SLOW_DOWN)
SECONDARY_AFTER = refusal(403, _SLOW_DOWN, **{"retry-after": "2"})
TOO_MANY = refusal(429, _SLOW_DOWN)
TOO_MANY_AFTER = refusal(429, _SLOW_DOWN, **{"retry-after": "2"})
PRIMARY = refusal(403, "API rate limit exceeded for installation ID 1.",
                  **{"x-ratelimit-remaining": "0"})  # fmt: skip
INVALID_LINE = json_reply(
    422, {"message": "Unprocessable Entity", "errors": ["Line could not be resolved"],
          "status": "422", "documentation_url": _DOCS}
)  # fmt: skip
NO_PERMISSION = refusal(403, "Resource not accessible by integration")


@dataclass(slots=True)
class Hold:
    """Keeps matching requests back, before or after their effect, until it is released."""

    when: When
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 30.0) -> None:
        assert self.reached.wait(seconds), "no such request came"


@dataclass(slots=True)
class Fault:
    """Answers the next `times` requests of an operation with a reply, or holds them back.

    `when` "after" means that the effect was stored all the same.
    """

    operation: str
    reply: Reply | Hold
    when: When
    times: int


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self._rate: Callable[[], Reply | None] = lambda: None

    def add(self, operation: str, reply: Reply | Hold, when: When, times: int) -> None:
        with self._lock:
            self._waiting.append(Fault(operation, reply, when, times))

    def at_random(self, share: float, seed: int) -> None:
        """Answer a share of all requests with a fault, half of them after the effect."""
        dice = random.Random(seed)

        def roll() -> Reply | None:
            return BAD_GATEWAY if dice.random() < share else None

        self._rate = roll

    def next(self, operation: str, when: When) -> Reply | Hold | None:
        """Give the fault that hits this request."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation == operation and fault.when == when:
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                    return fault.reply
            return self._rate()
