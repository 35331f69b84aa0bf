"""Who may call the model server next: a limit of calls in flight that follows the server."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

Key = tuple[str, ...]
"""Whom a call is for: installation and pull request; empty on the command line."""


class Gate:
    """Holds callers back so that at most `width` calls run at once.

    A free place goes to the installation with the fewest calls under way, there to the pull
    request with the fewest, and then to who came first: a small review never waits for a big
    one, and a big one alone has every place. An overloaded server halves the width; each full
    round of calls that went well gives one place back, up to the width it began with.
    """

    def __init__(self, width: int) -> None:
        self._most = self._width = max(1, width)
        self._running = 0
        self._good = 0
        self._halvings = 0
        self._calls: Counter[Key] = Counter()  # under way, for each key and each start of a key
        self._waiting: dict[Key, deque[asyncio.Future[None]]] = {}

    @property
    def most(self) -> int:
        """How many calls may run at once when the server is well."""
        return self._most

    @property
    def width(self) -> int:
        """How many calls may run at once now."""
        return self._width

    def resize(self, most: int) -> None:
        """Change how many calls may run at once when the server is well; those under way end."""
        self._most = max(1, most)
        self._width = self._most if self._halvings == 0 else min(self._width, self._most)
        self._wake()

    @asynccontextmanager
    async def slot(self, key: Key = ()) -> AsyncIterator[int]:
        """Wait for a place and hold it; a caller that is cancelled while it waits leaves none.

        Gives how often the width had been halved by then, which `overloaded` wants to know.
        """
        await self._enter(key)
        try:
            yield self._halvings
        finally:
            self._leave(key)

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

    async def _enter(self, key: Key) -> None:
        if self._running < self._width and not self._waiting:
            self._count(key, 1)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(key)  # the place was given in the moment of the cancelling
            else:
                self._forget(key, place)
            raise

    def _leave(self, key: Key) -> None:
        self._count(key, -1)
        self._wake()

    def _count(self, key: Key, change: int) -> None:
        self._running += change
        for end in range(1, len(key) + 1):
            self._calls[key[:end]] += change
            if not self._calls[key[:end]]:
                del self._calls[key[:end]]

    def _forget(self, key: Key, place: asyncio.Future[None]) -> None:
        with suppress(KeyError, ValueError):
            self._waiting[key].remove(place)
            if not self._waiting[key]:
                del self._waiting[key]

    def _wake(self) -> None:
        while self._waiting and self._running < self._width:
            # a dict keeps the order in which keys began to wait, and min takes the first of equals
            key = min(self._waiting, key=self._under_way)
            place = self._waiting[key].popleft()
            if not self._waiting[key]:
                del self._waiting[key]
            if not place.done():
                self._count(key, 1)
                place.set_result(None)

    def _under_way(self, key: Key) -> tuple[int, ...]:
        return tuple(self._calls[key[:end]] for end in range(1, len(key) + 1))
