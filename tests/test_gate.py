"""The gate: how many calls run at once, in which order, and what an overloaded server changes."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.errors import TemporaryError
from reviewbot.model.gate import Gate, Key, follow_load
from reviewbot.servers.completion import Load
from tests.clock import run_at_once


class Crowd:
    """Callers of one gate. Each stays inside until it is let go."""

    def __init__(self, width: int) -> None:
        self.gate = Gate(width)
        self.inside: list[int] = []
        self.came: list[int] = []
        self.most = 0
        self._exits: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def arrive(self, *callers: int, key: Key = ()) -> None:
        for caller in callers:
            self._exits[caller] = asyncio.Event()
            self._tasks[caller] = asyncio.create_task(self._call(caller, key))
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

    async def _call(self, caller: int, key: Key = ()) -> None:
        async with self.gate.slot(key):
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


# Whose turn it is.

BIG, SMALL, OTHER = ("ada", "1"), ("ada", "2"), ("bob", "1")


async def a_crowd_that_is_big(width: int) -> Crowd:
    """Give a crowd of one review that has run for a while: 24 calls began, the last ones run."""
    crowd = Crowd(width)
    await crowd.arrive(*range(100 - width), key=BIG)
    while len(crowd.came) < 24:
        await crowd.leave(crowd.inside[0])
    return crowd


@scenario
async def test_a_free_place_goes_to_the_installation_with_the_fewest_calls_under_way() -> None:
    crowd = Crowd(4)
    await crowd.arrive(*range(8), key=BIG)
    await crowd.arrive(10, 11, key=OTHER)
    await crowd.leave(0, 1)
    assert crowd.came[4:] == [10, 11]


@scenario
async def test_within_an_installation_it_goes_to_the_pull_request_with_the_fewest() -> None:
    crowd = Crowd(4)
    await crowd.arrive(*range(8), key=BIG)
    await crowd.arrive(10, 11, key=SMALL)
    await crowd.arrive(20, key=OTHER)
    await crowd.leave(0, 1)
    assert crowd.came[4:] == [20, 10]


@scenario
async def test_a_review_that_has_only_begun_counts_for_half() -> None:
    crowd = await a_crowd_that_is_big(8)
    await crowd.arrive(*range(100, 120), key=SMALL)
    given = len(crowd.came)
    await crowd.leave(*crowd.inside[:6])
    assert crowd.came[given:] == [100, 101, 102, 103, 104, 24]


@scenario
async def test_a_review_that_has_run_for_a_while_counts_in_full() -> None:
    crowd = await a_crowd_that_is_big(8)
    await crowd.arrive(*range(100, 160), key=SMALL)
    for _ in range(18):
        await crowd.leave(*[caller for caller in crowd.inside if caller < 100][:1])
        await crowd.leave(*[caller for caller in crowd.inside if caller >= 100][:1])
    assert len([caller for caller in crowd.inside if caller >= 100]) == 4


@scenario
async def test_an_installation_that_has_only_begun_counts_for_half() -> None:
    crowd = await a_crowd_that_is_big(8)
    for number in range(10):
        await crowd.arrive(100 + number, key=("bob", str(number)))
    given = len(crowd.came)
    await crowd.leave(*crowd.inside[:6])
    assert crowd.came[given:] == [100, 101, 102, 103, 104, 24]


@scenario
async def test_many_pull_requests_of_one_installation_have_one_installations_share() -> None:
    crowd = Crowd(4)
    for number in range(20):
        await crowd.arrive(number, 100 + number, key=("ada", str(number)))
    await crowd.arrive(*range(200, 210), key=OTHER)
    await crowd.leave(0, 1, 2, 3)
    assert len([caller for caller in crowd.inside if caller >= 200]) == 2


@scenario
async def test_a_review_that_is_alone_has_every_place() -> None:
    crowd = Crowd(4)
    await crowd.arrive(0, key=OTHER)
    await crowd.arrive(*range(10, 20), key=BIG)
    await crowd.leave(0)
    assert crowd.inside == [10, 11, 12, 13]


@scenario
async def test_where_only_one_place_is_reviews_take_turns() -> None:
    crowd = Crowd(1)
    await crowd.arrive(*range(100), key=BIG)
    await crowd.arrive(100, 101, 102, key=SMALL)
    await crowd.arrive(200, 201, key=OTHER)
    for _ in range(9):
        await crowd.leave(*crowd.inside)
    assert crowd.came == [0, 1, 200, 100, 201, 2, 101, 3, 102, 4]


@scenario
async def test_a_review_loses_no_turn_by_a_call_that_gives_up_waiting() -> None:
    crowd = Crowd(1)
    await crowd.arrive(0, key=OTHER)
    await crowd.arrive(1, 2, key=BIG)
    await crowd.arrive(3, key=SMALL)
    await crowd.cancel(1)
    await crowd.leave(0)
    assert crowd.inside == [2]


@scenario
async def test_keys_of_any_depth_share_a_gate() -> None:
    crowd = Crowd(1)
    for caller, key in enumerate([(), (), ("a",), ("a", "b", "c"), ("a", "b", "d")]):
        await crowd.arrive(caller, key=key)
    for _ in range(5):
        await crowd.leave(*crowd.inside)
    assert crowd.came == [0, 1, 2, 3, 4]


@scenario
async def test_nothing_is_left_of_calls_that_have_ended() -> None:
    crowd = Crowd(2)
    for number in range(50):
        await crowd.arrive(number, key=("ada", str(number)))
    await crowd.cancel(*range(10, 20))
    while crowd.inside:
        await crowd.leave(*crowd.inside)
    crowd._tasks.clear()  # which hold their coroutines
    assert not crowd.gate._all.parts
    assert not crowd.gate._all.waits


@dataclass
class Judge:
    """Follows a gate call by call, and says of each place whether it was fairly given."""

    waiting: list[tuple[int, Key]] = field(default_factory=list)
    running: dict[int, Key] = field(default_factory=dict)
    begun: Counter[Key] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def is_fair(self, caller: int) -> bool:
        """Take note of a place that is given, and judge it."""
        key = dict(self.waiting)[caller]
        fair = next(one for one, its in self.waiting if its == key) == caller
        for depth in range(1, 3):
            rivals = {
                its[:depth] for _, its in self.waiting if its[: depth - 1] == key[: depth - 1]
            }
            fair = fair and self._share(key[:depth]) == min(map(self._share, rivals))
        idle = {its[0] for _, its in self.waiting if not self._calls(its[:1])}
        self.passed = Counter({one: self.passed[one] + 1 for one in idle - {key[0]}})
        self.waiting.remove((caller, key))
        self.running[caller] = key
        self.begun += Counter(key[:depth] for depth in range(1, 3))
        return fair and max(self.passed.values(), default=0) < len(NAMES)

    def end(self, caller: int) -> None:
        """Take note of a call that ends."""
        key = self.running.pop(caller)
        for start in (key[:1], key):
            self.begun[start] *= self._calls(start) > 0

    def _share(self, start: Key) -> float:
        return self._calls(start) * (0.5 if self.begun[start] <= 16 else 1)

    def _calls(self, start: Key) -> int:
        return sum(key[: len(start)] == start for key in self.running.values())


NAMES = ("ada", "bob", "cyd")
KEYS = st.tuples(st.sampled_from(NAMES), st.sampled_from("12"))
STEPS = st.one_of(
    st.tuples(st.just("arrive"), KEYS),
    st.tuples(st.just("many arrive"), KEYS),
    st.tuples(st.sampled_from(("leave", "leave", "give up")), st.integers(0, 30)),
    st.tuples(st.just("resize"), st.integers(1, 6)),
    st.tuples(st.just("overloaded"), st.just(0)),
    st.tuples(st.just("went well"), st.just(0)),
)
LIVES = st.lists(
    st.one_of(STEPS.map(lambda step: [step]), st.integers(5, 30).map(lambda n: [("leave", 0)] * n)),
    max_size=40,
).map(lambda runs: [step for run in runs for step in run])


class Court(Crowd):
    """A crowd whose gate is judged at every step."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.judge = Judge()

    async def live(self, steps: list[tuple[str, Key | int]]) -> None:
        for number, (word, what) in enumerate(steps):
            inside, came = list(self.inside), len(self.came)
            await self._do(number, word, what)
            await settle()
            stayed = [caller for caller in inside if caller in self.inside]
            assert all(self.judge.is_fair(caller) for caller in self.came[came:])
            assert self.inside[: len(stayed)] == stayed
            assert len(self.inside) == self.gate.running <= max(len(stayed), self.gate.width)
            assert len(self.inside) >= self.gate.width or not self.judge.waiting
        await self.cancel(*self.everyone)
        assert self.gate.running == 0

    async def _do(self, number: int, word: str, what: Key | int) -> None:
        match word, what:
            case "arrive" | "many arrive", tuple(key):
                callers = range(100 * number, 100 * number + (1 if word == "arrive" else 20))
                self.judge.waiting += [(caller, key) for caller in callers]
                await self.arrive(*callers, key=key)
            case "leave", int(which) if self.inside:
                caller = self.inside[which % len(self.inside)]
                self.judge.end(caller)
                await self.leave(caller)
            case "give up", int(which) if self.judge.waiting:
                caller, _ = self.judge.waiting.pop(which % len(self.judge.waiting))
                await self.cancel(caller)
            case "resize", int(most):
                self.gate.resize(most)
            case "overloaded", _:
                self.gate.overloaded()
            case "went well", _:
                self.gate.went_well()


