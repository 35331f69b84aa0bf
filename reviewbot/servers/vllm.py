"""vLLM: what it is asked, and what its answers mean."""

from collections.abc import Sequence
from typing import Any

import msgspec

from reviewbot.errors import ServerError
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo, to_wire
from reviewbot.servers.tgi import read_gauge


class Model(msgspec.Struct):
    """One model of `/v1/models`."""

    id: str
    max_model_len: int


class Models(msgspec.Struct):
    """What reviewbot reads of `/v1/models`."""

    data: list[Model]


class Tokenized(msgspec.Struct):
    """What reviewbot reads of `/tokenize`."""

    count: int


class Vllm:
    """A vLLM server. It enforces a schema sent as `structured_outputs`, and no other form."""

    def __init__(self, client: Client, model: str | None = None) -> None:
        self._client = client
        self._model = model

    async def describe(self) -> ServerInfo:
        """Read `/v1/models`: the model asked for, or else the only one or the first."""
        answer = await self._client.get("/v1/models", Models)
        if answer is None:
            raise ServerError(f"{self._client.root}/v1/models is not that of a vLLM server")
        wanted = [model for model in answer.data if self._model in (None, model.id)]
        if not wanted:
            names = ", ".join(model.id for model in answer.data) or "no model"
            raise ServerError(f"{self._client.root} serves {names} (check REVIEWBOT_MODEL)")
        self._model, length = wanted[0].id, wanted[0].max_model_len
        return ServerInfo("vllm", self._model, max_prompt=length - 1, max_total=length)

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Count with `/tokenize`, which applies the chat template."""
        body = {
            "model": await self._name(),
            "messages": to_wire(messages),
        }
        answer = await self._client.post("/tokenize", body, Tokenized)
        return answer.count if answer else None

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once."""
        body = {"structured_outputs": {"json": schema}} if schema else None
        model = await self._name()
        return await self._client.chat(
            messages, sampling, model=model, extra_body=body, top_logprobs=top_logprobs
        )

    async def load(self) -> Load | None:
        """Read the gauges of `/metrics`."""
        text = await self._client.text("/metrics")
        if text is None:
            return None
        return Load(
            running=read_gauge(text, "vllm:num_requests_running"),
            waiting=read_gauge(text, "vllm:num_requests_waiting"),
        )

    async def _name(self) -> str:
        """Give the model's name, which vLLM wants in each request."""
        return self._model or (await self.describe()).model
