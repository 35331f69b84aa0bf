"""What a kind of model server is to the fake: requests and Spoken answers in, Replies out."""

from dataclasses import dataclass
from typing import Literal, Protocol

from tests.fakes.faults import Refusal
from tests.fakes.tokens import Count
from tests.fakes.wire import JSON, Reply, Request

Candidates = tuple[tuple[str, float], ...]
Enforcement = Literal["schema", "any json", "nothing"]


@dataclass(slots=True)
class Machine:
    """What a dialect may know of the server behind it."""

    count: Count
    api_key: str | None
    slots: int
    running: int = 0
    waiting: int = 0
    served: int = 0


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the model did with one call, ready to be put into a dialect's body."""

    text: str
    tokens: list[Candidates]
    finish: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float


class Dialect(Protocol):
    """One kind of model server: its routes and bodies."""

    @property
    def max_total(self) -> int: ...

    def reply(self, request: Request, machine: Machine) -> Reply | None:
        """The reply, or None where a chat completion is to be generated."""

    def template(self, messages: list[JSON]) -> str: ...

    def enforces(self, body: JSON) -> Enforcement: ...

    def completion(self, body: JSON, spoken: Spoken) -> Reply: ...

    def failure(self, refusal: Refusal) -> Reply: ...
