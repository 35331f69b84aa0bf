"""One Chunk comes in; out comes what the model said of it, or which of its lines it failed on."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

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
from reviewbot.model.look import LOOKS, Look
from reviewbot.model.prompt import (
    Shown,
    build_messages,
    overhead_tokens,
    restore,
    shown_path,
    task_share,
)
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo

TRIES = 4
_CHANCES = 5  # the likeliest tokens that a judge is asked for: TGI gives no more
SURE_SHARE = 0.8
"""Below this share of what a server reads, the estimate is trusted and no count is asked for."""

Stage = Literal["probe", "first look", "other looks", "judge", "wording"]
"""What a call is for; the cost of a review is reckoned up by it."""


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
class Spent:
    """What the calls of one stage cost so far. `shared_tokens` estimates the part of the prompts
    that an earlier call about the same chunk began with as well.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    shared_tokens: int = 0

    def add(self, completion: Completion, shared: float) -> None:
        """Count an answer's tokens; the call itself was counted when it was sent."""
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached_tokens += completion.cached_tokens
        self.shared_tokens += int(completion.prompt_tokens * shared)


Tally = dict[Stage, Spent]
"""What a review cost so far, by stage, in the order in which they began."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a chunk, or of a half of one. With a `failure`, its lines count as not
    reviewed, and `answer` holds the findings that were complete all the same. `temporary` says
    that another try later may do.
    """

    shown: Shown
    answer: Answer | None
    failure: str | None
    temporary: bool = False

    @property
    def chunk(self) -> Chunk:
        """The chunk that was asked about."""
        return self.shown.chunk


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
    tally: Tally = field(default_factory=dict)

    async def ask(
        self, shown: Shown, look: Look = LOOKS[0], *, halved: bool = False
    ) -> list[Outcome]:
        """Ask for the findings of a chunk.

        An answer cut by its length is asked for once more as two halves; an unparsable one is
        asked for once more with another seed; so rubbish costs at most three calls. What the
        server refuses as too long is halved once as well; what it only counted, until it fits.
        """
        messages = build_messages(shown, look.focus)
        try:
            tokens = await self._count(shown, messages, look)
            if tokens > self.max_prompt:
                reason = f"{tokens} tokens are more than the model reads"
                return await self._ask_halves(shown, look, reason, halved=halved)
            answer = await self._answer(messages, look, [look.sampling(self.answer_tokens)])
            if answer.problem == "unparsable" and not halved:
                tries = [look.second_sampling(self.answer_tokens),
                         look.sampling(self.answer_tokens)]  # fmt: skip
                answer = await self._answer(messages, look, tries)
                halved = True
        except TooLongError as error:
            if not halved:
                return await self._ask_halves(shown, look, str(error), halved=True)
            return [Outcome(shown, None, str(error))]
        except RefusedError:
            raise  # no other chunk would fare better
        except ServerError as error:
            return [Outcome(shown, None, str(error), temporary=is_temporary(error))]
        if answer.problem == "cut" and not halved and shown.chunk.changed > 1:
            return await self._ask_halves(shown, look, "", halved=True)
        return [Outcome(shown, answer, _FAILURES[answer.problem] if answer.problem else None)]

    async def say(
        self, messages: Sequence[Message], stage: Stage, *, judging: bool = False
    ) -> Completion:
        """Take the kept answer to a question about a claim, or ask greedily and keep it.

        `judging` asks for the chances of a single free token: a schema would have TGI tell them
        from after its mask, and llama.cpp from before it.
        """
        sampling = Sampling(max_tokens=1 if judging else self.answer_tokens)
        schema = None if judging else SCHEMA
        key = content_key(messages, schema, self.info.model, sampling)
        kept = await self.ports.kept.get(key)
        if kept is not None:
            return kept
        completion = await self.complete(messages, schema, sampling, stage)
        await self.ports.kept.put(key, completion)
        return completion

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        stage: Stage,
    ) -> Completion:
        """Send one call through the gate, and again while it fails in a way that passes."""
        wait = self.ports.patience.retry
        for attempt in range(1, TRIES + 1):
            try:
                return await self._send(messages, schema, sampling, stage)
            except TemporaryError:
                if attempt == TRIES:
                    raise
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311
            wait *= 3
        raise AssertionError("the last try returns or raises")

    async def _send(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        stage: Stage,
    ) -> Completion:
        spent = self.tally.setdefault(stage, Spent())
        chances = _CHANCES if stage == "judge" else 0
        async with self.ports.gate.slot(self.ports.key) as sent:
            spent.calls += 1
            try:
                async with asyncio.timeout(self.ports.patience.call):
                    completion = await self.ports.server.complete(
                        messages, schema, sampling, chances
                    )
            except OverloadedError:
                self.ports.gate.overloaded(sent)
                raise
            except TimeoutError as error:
                limit = f"{self.ports.patience.call:g} s"
                raise ServerError(
                    f"the model gave no answer within {limit} (REVIEWBOT_CALL_SECONDS)"
                ) from error
        self.ports.gate.went_well()
        spent.add(completion, 0 if stage in ("probe", "first look") else 1 - task_share(messages))
        return completion

    async def _answer(
        self, messages: Sequence[Message], look: Look, samplings: Sequence[Sampling]
    ) -> Answer:
        """Take the kept answer to these messages, or ask and keep what can be read.

        It is asked for with the first sampling. It is kept as the answer to the others, too,
        which gave nothing that can be read.
        """
        keys = [self._content_key(messages, one) for one in samplings]
        kept = await self.ports.kept.get(keys[0])
        stage: Stage = "first look" if look.number == 1 else "other looks"
        completion = kept or await self.complete(messages, SCHEMA, samplings[0], stage)
        answer = parse_answer(restore(completion.text), completion.finish)
        if kept is None and answer.problem != "unparsable":
            for key in keys:
                await self.ports.kept.put(key, completion)
        return answer

    async def _count(self, shown: Shown, messages: Sequence[Message], look: Look) -> int:
        """Estimate the tokens of a request; near the limit the server counts, if it can."""
        estimate = estimate_request(shown.chunk) + estimate_notes(shown)
        key = self._content_key(messages, look.sampling(self.answer_tokens))
        if estimate <= SURE_SHARE * self.max_prompt or await self.ports.kept.get(key) is not None:
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

    def _content_key(self, messages: Sequence[Message], sampling: Sampling) -> str:
        return content_key(messages, SCHEMA, self.info.model, sampling)

    async def _ask_halves(
        self, shown: Shown, look: Look, reason: str, *, halved: bool
    ) -> list[Outcome]:
        """Ask about both halves of a chunk; a single changed line fails for the reason given.

        Where the whole was too long, its notes are the first to go.
        """
        halves = halve(shown.chunk)
        if len(halves) < 2:
            return [Outcome(shown, None, reason)]
        notes = () if reason else shown.notes
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.ask(Shown(half, notes), look, halved=halved))
                for half in halves
            ]
        return [outcome for task in tasks for outcome in task.result()]


_FAILURES = {
    "cut": "the model's answer was longer than it may be",
    "unparsable": "the model's answer could not be read",
}


def estimate_request(chunk: Chunk) -> int:
    """Estimate the tokens of the whole request that shows a chunk."""
    return overhead_tokens() + estimate_tokens(shown_path(chunk.path)) + chunk.tokens


def estimate_notes(shown: Shown) -> int:
    """Estimate the tokens that the notes of a request add to it."""
    return sum(
        estimate_tokens(note.title) + estimate_tokens(note.text) + note.text.count("\n") + 4
        for note in shown.notes
    )


def is_temporary(error: ServerError) -> bool:
    """Whether another try later may do: it passes, or it was only slow."""
    return isinstance(error, TemporaryError) or isinstance(error.__cause__, TimeoutError)
