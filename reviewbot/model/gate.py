"""Who may call the model server next: a limit of calls in flight that follows the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol
from weakref import WeakValueDictionary

from reviewbot.errors import ServerError
from reviewbot.servers.completion import Load

Key = tuple[str, ...]
"""Whom a call is for: installation and pull request; empty on the command line."""

_FIRST = 16  # calls by which a review is still small: five chunks, looked at three times
_FEW = 4  # calls that may wait at the server: enough that it never waits for us
_LOAD_SECONDS = 5.0  # to learn how busy the server is
_SLOW = 10  # times longer between two looks at a server that does not tell, or not now


class TellsLoad(Protocol):
    """A server that may tell how busy it is."""

    async def load(self) -> Load | None:
        """Say how busy the server is; None where it does not tell."""
        ...


class Gate:
    """Holds callers back so that at most `width` calls run at once.

    A free place is never kept free while someone waits. It goes to the installation with the
    fewest calls under way, there to the pull request with the fewest, and of equals to the one
    that has gone without the longest; its own calls keep their order. Who has only begun counts
    for half. So a small review never waits for a big one, which gives way for that moment, and a
    big one alone has every place.

    An overloaded server halves the width; each full round of calls that went well gives one place
    back, up to `most`. Where the server tells its queue, the width keeps that short: a call that
    waits there has left this line, and whoever comes next, however small, waits behind it.
    """

    def __init__(self, width: int) -> None:
        self._most = self._width = max(1, width)
        self._good = 0  # calls that went well since the width last changed
        self._halvings = 0
        self._load: Load | None = None
        self._all = _Group()

    @property
    def most(self) -> int:
        """How many calls may run at once when the server is well."""
        return self._most

    @property
    def width(self) -> int:
        """How many calls may run at once now."""
        return self._width

    @property
    def running(self) -> int:
        """How many calls run now: above the width until those end that it has no room for."""
        return self._all.running

    def resize(self, most: int) -> None:
        """Change how many calls may run at once when the server is well; those under way end.

        A width that was held down stays so.
        """
        held_down = self._width < self._most
        self._most = max(1, most)
        self._width = min(self._width, self._most) if held_down else self._most
        self._wake()

    @asynccontextmanager
    async def slot(self, key: Key = ()) -> AsyncIterator[int]:
        """Wait for a place and hold it; a caller that is cancelled while it waits leaves none.

        Gives how often the width had been halved by then, which `overloaded` wants to know.
        """
        group = self._all.part(key)
        await self._enter(group)
        try:
            yield self._halvings
        finally:
            self._leave(group)

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
        """Note a call that was answered: a round of them gives a place, or a long queue takes one.

        It takes one of four, so it follows the pace of the server, and no longer look at its
        queue is needed to see what the last places did.
        """
        self._good += 1
        if self._is_crowded():
            if self._good >= 4 and self._width > max(1, self._most // 8):
                self._width -= 1
                self._good = 0
        elif self._has_room() and self._good >= self._width < self._most:
            self._width += 1
            self._good = 0
            self._wake()

    def note_load(self, load: Load | None) -> None:
        """Note how busy the server is by its own word; None where that is not known.

        While more than a few calls wait there, the width does not grow: more would wait, not run.
        A few are welcome, since the server then fills a free place at once. While more wait than
        run, which doubles the time of each call, one in four places that come free is given up,
        down to an eighth of `most`: the queue may be that of others, and they are not to push us
        out. Calls under way are never ended.
        """
        self._load = load

    def _has_room(self) -> bool:
        return self._load is None or self._load.waiting <= _FEW

    def _is_crowded(self) -> bool:
        return self._load is not None and self._load.waiting > max(_FEW, self._load.running)

    async def _enter(self, group: "_Group") -> None:
        if self._all.running < self._width:  # then nobody waits
            group.count(1)
            return
        place = asyncio.get_running_loop().create_future()
        group.line_up(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(group)  # the place was given in the moment of the cancelling
            else:
                group.step_out(place)
            raise

    def _leave(self, group: "_Group") -> None:
        group.count(-1)
        self._wake()

    def _wake(self) -> None:
        while self._all.waits and self._all.running < self._width:
            place, group = self._all.take_next()
            if not place.done():  # else its caller is just being cancelled
                group.count(1)
                place.set_result(None)


async def follow_load(gate: Gate, server: TellsLoad, every: float) -> None:
    """Tell the gate every so many seconds how busy the server is, until cancelled.

    Only while calls are under way. A server that does not tell, or cannot now, is asked rarely.
    """
    while True:
        load, asked = None, gate.running > 0
        if asked:
            with suppress(ServerError, TimeoutError):  # its calls tell what is wrong with it
                async with asyncio.timeout(_LOAD_SECONDS):
                    load = await server.load()
        gate.note_load(load)
        await asyncio.sleep(every * _SLOW if asked and load is None else every)


_Step = str | None
"""A part of a key; None for the calls of a key itself, beside those of longer ones."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Group:
    """Calls that count together: all there are, an installation's, or a pull request's.

    `lines` are the parts of it in which someone waits, in the order of their turns; `places`
    those who wait in it, where it has no parts.
    """

    step: _Step = None
    whole: "_Group | None" = None
    running: int = 0
    begun: int = 0  # calls since none of it ran
    lines: "dict[_Step, _Group]" = field(default_factory=dict)
    places: "dict[asyncio.Future[None], None]" = field(default_factory=dict)
    # weak: a part lasts as long as its calls, so that nothing is left of them in a long life
    parts: "WeakValueDictionary[_Step, _Group]" = field(default_factory=WeakValueDictionary)

    @property
    def share(self) -> float:
        """What it has of the places, by which turns are given.

        A newcomer may take two thirds of them: at one half, the last call of a small review would
        wait for the first to end, and so double what it takes.
        """
        return self.running / 2 if self.begun <= _FIRST else self.running

    @property
    def waits(self) -> bool:
        return bool(self.lines or self.places)

    def part(self, key: Key) -> "_Group":
        """Give the part of it that has the calls of a key."""
        group = self
        for step in (*key, None):
            part = group.parts.get(step)
            if part is None:
                part = group.parts[step] = _Group(step, group)
            group = part
        return group

    def count(self, change: int) -> None:
        """Note calls that begin or end."""
        self.running += change
        self.begun = self.begun + max(0, change) if self.running else 0
        if self.whole is not None:
            self.whole.count(change)

    def line_up(self, place: asyncio.Future[None]) -> None:
        """Let someone wait, and with it all that it is part of."""
        self.places[place] = None
        part = self
        while part.whole is not None:
            part.whole.lines.setdefault(part.step, part)
            part = part.whole

    def step_out(self, place: asyncio.Future[None]) -> None:
        """Let someone wait no longer, who may have been taken already."""
        self.places.pop(place, None)
        part = self
        while part.whole is not None and not part.waits:
            part.whole.lines.pop(part.step, None)
            part = part.whole

    def take_next(self) -> "tuple[asyncio.Future[None], _Group]":
        """Take who is next out of the line; each part that it is of has had its turn."""
        if self.places:
            place = next(iter(self.places))
            del self.places[place]
            return place, self
        part = min(self.lines.values(), key=attrgetter("share"))  # the first of equals
        del self.lines[part.step]
        taken = part.take_next()
        if part.waits:
            self.lines[part.step] = part
        return taken
