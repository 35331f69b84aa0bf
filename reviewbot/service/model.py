"""Reviews of one process come in; out comes the one connection to the model that they share."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace

from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate, follow_load

LOOK_SECONDS = 2.0
"""Between two looks at how busy the server is."""
FRESH_SECONDS = 60.0
"""How long what the server said of itself is believed: it may be started anew with another
model."""


class SharedModel:
    """The connection, made when a review first needs it, on the loop that they all run on."""

    def __init__(
        self, connect: Callable[[], AbstractAsyncContextManager[Connection]], most_calls: int
    ) -> None:
        self._connect = connect
        self._most_calls = most_calls
        self._share = 1
        self._held = AsyncExitStack()
        self._connection: Connection | None = None
        self._asked_at = 0.0
        self._following: asyncio.Task[None] | None = None
        self._meeting = asyncio.Lock()
        self.gate = Gate(most_calls)

    async def connection(self) -> Connection:
        """Meet the server, or ask it once more who it is. Raises `ServerError`."""
        async with self._meeting:
            if self._connection is None:
                self._connection = await self._held.enter_async_context(self._connect())
                following = follow_load(self.gate, self._connection.server, LOOK_SECONDS)
                self._following = asyncio.create_task(following)
            elif time.monotonic() - self._asked_at > FRESH_SECONDS:
                info = await self._connection.server.describe()
                self._connection = replace(self._connection, info=info)
            self._asked_at = time.monotonic()
            self._resize(self._connection)
            return self._connection

    def share(self, processes: int) -> None:
        """Take this process's part of the calls that the server takes at once."""
        self._share = max(1, processes)
        if self._connection is not None:
            self._resize(self._connection)

    async def close(self) -> None:
        """Close the connection, and with it the calls that still run."""
        self._connection = None
        if self._following is not None:
            self._following.cancel()
        await self._held.aclose()

    def _resize(self, connection: Connection) -> None:
        slots = connection.info.slots
        most = min(self._most_calls, slots) if slots else self._most_calls
        self.gate.resize(max(1, most // self._share))
