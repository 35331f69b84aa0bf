"""llama.cpp's server: what it is asked, and what its answers mean."""

from collections.abc import Sequence
from typing import Any

import msgspec

from reviewbot.errors import ServerError
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo, to_wire
from reviewbot.servers.tgi import read_gauge


class Settings(msgspec.Struct):
    """What reviewbot reads of the settings of a slot."""

    n_ctx: int


class Props(msgspec.Struct):
    """What reviewbot reads of `/props`."""

    default_generation_settings: Settings
    total_slots: int | None = None
    model_alias: str | None = None
    model_path: str | None = None


class Prompt(msgspec.Struct):
    """What `/apply-template` answers."""

    prompt: str


class Tokenized(msgspec.Struct):
    """What reviewbot reads of `/tokenize`."""

    tokens: list[msgspec.Raw]


class Slot(msgspec.Struct):
    """What reviewbot reads of one of `/slots`."""

    is_processing: bool = False


class LlamaCpp:
    """A llama.cpp server. It enforces a schema sent as `json_object` with a `schema`."""

    def __init__(self, client: Client, model: str | None = None) -> None:
        self._client = client
        self._model = model

    async def describe(self) -> ServerInfo:
        """Read `/props`: the context of one slot is the limit of prompt and answer together."""
        props = await self._client.get("/props", Props)
        if props is None:
            raise ServerError(f"{self._client.root}/props is not that of a llama.cpp server")
        context = props.default_generation_settings.n_ctx
        file = (props.model_path or "llama.cpp").rsplit("/", 1)[-1]
        return ServerInfo(
            kind="llamacpp",
            model=self._model or props.model_alias or file,
            max_prompt=context - 1,
            max_total=context,
            slots=props.total_slots,
        )

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Count with `/tokenize` what `/apply-template` makes of the messages."""
        body = {"messages": to_wire(messages)}
        prompt = await self._client.post("/apply-template", body, Prompt)
        if prompt is None:
            return None
        text = {"content": prompt.prompt, "add_special": True, "parse_special": True}
        answer = await self._client.post("/tokenize", text, Tokenized)
        return len(answer.tokens) if answer else None

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once."""
        form = {"type": "json_object", "schema": schema} if schema else None
        return await self._client.chat(
            messages,
            sampling,
            model=self._model or "local",
            response_format=form,
            extra_body={"cache_prompt": True},
            top_logprobs=top_logprobs,
        )

    async def load(self) -> Load | None:
        """Read the gauges of `/metrics`, else `/slots`, which tells of no waiting calls.

        Both are there only where the server was started with them.
        """
        text = await self._client.text("/metrics")
        if text is not None:
            return Load(
                running=read_gauge(text, "llamacpp:requests_processing"),
                waiting=read_gauge(text, "llamacpp:requests_deferred"),
            )
        slots = await self._client.get("/slots", list[Slot])
        if slots is None:
            return None
        return Load(running=sum(slot.is_processing for slot in slots), waiting=0)
