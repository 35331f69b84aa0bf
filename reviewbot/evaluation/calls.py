"""The calls of a run come in, are kept a line each, and out they come again instead of a call.

So a run that was stopped goes on where it was, and a stage that changed asks only its own calls.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from reviewbot.errors import TemporaryError
from reviewbot.evaluation.record import Spent, append_line, read_lines
from reviewbot.model.ask import ModelServer, Stage
from reviewbot.model.kept import content_key
from reviewbot.model.look import LOOKS
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo

_TASK = re.compile(r"\n\nTask `(find|judge|word)`: ")


class Call(msgspec.Struct, frozen=True):
    """A line of `calls.jsonl`: what was asked for which case, and all that came back."""

    case: str
    key: str
    messages: tuple[Message, ...]
    schema: bool
    sampling: Sampling
    completion: Completion

    @property
    def stage(self) -> Stage:
        """What the call was for."""
        tasks = _TASK.findall(self.messages[-1].content)
        if not tasks:
            return "probe"
        if tasks[-1] == "find":
            return "first look" if self.look == 1 else "other looks"
        return "judge" if tasks[-1] == "judge" else "wording"

    @property
    def look(self) -> int:
        """The look that it was part of, where it was one: its sampling tells."""
        most = self.sampling.max_tokens
        tries = {one: (one.sampling(most), one.second_sampling(most)) for one in LOOKS}
        return next((one.number for one in LOOKS if self.sampling in tries[one]), 1)


class Calls:
    """The calls that a run's folder holds, by their content's key."""

    def __init__(self, run: Path) -> None:
        self._path = run / "calls.jsonl"
        self._calls = {call.key: call for call in read_lines(self._path, Call)}
        self._kept = {key: call.completion for key, call in self._calls.items()}

    def call(self, key: str) -> Call | None:
        """Give the call of a key."""
        return self._calls.get(key)

    def completion(self, key: str) -> Completion | None:
        """Give the answer that is kept under a key."""
        return self._kept.get(key)

    def keep(self, key: str, completion: Completion) -> None:
        """Keep an answer under one more key until the process ends: its call is written."""
        self._kept[key] = completion

    def add(self, call: Call) -> None:
        """Write a call down; it is on disk when this returns."""
        append_line(self._path, call)
        self._calls[call.key] = call
        self._kept[call.key] = call.completion


class Recorded:
    """A model server whose every call for one case is kept, and the store that gives it again.

    `unanswered` says by key of each call that failed in a way which passes, and has not gone
    well since, why it did. What a case used, it paid for, even if an earlier run had asked.
    """

    def __init__(self, server: ModelServer, calls: Calls, case: str, model: str) -> None:
        self.unanswered: dict[str, str] = {}
        self._server = server
        self._calls = calls
        self._case = case
        self._model = model
        self._used: dict[str, Call] = {}

    async def get(self, key: str) -> Completion | None:
        """Give the answer that is kept under a key, and note that this case used it."""
        if (call := self._calls.call(key)) is not None:
            self._used[key] = call
        return self._calls.completion(key)

    async def put(self, key: str, completion: Completion) -> None:
        """Keep an answer under one more key."""
        self._calls.keep(key, completion)

    async def describe(self) -> ServerInfo:
        """Say which model runs."""
        return await self._server.describe()

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Let the server count."""
        return await self._server.count_tokens(messages)

    async def load(self) -> Load | None:
        """Say how busy the server is."""
        return await self._server.load()

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once, and write it down."""
        key = content_key(messages, schema, self._model, sampling)
        try:
            completion = await self._server.complete(messages, schema, sampling, top_logprobs)
        except TemporaryError as error:
            self.unanswered[key] = str(error)
            raise
        self.unanswered.pop(key, None)
        call = Call(self._case, key, tuple(messages), schema is not None, sampling, completion)
        self._calls.add(call)
        self._used[key] = call
        return completion

    def spent(self) -> dict[str, Spent]:
        """Reckon up what the calls that the case used cost, by stage."""
        whole: dict[str, Spent] = {}
        for call in self._used.values():
            before = whole.get(call.stage, Spent())
            whole[call.stage] = Spent(
                before.calls + 1,
                before.prompt_tokens + call.completion.prompt_tokens,
                before.completion_tokens + call.completion.completion_tokens,
                before.cached_tokens + call.completion.cached_tokens,
            )
        return whole

    def prompt_tokens_by_look(self, looks: int) -> tuple[int, ...]:
        """Give what the prompts of each look cost, without what the server had cached."""
        tokens = [0] * looks
        for call in self._used.values():
            if call.stage in ("first look", "other looks") and call.look <= looks:
                cost = call.completion.prompt_tokens - call.completion.cached_tokens
                tokens[call.look - 1] += cost
        return tuple(tokens)
