"""Who may call the model server next: a limit of calls in flight that follows the server."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

Key = tuple[str, ...]
"""Whom a call is for: installation and pull request; empty on the command line."""


class Gate:
    """Holds callers back so that at most `width` calls run at once, first come, first served.

    An overloaded server halves the width; each full round of calls that went well gives one
    place back, up to the width it began with.
    """

    def __init__(self, width: int) -> None:
        self._most = self._width = max(1, width)
        self._running = 0
        self._good = 0
        self._halvings = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def most(self) -> int:
        """How many calls may run at once when the server is well."""
        return self._most

    @property
    def width(self) -> int:
        """How many calls may run at once now."""
        return self._width

    @asynccontextmanager
    async def slot(self, key: Key = ()) -> AsyncIterator[int]:  # noqa: ARG002
        """Wait for a place and hold it; a caller that is cancelled while it waits leaves none.

        Gives how often the width had been halved by then, which `overloaded` wants to know.
        """
        await self._enter()
        try:
            yield self._halvings
        finally:
            self._running -= 1
            self._wake()

    def overloaded(self, sent: int | None = None) -> None:
        """Take the server's word that it has too many calls.

        `sent` is what `slot` gave to the call. The calls that were under way together are refused
        together: only the first of them is news.
        """
        if sent is not None and sent < self._halvings:
            return
        self._halvings += 1
        self._width = max(1, self._width // 2)
        self._good = 0

    def went_well(self) -> None:
        """Note a call that was answered."""
        self._good += 1
        if self._good >= self._width < self._most:
            self._width += 1
            self._good = 0
            self._wake()

    async def _enter(self) -> None:
        if self._running < self._width and not self._waiting:
            self._running += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._running -= 1  # the place was given in the moment of the cancelling
                self._wake()
            with suppress(ValueError):
                self._waiting.remove(place)
            raise

    def _wake(self) -> None:
        while self._waiting and self._running < self._width:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)
