"""The engine on a loop that many reviews share: who waits for whom, and for how long."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import median
from typing import Any, NoReturn

import pytest

from reviewbot import engine
from reviewbot.budget import Budget, budget_for
from reviewbot.context.known import KnownFiles
from reviewbot.diff.parse import parse_diff
from reviewbot.engine import Answered, Plan
from reviewbot.engine.around import Around
from reviewbot.engine.stages import ONE_LOOK
from reviewbot.errors import RefusedError, ServerError, TemporaryError, TooLongError
from reviewbot.findings.review import Review
from reviewbot.model.ask import Patience, Ports, estimate_request
from reviewbot.model.gate import Gate, Key
from reviewbot.model.kept import NothingKept
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Completion, Load, Message, Sampling, ServerInfo
from reviewbot.servers.tgi import Tgi
from tests.clock import run_at_once
from tests.fakes import faults
from tests.fakes.answers import Finder
from tests.fakes.model_server import ModelServer
from tests.fakes.tgi import Tgi as TgiDialect
from tests.run import added

INFO = ServerInfo("tgi", "granite", max_prompt=16_384, max_total=18_432)
BIG, SMALL = ("ada", "1"), ("ada", "2")


@dataclass
class Server:
    """A model server in memory: it takes so many seconds a call, or fails as it is told."""

    seconds: float = 0.0
    problem: Exception | None = None
    counts: bool = True
    running: int = 0
    most: int = 0
    finder: Finder = field(default_factory=Finder)

    async def describe(self) -> ServerInfo:
        return INFO

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:  # noqa: ARG002
        await asyncio.sleep(0 if self.counts else 1e9)
        return 100

    async def complete(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,  # noqa: ARG002
        sampling: Sampling,  # noqa: ARG002
        top_logprobs: int = 0,  # noqa: ARG002
    ) -> Completion:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        if self.problem:
            raise self.problem
        shown = {"messages": [{"role": one.role, "content": one.content} for one in messages]}
        return Completion(self.finder(shown).text, "stop", 10, 10)

    async def load(self) -> Load | None:
        return None


@cache
def make_plan(chunks: int, lines: int = 20) -> Plan:
    """Plan a diff of so many files, each with a bug in each of its chunks."""
    code = [f"    total_{n} = prices[{n}] * rate + offset({n}, 'EUR')" for n in range(lines - 1)]
    diff = "".join(added(f"src/file_{n}.py", *code, "x = 1  # BUG") for n in range(chunks))
    return engine.plan(parse_diff(diff.encode()), budget_for(INFO))


def ports(server: Server, gate: Gate, key: Key = (), **patience: float) -> Ports:
    return Ports(server, "here", gate, NothingKept(), None, Patience(**patience), key)


async def review(plan: Plan, ports: Ports, heard: list[Answered] | None = None) -> Review:
    tell = (heard if heard is not None else []).append
    return await engine.review(plan, INFO, ports, tell, ONE_LOOK)


def test_no_analyzer_runs_where_nothing_is_reviewed() -> None:
    files = tuple(parse_diff(added("a.py", "x = 1  # BUG").encode()))
    untouchable = KnownFiles(Unread(), Unread(), {}, None)
    around = Around(files, untouchable, max_tokens=0)
    plan = engine.plan(files, budget_for(INFO), exclude=lambda _: True)
    stages = replace(ONE_LOOK, analyzers=True)
    asked = ports(Server(), Gate(1))
    done = asyncio.run(engine.review(plan, INFO, asked, lambda _: None, stages, around))
    assert [gap.path for gap in done.not_reviewed] == ["a.py"]


class Unread(dict[str, str]):
    """Files that nobody may read."""

    def get(self, path: str, default: object = None) -> NoReturn:
        raise AssertionError(path, default)


# Many reviews on one loop.


async def watch_turns(turns: list[float]) -> None:
    """Note the processor time that each turn of the loop takes."""
    began = time.thread_time()
    while True:
        await asyncio.sleep(0)
        turns.append(time.thread_time() - began)
        began = time.thread_time()


@pytest.mark.parametrize("width", [32, 160])
def test_nothing_holds_the_loop_up_for_50_ms(width: int) -> None:
    async def live() -> tuple[Review, float]:
        turns: list[float] = []
        watch = asyncio.create_task(watch_turns(turns))
        done = await review(plan, ports(Server(), Gate(width)))
        await asyncio.sleep(0)
        watch.cancel()
        return done, max(turns)

    plan = make_plan(3000)
    gc.collect()
    gc.freeze()  # what other tests left is not looked through again
    runs = [asyncio.run(live()) for _ in range(3)]
    gc.unfreeze()
    assert all(len(done.findings) + done.hidden_findings == 3000 for done, _ in runs)
    assert min(worst for _, worst in runs) < 0.05, "the best of three: others share the machine"


def test_small_reviews_do_not_wait_for_a_big_one() -> None:
    big_plan, small_plan = make_plan(3000, 1), make_plan(5, 1)

    async def timed(plan: Plan, ports: Ports) -> float:
        clock = asyncio.get_running_loop().time
        began, heard = clock(), []
        await engine.review(plan, INFO, ports, lambda _: heard.append(clock()), ONE_LOOK)
        return heard[-1] - began

    async def together() -> tuple[list[float], float]:
        server, gate = Server(0.1), Gate(32)
        big = asyncio.create_task(timed(big_plan, ports(server, gate, BIG)))
        small = []
        for number in range(10):
            await asyncio.sleep(0.33)
            key = ("ada", f"small {number}")
            small.append(asyncio.create_task(timed(small_plan, ports(server, gate, key))))
        return [await one for one in small], await big

    small, big = run_at_once(together())
    assert median(small) <= 2 * 0.1
    assert big <= 1.1 * (3000 + 10 * 5) / 32 * 0.1


def test_a_gate_that_is_made_wider_in_the_middle_of_a_review_is_filled() -> None:
    async def live() -> tuple[int, int]:
        server, gate = Server(1.0), Gate(2)
        task = asyncio.create_task(review(make_plan(100, 1), ports(server, gate)))
        await asyncio.sleep(2.5)
        before = server.most
        gate.resize(16)
        await asyncio.sleep(3)
        task.cancel()
        return before, server.most

    assert run_at_once(live()) == (2, 16)


def test_160_calls_run_at_once_through_the_hubs_client() -> None:
    async def live(url: str) -> None:
        client = Client(url, None)
        one = Ports(Tgi(client), url, Gate(160), NothingKept(), None)
        task = asyncio.create_task(review(make_plan(200, 1), one))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while fake.in_flight < 160:  # noqa: ASYNC110  # they are counted in a thread
                    await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await client.close()

    with ModelServer(TgiDialect(max_concurrent=200), slots=200) as fake:
        fake.fault(faults.Frozen())
        asyncio.run(live(fake.url))
        assert fake.max_in_flight == 160


# What another try later may mend.


def tell_of(problem: Exception) -> Answered:
    """Review one chunk on a server that fails; gives what is told of it."""
    heard: list[Answered] = []
    run_at_once(review(make_plan(1, 1), ports(Server(problem=problem), Gate(1)), heard))
    return heard[0]


def test_another_try_later_may_mend_a_failure_that_passes() -> None:
    told = tell_of(TemporaryError("it starts"))
    assert (told.failure, told.temporary) == ("it starts", True)


@pytest.mark.parametrize("problem", [ServerError("it cannot"), TooLongError("9 tokens")])
def test_no_other_try_mends_what_the_server_cannot_do(problem: Exception) -> None:
    told = tell_of(problem)
    assert (told.failure, told.temporary) == (str(problem), False)


def test_a_call_that_takes_too_long_may_be_answered_another_time() -> None:
    heard: list[Answered] = []
    run_at_once(review(make_plan(1, 1), ports(Server(50), Gate(1), call=20), heard))
    assert [one.temporary for one in heard] == [True]
    assert "REVIEWBOT_CALL_SECONDS" in str(heard[0].failure)


def test_what_is_reviewed_is_no_failure() -> None:
    heard: list[Answered] = []
    run_at_once(review(make_plan(1, 1), ports(Server(), Gate(1)), heard))
    assert [(len(one.findings), one.failure, one.temporary) for one in heard] == [(1, None, False)]


def test_a_key_that_is_refused_ends_the_review_and_every_call() -> None:
    server = Server(1.0, RefusedError("401"))
    with pytest.raises(RefusedError):
        run_at_once(review(make_plan(100, 1), ports(server, Gate(8))))
    assert (server.running, server.most) == (0, 8)


# A server that does not end what it began.


def test_a_count_that_never_comes_costs_no_more_than_a_call_may() -> None:
    async def live() -> tuple[Review, float]:
        done = await review(plan, ports(Server(counts=False), Gate(1), call=20))
        return done, asyncio.get_running_loop().time()

    # one token more, and this request would be over the limit: it is to be counted
    [chunk] = make_plan(1).chunks
    plan = replace(make_plan(1), budget=Budget(estimate_request(chunk), 1000))
    done, seconds = run_at_once(live())
    assert (len(done.findings), seconds) == (1, 20)
