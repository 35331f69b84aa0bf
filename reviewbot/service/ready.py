"""Checks of the parts come in; out comes whether this process can do its work, and why not."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from reviewbot.errors import ReviewbotError

FRESH_SECONDS = 2.0
STUCK_SECONDS = 5.0
"""A loop that did not run for so long is stuck."""

Check = Callable[[], Awaitable[str]]
"""Says in a few words what it found well; raises `ReviewbotError` where it is not."""


class Pulse:
    """Notes when the loop last ran."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    async def run(self) -> None:
        """Beat once a second until cancelled."""
        while True:
            self._at = time.monotonic()
            await asyncio.sleep(1)

    def beats(self) -> bool:
        """Whether the loop ran a short while ago."""
        return time.monotonic() - self._at < STUCK_SECONDS


class Ready:
    """Asks the parts whether they are well, each for so many `seconds`, at most every other one."""

    def __init__(self, checks: Mapping[str, Check], seconds: float) -> None:
        self._checks = checks
        self._seconds = seconds
        self._asked_at = float("-inf")
        self._found: dict[str, tuple[bool, str]] = {}
        self._asking = asyncio.Lock()

    async def ask(self) -> tuple[bool, str]:
        """Give whether all are well, and a JSON object of what each says."""
        async with self._asking:
            if time.monotonic() - self._asked_at > FRESH_SECONDS:
                asked = (_ask(check, self._seconds) for check in self._checks.values())
                said = await asyncio.gather(*asked)
                self._found = dict(zip(self._checks, said, strict=True))
                self._asked_at = time.monotonic()
        body = {name: {"ready": well, "says": says} for name, (well, says) in self._found.items()}
        return all(well for well, _ in self._found.values()), json.dumps(body)


async def _ask(check: Check, seconds: float) -> tuple[bool, str]:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            try:
                return True, await check()
            except ReviewbotError as error:
                return False, str(error)
    return False, f"no answer within {seconds:g} s"
