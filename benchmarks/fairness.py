"""Whether small pull requests wait for a big one: `python -m benchmarks.fairness [--full]`."""

import argparse
import asyncio
import time
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.diffs import write_diff
from benchmarks.measure import clean_environment, fake_server, show
from reviewbot import bootstrap
from reviewbot.budget import budget_for
from reviewbot.diff.parse import parse_diff
from reviewbot.engine import Plan, plan, review
from reviewbot.engine.stages import ONE_LOOK
from reviewbot.model.ask import Ports
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate
from reviewbot.model.kept import NothingKept
from reviewbot.settings import load_settings

SLOTS = 8
SECONDS = 0.1
SMALL = 5  # chunks of a small pull request
MANY = 10
CHUNKS = 600
FULL = 3000
LINES_A_CHUNK = 150
WAITS = 2.0
SLOWER = 1.1


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of each small review alone and beside the big one, and of the big one."""

    alone: list[float]
    beside: list[float]
    big: float


def main() -> None:
    """Run a big review, and let small ones arrive all along it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help=f"{FULL} chunks and not {CHUNKS}")
    chunks = FULL if parser.parse_args().full else CHUNKS
    with (
        fake_server("--slots", str(SLOTS), "--seconds", str(SECONDS)) as url,
        clean_environment() as environment,
    ):
        took = asyncio.run(_run(url, environment, chunks))
    ideal = (chunks + MANY * SMALL) / SLOTS * SECONDS
    print(
        f"{chunks} chunks and {MANY} times {SMALL}, {SLOTS} slots, {SECONDS} s a call,"
        " one after another over the time of the big one\n"
    )
    alone, beside = median(took.alone), median(took.beside)
    show("a small one alone", f"{min(took.alone):.3f} min {alone:.3f} s median", 1, "x")
    figures = f"{min(took.beside):.3f} min {beside:.3f} s median"
    show("a small one beside the big one", figures, beside / alone, "x", WAITS)
    show("the slowest of them", f"{max(took.beside):.3f} s", max(took.beside) / alone, "x")
    figures = f"{took.big:.2f} s, {ideal:.2f} s at best"
    show("the big one, to a full server", figures, took.big / ideal, "x", SLOWER)


async def _run(url: str, environment: dict[str, str], chunks: int) -> Took:
    """Review as a worker does: one loop, one gate, a key for each pull request."""
    settings = load_settings({"model_url": url}, environment)
    async with bootstrap.connect(settings) as connection:
        gate = Gate(SLOTS)
        plans = [_plan(connection, SMALL, seed) for seed in range(2, 2 + MANY)]
        alone = [await _review(one, connection, gate, n) for n, one in enumerate(plans, 1)]
        big = asyncio.create_task(_review(_plan(connection, chunks, 1), connection, gate, 0))
        between = chunks / SLOTS * SECONDS / (MANY + 1)

        async def arrive(number: int, one: Plan) -> float:
            await asyncio.sleep(between * number)
            assert not big.done()
            return await _review(one, connection, gate, number)

        beside = await asyncio.gather(*(arrive(n, one) for n, one in enumerate(plans, 1)))
        return Took(alone, list(beside), await big)


def _plan(connection: Connection, chunks: int, seed: int) -> Plan:
    """Plan a review of so many chunks, the first ones of a diff that has more."""
    diff = "".join(write_diff((chunks + 2) * LINES_A_CHUNK, seed=seed))
    planned = plan(parse_diff(diff.encode()), budget_for(connection.info))
    assert len(planned.chunks) >= chunks
    return replace(planned, chunks=planned.chunks[:chunks], requests=planned.requests[:chunks])


async def _review(planned: Plan, connection: Connection, gate: Gate, number: int) -> float:
    """Give the seconds until the last answer of a review is there."""
    key = (str(number % 3), f"7#{number}")  # some share the installation of the big one
    ports = Ports(connection.server, connection.url, gate, NothingKept(), None, key=key)
    begin = time.perf_counter()
    done = await review(planned, connection.info, ports, lambda _: None, ONE_LOOK)
    took = time.perf_counter() - begin
    assert done.usage.calls == len(planned.chunks), "a call was repeated"
    return took


if __name__ == "__main__":
    main()
