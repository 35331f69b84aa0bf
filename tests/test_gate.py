"""The gate: how many calls run at once, in which order, and what an overloaded server changes."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.gate import Gate


class Crowd:
    """Callers of one gate. Each stays inside until it is let go."""

    def __init__(self, width: int) -> None:
        self.gate = Gate(width)
        self.inside: list[int] = []
        self.came: list[int] = []
        self.most = 0
        self._exits: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def arrive(self, *callers: int) -> None:
        for caller in callers:
            self._exits[caller] = asyncio.Event()
            self._tasks[caller] = asyncio.create_task(self._call(caller))
        await settle()

    async def leave(self, *callers: int) -> None:
        for caller in callers:
            self._exits[caller].set()
        await settle()

    async def cancel(self, *callers: int) -> None:
        for caller in callers:
            self._tasks[caller].cancel()
        await settle()

    @property
    def everyone(self) -> list[int]:
        return list(self._tasks)

    async def step(self, word: str, caller: int) -> None:
        """Do one thing, and let the others come only one step further."""
        match word:
            case "arrive" if caller not in self._tasks:
                self._exits[caller] = asyncio.Event()
                self._tasks[caller] = asyncio.create_task(self._call(caller))
            case "leave" if caller in self._exits:
                self._exits[caller].set()
            case "cancel" if caller in self._tasks:
                self._tasks[caller].cancel()
            case "overloaded":
                self.gate.overloaded()
            case "went_well":
                self.gate.went_well()
        await asyncio.sleep(0)

    async def _call(self, caller: int) -> None:
        async with self.gate.slot():
            self.came.append(caller)
            self.inside.append(caller)
            self.most = max(self.most, len(self.inside))
            try:
                await self._exits[caller].wait()
            finally:
                self.inside.remove(caller)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def scenario(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run a test that is a coroutine."""

    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 10))

    run.__name__ = test.__name__
    return run


@scenario
async def test_no_more_than_its_width_are_inside() -> None:
    crowd = Crowd(3)
    await crowd.arrive(*range(10))
    assert crowd.inside == [0, 1, 2]
    await crowd.leave(*range(10))
    assert (crowd.inside, crowd.most, len(crowd.came)) == ([], 3, 10)


@scenario
async def test_who_came_first_goes_first() -> None:
    crowd = Crowd(2)
    await crowd.arrive(*range(6))
    await crowd.leave(1, 0)
    await crowd.arrive(6)
    await crowd.leave(3, 2, 4, 5, 6)
    assert crowd.came == list(range(7))


@scenario
async def test_whoever_gives_up_waiting_takes_no_place() -> None:
    crowd = Crowd(1)
    await crowd.arrive(0, 1, 2)
    await crowd.cancel(1)
    await crowd.leave(0)
    assert crowd.inside == [2]
    await crowd.leave(2)
    await crowd.arrive(3)
    assert crowd.inside == [3]


@scenario
async def test_whoever_is_cancelled_inside_gives_the_place_back() -> None:
    crowd = Crowd(1)
    await crowd.arrive(0, 1)
    await crowd.cancel(0)
    assert crowd.inside == [1]


@scenario
async def test_a_place_that_is_given_in_the_moment_of_giving_up_goes_on() -> None:
    crowd = Crowd(1)
    await crowd.arrive(0, 1, 2)
    crowd._exits[0].set()
    await asyncio.sleep(0)
    crowd._tasks[1].cancel()
    await settle()
    assert crowd.inside == [2]


@scenario
async def test_an_overloaded_server_halves_the_width_down_to_one() -> None:
    crowd = Crowd(8)
    await crowd.arrive(*range(16))
    widths = []
    for _ in range(4):
        crowd.gate.overloaded()
        widths.append(crowd.gate.width)
    assert widths == [4, 2, 1, 1]
    await crowd.leave(*range(7))
    assert crowd.inside == [7]
    await crowd.leave(7)
    assert crowd.inside == [8]


@scenario
async def test_calls_that_go_well_widen_it_again_up_to_where_it_began() -> None:
    crowd = Crowd(3)
    crowd.gate.overloaded()
    await crowd.arrive(*range(5))
    assert crowd.inside == [0]
    widths = []
    for _ in range(8):
        crowd.gate.went_well()
        await settle()
        widths.append((crowd.gate.width, len(crowd.inside)))
    assert widths == [(2, 2), (2, 2), (3, 3), (3, 3), (3, 3), (3, 3), (3, 3), (3, 3)]


@pytest.mark.parametrize("width", [0, -1])
def test_it_always_lets_one_in(width: int) -> None:
    assert Gate(width).width == 1


def steps() -> st.SearchStrategy[list[tuple[str, int]]]:
    words = st.sampled_from(("arrive", "leave", "cancel", "overloaded", "went_well"))
    return st.lists(st.tuples(words, st.integers(0, 9)), max_size=40)


@given(st.integers(1, 4), steps())
def test_whatever_happens_no_place_is_lost_or_given_twice(
    width: int, steps: list[tuple[str, int]]
) -> None:
    async def live() -> None:
        crowd = Crowd(width)
        for word, caller in steps:
            await crowd.step(word, caller)
        await crowd.cancel(*crowd.everyone)
        assert (crowd.inside, crowd.most <= width) == ([], True)
        later = range(100, 101 + crowd.gate.width)
        await crowd.arrive(*later)
        assert len(crowd.inside) == crowd.gate.width
        await crowd.cancel(*later)

    asyncio.run(asyncio.wait_for(live(), 10))


@scenario
async def test_calls_that_are_refused_together_halve_the_width_once() -> None:
    gate = Gate(8)
    async with AsyncExitStack() as stack:
        sent = [await stack.enter_async_context(gate.slot()) for _ in range(8)]
        for each in sent:
            gate.overloaded(each)
        assert gate.width == 4
    async with gate.slot() as later:
        gate.overloaded(later)
    assert gate.width == 2