@given(st.integers(1, 6), LIVES)
def test_places_are_given_fairly_never_too_many_and_never_kept(
    width: int, steps: list[tuple[str, Key | int]]
) -> None:
    asyncio.run(asyncio.wait_for(Court(width).live(steps), 10))


# How wide it is.


@scenario
async def test_a_gate_that_is_made_narrower_lets_calls_end_and_no_more_in() -> None:
    crowd = Crowd(4)
    await crowd.arrive(*range(8))
    crowd.gate.resize(2)
    await crowd.leave(0, 1)
    assert (crowd.inside, crowd.gate.running) == ([2, 3], 2)
    await crowd.leave(2)
    assert crowd.inside == [3, 4]


@scenario
async def test_a_gate_that_is_made_wider_lets_calls_in_at_once() -> None:
    crowd = Crowd(2)
    await crowd.arrive(*range(8))
    crowd.gate.resize(5)
    await settle()
    assert (crowd.inside, crowd.gate.width) == ([0, 1, 2, 3, 4], 5)


def test_a_width_that_an_overloaded_server_has_halved_is_not_widened_by_resizing() -> None:
    gate = Gate(8)
    gate.overloaded()
    gate.resize(16)
    assert (gate.width, gate.most) == (4, 16)
    gate.resize(2)
    assert gate.width == 2


