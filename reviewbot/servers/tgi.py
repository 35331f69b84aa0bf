"""Text Generation Inference 3: what it is asked, and what its answers mean."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from reviewbot.errors import ServerError
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo, to_wire

_GAUGE = r"^{}(?:\{{[^}}]*\}})? (\d{{1,15}}(?:\.\d+)?(?:[eE][-+]?\d{{1,2}})?)$"


class Info(msgspec.Struct):
    """What reviewbot reads of `/info`."""

    model_id: str
    max_input_tokens: int
    max_total_tokens: int
    max_concurrent_requests: int


class Tokenized(msgspec.Struct):
    """What reviewbot reads of `/chat_tokenize`."""

    tokenize_response: list[msgspec.Raw]


class Tgi:
    """A TGI server. It enforces a schema sent as `json_object` with a `value`."""

    def __init__(self, client: Client, model: str | None = None) -> None:
        self._client = client
        # another name than "tgi" is looked up as an adapter, and an unknown one is passed over
        self._model = model or "tgi"

    async def describe(self) -> ServerInfo:
        """Read `/info`, which TGI never protects by its key."""
        info = await self._client.get("/info", Info)
        if info is None:
            raise ServerError(f"{self._client.root}/info is not that of a TGI server")
        return ServerInfo(
            kind="tgi",
            model=info.model_id if self._model == "tgi" else f"{info.model_id}+{self._model}",
            max_prompt=info.max_input_tokens,
            max_total=info.max_total_tokens,
            slots=info.max_concurrent_requests,
        )

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Count with `/chat_tokenize`: an object a token comes back, so it costs."""
        body = {"messages": to_wire(messages)}
        answer = await self._client.post("/chat_tokenize", body, Tokenized)
        return len(answer.tokenize_response) if answer else None

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once."""
        form = {"type": "json_object", "value": schema} if schema else None
        return await self._client.chat(
            messages, sampling, model=self._model, response_format=form, top_logprobs=top_logprobs
        )

    async def load(self) -> Load | None:
        """Read the gauges of `/metrics`; a gauge that TGI has not set yet is absent, and 0."""
        text = await self._client.text("/metrics")
        if text is None:
            return None
        return Load(
            running=read_gauge(text, "tgi_batch_current_size"),
            waiting=read_gauge(text, "tgi_queue_size"),
        )


def read_gauge(metrics: str, name: str) -> int:
    """Give the sum of a gauge's series in Prometheus' text format; 0 where there is none."""
    found = re.findall(_GAUGE.format(re.escape(name)), metrics, re.MULTILINE)
    return int(sum(map(float, found)))
