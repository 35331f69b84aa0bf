"""One Chunk comes in; out comes what the model said of it, or which of its lines it failed on."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reviewbot.diff.chunk import Chunk, halve
from reviewbot.diff.tokens import estimate_tokens
from reviewbot.errors import (
    OverloadedError,
    RefusedError,
    ServerError,
    TemporaryError,
    TooLongError,
)
from reviewbot.model.answer import SCHEMA, Answer, parse_answer
from reviewbot.model.gate import Gate, Key
from reviewbot.model.kept import Kept, content_key
from reviewbot.model.prompt import build_messages, overhead_tokens, restore, shown_path
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo

TRIES = 4
SURE_SHARE = 0.8
"""Below this share of what a server reads, the estimate is trusted and no count is asked for."""

_SECOND_TRY = Sampling(temperature=0.4, seed=1)  # at 0 a second try would say the same again


class ModelServer(Protocol):
    """A model server, whichever it is."""

    async def describe(self) -> ServerInfo:
        """Say which model runs and what it reads at once."""
        ...

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Count the tokens of a prompt with the server's own tokenizer and template.

        None where the server does not count.
        """
        ...

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once; with a schema, only what the schema admits."""
        ...

    async def load(self) -> Load | None:
        """Say how busy the server is; None where it does not tell."""
        ...


@dataclass(slots=True)
class Tally:
    """What the calls of a review cost so far."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Count an answer's tokens; the call itself was counted when it was sent."""
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached_tokens += completion.cached_tokens


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a chunk, or of a half of one. With a `failure`, its lines count as not
    reviewed, and `answer` holds the findings that were complete all the same. `temporary` says
    that another try later may do.
    """

    chunk: Chunk
    answer: Answer | None
    failure: str | None
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take in all, and the first wait before another try, in seconds.

    The waits are one, three and nine times the first, each between half and half as much
    again: at most 20 s with a first one of 1.
    """

    call: float = 300.0
    retry: float = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """What asking needs from outside: a model server, its gate, and where answers are kept.

    `url` names the server in errors; `probes` remembers which servers hold to a schema, and is
    None where that is not to be checked. `key` says to the gate whom the calls are for.
    """

    server: ModelServer
    url: str
    gate: Gate
    kept: Kept
    probes: Kept | None
    patience: Patience = Patience()
    key: Key = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a model server about chunks, within its limits and through one gate."""

    ports: Ports
    info: ServerInfo
    max_prompt: int
    answer_tokens: int = 1024
    tally: Tally = field(default_factory=Tally)

    async def ask(self, chunk: Chunk, *, halved: bool = False) -> list[Outcome]:
        """Ask for the findings of a chunk.

        An answer cut by its length is asked for once more as two halves; an unparsable one is
        asked for once more with another seed; so rubbish costs at most three calls. What the
        server refuses as too long is halved once as well; what it only counted, until it fits.
        """
        messages = build_messages(chunk)
        try:
            tokens = await self._count(chunk, messages)
            if tokens > self.max_prompt:
                reason = f"{tokens} tokens are more than the model reads"
                return await self._ask_halves(chunk, reason, halved=halved)
            answer = await self._answer(messages, self._first_try())
            if answer.problem == "unparsable" and not halved:
                answer = await self._answer(messages, self._second_try(), also=self._first_try())
                halved = True
        except TooLongError as error:
            if not halved:
                return await self._ask_halves(chunk, str(error), halved=True)
            return [Outcome(chunk, None, str(error))]
        except RefusedError:
            raise  # no other chunk would fare better
        except ServerError as error:
            late = isinstance(error, TemporaryError) or isinstance(error.__cause__, TimeoutError)
            return [Outcome(chunk, None, str(error), temporary=late)]
        if answer.problem == "cut" and not halved and chunk.changed > 1:
            return await self._ask_halves(chunk, "", halved=True)
        return [Outcome(chunk, answer, _FAILURES[answer.problem] if answer.problem else None)]

    async def complete(
        self, messages: Sequence[Message], schema: dict[str, Any] | None, sampling: Sampling
    ) -> Completion:
        """Send one call through the gate, and again while it fails in a way that passes."""
        wait = self.ports.patience.retry
        for attempt in range(1, TRIES + 1):
            try:
                return await self._send(messages, schema, sampling)
            except TemporaryError:
                if attempt == TRIES:
                    raise
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311
            wait *= 3
        raise AssertionError("the last try returns or raises")

    async def _send(
        self, messages: Sequence[Message], schema: dict[str, Any] | None, sampling: Sampling
    ) -> Completion:
        async with self.ports.gate.slot(self.ports.key) as sent:
            self.tally.calls += 1
            try:
                async with asyncio.timeout(self.ports.patience.call):
                    completion = await self.ports.server.complete(messages, schema, sampling)
            except OverloadedError:
                self.ports.gate.overloaded(sent)
                raise
            except TimeoutError as error:
                limit = f"{self.ports.patience.call:g} s"
                raise ServerError(
                    f"the model gave no answer within {limit} (REVIEWBOT_CALL_SECONDS)"
                ) from error
        self.ports.gate.went_well()
        self.tally.add(completion)
        return completion

    async def _answer(
        self, messages: Sequence[Message], sampling: Sampling, also: Sampling | None = None
    ) -> Answer:
        """Take the kept answer to these messages, or ask and keep what can be read.

        It is kept as the answer to the sampling `also`, too, which gave nothing that can be.
        """
        keys = [self._content_key(messages, one) for one in (sampling, also) if one]
        kept = await self.ports.kept.get(keys[0])
        completion = kept or await self.complete(messages, SCHEMA, sampling)
        answer = parse_answer(restore(completion.text), completion.finish)
        if kept is None and answer.problem != "unparsable":
            for key in keys:
                await self.ports.kept.put(key, completion)
        return answer

    async def _count(self, chunk: Chunk, messages: Sequence[Message]) -> int:
        """Estimate the tokens of a request; near the limit the server counts, if it can."""
        estimate = estimate_request(chunk)
        if estimate <= SURE_SHARE * self.max_prompt or await self._is_kept(messages):
            return min(estimate, self.max_prompt)
        try:
            async with (
                self.ports.gate.slot(self.ports.key),
                asyncio.timeout(self.ports.patience.call),
            ):
                counted = await self.ports.server.count_tokens(messages)
        except (TemporaryError, TimeoutError):
            counted = None  # the call itself is tried again, and says so if it is too long
        return min(estimate, self.max_prompt) if counted is None else counted

    async def _is_kept(self, messages: Sequence[Message]) -> bool:
        return await self.ports.kept.get(self._content_key(messages, self._first_try())) is not None

    def _content_key(self, messages: Sequence[Message], sampling: Sampling) -> str:
        return content_key(messages, SCHEMA, self.info.model, sampling)

    async def _ask_halves(self, chunk: Chunk, reason: str, *, halved: bool) -> list[Outcome]:
        """Ask about both halves of a chunk; a single changed line fails for the reason given."""
        halves = halve(chunk)
        if len(halves) < 2:
            return [Outcome(chunk, None, reason)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.ask(half, halved=halved)) for half in halves]
        return [outcome for task in tasks for outcome in task.result()]

    def _first_try(self) -> Sampling:
        return Sampling(max_tokens=self.answer_tokens)

    def _second_try(self) -> Sampling:
        return Sampling(_SECOND_TRY.temperature, _SECOND_TRY.seed, self.answer_tokens)


_FAILURES = {
    "cut": "the model's answer was longer than it may be",
    "unparsable": "the model's answer could not be read",
}


def estimate_request(chunk: Chunk) -> int:
    """Estimate the tokens of the whole request that shows a chunk."""
    return overhead_tokens() + estimate_tokens(shown_path(chunk.path)) + chunk.tokens