QUEUES = {"none": Load(8, 0), "a few": Load(8, 4), "some": Load(8, 8), "many": Load(8, 9)}


@pytest.mark.parametrize(
    ("load", "width"),
    [(None, 10), (QUEUES["none"], 10), (QUEUES["a few"], 10), (QUEUES["some"], 8),
     (QUEUES["many"], 4)],
)  # fmt: skip
def test_a_queue_at_the_server_holds_the_width_or_takes_places_back(
    load: Load | None, width: int
) -> None:
    gate = Gate(16)
    gate.overloaded()
    gate.note_load(load)
    for _ in range(17):
        gate.went_well()
    assert gate.width == width


def test_a_queue_that_others_make_does_not_push_us_out() -> None:
    gate = Gate(32)
    gate.note_load(Load(4, 1000))
    for _ in range(1000):
        gate.went_well()
    assert gate.width == 4


@dataclass
class Server:
    """A model server that works on so many calls at once and lets the others wait there."""

    places: int
    seconds: tuple[float, float]
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    waiting: int = 0
    running: int = 0
    asked: int = 0
    problem: Exception | None = None
    tells: bool = True

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.places)

    async def answer(self) -> None:
        self.waiting += 1
        async with self._free:
            self.waiting -= 1
            self.running += 1
            await asyncio.sleep(self.dice.uniform(*self.seconds))
            self.running -= 1

    async def load(self) -> Load | None:
        self.asked += 1
        if self.problem:
            raise self.problem
        return Load(self.running, self.waiting) if self.tells else None


