"""A model file comes in; out comes a model server of our own, started when it is first asked."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo
from reviewbot.servers.embedded import EmbeddedServer, end, start
from reviewbot.servers.llamacpp import LlamaCpp


class LocalModel:
    """The llama.cpp server of the extra `embedded`, behind the same port as a distant one.

    What it is, is known without starting it: a review whose answers are all kept never does.
    """

    def __init__(self, path: Path, *, threads: int | None, context: int) -> None:
        self._path = path
        self._threads = threads
        self._context = context
        self._starting = asyncio.Lock()
        self._running: tuple[EmbeddedServer, Client, LlamaCpp] | None = None

    async def describe(self) -> ServerInfo:
        """Give the model's name and the context that it is or will be started with."""
        return ServerInfo(
            kind="llamacpp",
            model=self._path.stem,
            max_prompt=self._context - 1,
            max_total=self._context,
            slots=1,
        )

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Count the tokens of a prompt."""
        return await (await self._server()).count_tokens(messages)

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        top_logprobs: int = 0,
    ) -> Completion:
        """Let the model answer once."""
        return await (await self._server()).complete(messages, schema, sampling, top_logprobs)

    async def load(self) -> Load | None:
        """Say whether it works now; None where it was not started yet."""
        return await self._running[2].load() if self._running else None

    async def close(self) -> None:
        """End the server, whatever it does."""
        if self._running:
            server, client, _ = self._running
            self._running = None
            server.stop()
            await client.close()

    async def _server(self) -> LlamaCpp:
        async with self._starting:
            if self._running is None:
                server = await _start(self._path, self._threads, self._context)
                client = Client(server.url, server.key)
                self._running = server, client, LlamaCpp(client)
            server, _, model = self._running
            if server.process.poll() is not None:
                raise ModelUnavailableError("the model ended by itself: is there memory for it?")
            return model


async def _start(path: Path, threads: int | None, context: int) -> EmbeddedServer:
    """Start the server in a thread; cancelling this ends the process that is being started."""
    processes: list[Popen[str]] = []
    begin = partial(start, path, threads=threads, context=context, launched=processes.append)
    starting = asyncio.ensure_future(asyncio.to_thread(begin))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        for process in processes:
            end(process)
        with suppress(ModelUnavailableError):  # which is what an ended process gives
            (await starting).stop()
        raise
