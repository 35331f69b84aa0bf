"""The nouns of one call to a model server: Messages and Sampling in, a Completion out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation that a model is shown."""

    role: Role
    content: str


def to_wire(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Give messages in the form that every server takes them in."""
    return [{"role": message.role, "content": message.content} for message in messages]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model draws its tokens.

    `temperature` 0 is greedy, and then `seed` changes nothing. `max_tokens` stays at or below
    1,024: TGI restarts a constrained answer's grammar there.
    """

    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class TokenChance:
    """One candidate token at one position, with its natural-log probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back: the text, why it ended, and the tokens it cost.

    `cached_tokens` is the part of `prompt_tokens` that the server took from its prefix cache; 0
    where the server does not say. `chances` holds, for each generated token, the likeliest
    tokens there; empty unless they were asked for.
    """

    text: str
    finish: Finish
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    chances: tuple[tuple[TokenChance, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says of itself.

    `max_prompt` is the largest prompt in tokens, `max_total` the largest prompt and answer
    together. `slots` is how many calls it works on at once, None where it does not say.
    """

    kind: str
    model: str
    max_prompt: int
    max_total: int
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a server is: calls it works on, and calls that wait."""

    running: int
    waiting: int