async def review(gate: Gate, server: Server, chunks: int, key: Key) -> float:
    """Have all chunks answered; gives the seconds that it took."""
    clock = asyncio.get_running_loop().time

    async def ask() -> None:
        async with gate.slot(key):
            await server.answer()
        gate.went_well()

    began = clock()
    async with asyncio.TaskGroup() as group:
        for _ in range(chunks):
            group.create_task(ask())
    return clock() - began


async def small_ones_beside_a_big_one(places: int, apart: float) -> tuple[list[float], float]:
    """Let ten small reviews arrive while a big one runs; gives the seconds of each, and its."""
    gate, server = Gate(places), Server(places, (0.05, 0.15))
    small = []
    async with asyncio.TaskGroup() as group:
        big = group.create_task(review(gate, server, 3000, BIG))
        for number in range(10):
            await asyncio.sleep(apart)
            small.append(group.create_task(review(gate, server, 5, ("ada", f"small {number}"))))
    return [task.result() for task in small], big.result()


async def a_small_one_alone(places: int) -> float:
    return await review(Gate(places), Server(places, (0.05, 0.15)), 5, SMALL)


@pytest.mark.parametrize("apart", [0.01, 0.05, 0.5])
def test_small_reviews_do_not_wait_for_a_big_one_and_cost_it_little(apart: float) -> None:
    alone = run_at_once(a_small_one_alone(32))
    small, big = run_at_once(small_ones_beside_a_big_one(32, apart))
    assert median(small) <= 2 * alone
    assert big <= 1.1 * (3000 + 10 * 5) / 32 * 0.1


def test_a_small_review_gets_its_places_in_one_round_of_the_big_ones_calls() -> None:
    small, big = run_at_once(small_ones_beside_a_big_one(8, 1.0))
    assert median(small) <= 1.8 * run_at_once(a_small_one_alone(8))
    assert big <= 1.02 * (3000 + 10 * 5) / 8 * 0.1


def following(places: int, width: int, every: float) -> tuple[float, float, int]:
    """Let a gate follow a server with fewer places; gives what a small review takes, then."""

    async def live() -> tuple[float, float, int]:
        gate, server = Gate(width), Server(places, (0.5, 1.5))
        follower = asyncio.create_task(follow_load(gate, server, every))
        big = asyncio.create_task(review(gate, server, 1000, BIG))
        await asyncio.sleep(50)
        small = await review(gate, server, 2, SMALL)
        at_the_end = gate.width
        took = await big
        follower.cancel()
        return small, took, at_the_end

    return run_at_once(live())


def test_a_gate_that_is_too_wide_finds_the_width_of_the_server() -> None:
    small, big, width = following(places=8, width=64, every=1.0)
    blind, blind_big, _ = following(places=8, width=64, every=1e9)
    assert 8 <= width <= 2 * 8 + 1
    assert small < blind / 2
    assert big <= 1.02 * blind_big


def test_the_load_is_looked_at_only_while_calls_are_under_way() -> None:
    async def live() -> tuple[int, int]:
        gate, server = Gate(2), Server(2, (1, 1))
        follower = asyncio.create_task(follow_load(gate, server, 1.0))
        await asyncio.sleep(100.5)
        idle = server.asked
        await review(gate, server, 20, BIG)
        follower.cancel()
        return idle, server.asked

    idle, busy = run_at_once(live())
    assert idle == 0
    assert busy == 10


@pytest.mark.parametrize("problem", [None, TemporaryError("gone"), TimeoutError()])
def test_a_server_that_does_not_tell_its_load_is_asked_rarely(problem: Exception | None) -> None:
    async def live() -> int:
        gate, server = Gate(2), Server(2, (1, 1), problem=problem, tells=False)
        follower = asyncio.create_task(follow_load(gate, server, 1.0))
        await review(gate, server, 200, BIG)
        follower.cancel()
        return server.asked

    assert run_at_once(live()) == 10
