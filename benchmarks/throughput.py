"""Whether a review keeps all slots of a model server busy: `python -m benchmarks.throughput`."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.diffs import write_diff
from benchmarks.measure import clean_environment, fake_server, run, show
from reviewbot import bootstrap
from reviewbot.budget import budget_for
from reviewbot.diff.parse import parse_diff
from reviewbot.engine import plan, review
from reviewbot.engine.stages import ONE_LOOK
from reviewbot.settings import Settings, load_settings

DIFF_LINES = 6000  # 20 files of two chunks
SLOTS = 8
SECONDS = 0.5
BOUND = 1.1
REVIEWBOT = Path(sys.executable).with_name("reviewbot")


def main() -> None:
    """Review the same diff twice against a server that takes a fixed time for each call."""
    diff = "".join(write_diff(DIFF_LINES))
    with (
        fake_server("--slots", str(SLOTS), "--seconds", str(SECONDS)) as url,
        clean_environment() as environment,
        tempfile.NamedTemporaryFile("w", suffix=".diff") as file,
    ):
        file.write(diff)
        file.flush()
        command = (
            REVIEWBOT, "review", file.name, "--model-url", url, "--no-cache", "--fail-on", "never",
        )  # fmt: skip
        whole = run(command, environment).wall  # the probe is asked, and remembered for the next
        settings = load_settings({"model_url": url}, environment)
        chunks, start, took = asyncio.run(_review(settings, diff.encode()))
    ideal = chunks / SLOTS * SECONDS
    print(
        f"{chunks} chunks, {SLOTS} slots, {SECONDS} s a call: {ideal:.2f} s at best;"
        " ratios of time on the clock to that\n"
    )
    show("the review", f"{took:.2f} s", took / ideal, "x", BOUND)
    show("reading and connecting before it", f"{start:.2f} s", start / ideal, "x")
    show("the whole command, with the probe", f"{whole:.2f} s", whole / ideal, "x")


async def _review(settings: Settings, diff: bytes) -> tuple[int, float, float]:
    """Give the number of chunks, and the seconds of reading and connecting, and of the review."""
    begin = time.perf_counter()
    async with bootstrap.connect(settings) as connection:
        planned = plan(parse_diff(diff), budget_for(connection.info))
        store = bootstrap.open_store(settings)
        ports = bootstrap.make_ports(settings, connection, store, keep_answers=False)
        connected = time.perf_counter()
        done = await review(planned, connection.info, ports, lambda _: None, ONE_LOOK)
        end = time.perf_counter()
    assert done.coverage.reviewed_lines == done.coverage.changed_lines
    return len(planned.chunks), connected - begin, end - connected


if __name__ == "__main__":
    main()
