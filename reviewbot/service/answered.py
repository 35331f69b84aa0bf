"""Futures of a thread come in; the loop's coroutines wait for them, woken once for many.

asyncio's own bridge wakes the loop once for each, which costs more than what it brings.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class Answered(Generic[T]):
    """The futures of one loop that are done."""

    def __init__(self) -> None:
        self._done: deque[tuple[asyncio.Future[T], Future[T]]] = deque()
        self._woken = False

    async def wait(self, future: "Future[T]", seconds: float) -> T:
        """Give the result; raises its error, or `TimeoutError`. The future is never cancelled."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        late = loop.call_later(seconds, _give_up, waiting)
        future.add_done_callback(partial(self._note, loop, waiting))
        try:
            return await waiting
        finally:
            late.cancel()

    def _note(
        self, loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[T]", future: "Future[T]"
    ) -> None:
        """Runs in whichever thread ends the future."""
        self._done.append((waiting, future))
        if not self._woken:
            self._woken = True
            loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        self._woken = False  # before looking: what comes after that wakes the loop again
        while self._done:
            waiting, future = self._done.popleft()
            if waiting.done():
                continue
            if error := future.exception():
                waiting.set_exception(error)
            else:
                waiting.set_result(future.result())


def _give_up(waiting: "asyncio.Future[T]") -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
