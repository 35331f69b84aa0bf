"""What the API and a worker hold after long work: `python -m benchmarks.memory`."""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import webhook
from benchmarks.measure import show
from tests.bot import Bot, eventually
from tests.fakes.forge import Repo

DELIVERIES = 2000
REVIEWS = 1000
EARLY = 200
AT_ONCE = 25
API, AT_REST, LATER, GROWTH = 120.0, 130.0, 170.0, 5.0


def main() -> None:
    """Send deliveries to an API, let a worker review, and read what the kernel says they hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reviews", type=int, default=REVIEWS)
    reviews = parser.parse_args().reviews
    print("MB that a process holds (RSS), and its share of what others hold too (PSS)\n")
    with webhook.api() as (port, process):
        _show("the API at rest", process)
        webhook.deliver(port, DELIVERIES)
        _show(f"the API after {DELIVERIES} deliveries", process, API)
    with tempfile.TemporaryDirectory() as folder:
        _watch_worker(Path(folder), reviews)


def _watch_worker(folder: Path, reviews: int) -> None:
    """Let one worker do small reviews, one batch after another, in a few repositories."""
    begin = time.monotonic()
    with Bot(folder, allowed_owners="*", skip_drafts="false") as bot:
        [worker] = bot.workers
        eventually(lambda: "worker ready" in worker.log.read_text())
        time.sleep(3)
        _show("a worker at rest", worker.pid, AT_REST)
        repos = [bot.github.repository(f"acme/shop{number}") for number in range(10)]
        early = held = 0.0
        for done in range(AT_ONCE, reviews + 1, AT_ONCE):
            _review(bot, repos, done)
            if done % EARLY == 0 or done == reviews:
                bound = LATER if done == reviews else None
                held = _show(f"after {done} reviews", worker.pid, bound)
            early = held if done == EARLY else early
        posted = sum(len(pull.reviews) for repo in repos for pull in repo.pulls.values())
        _show("the API of that", bot.api.pid, API)
        show("growth from then on", f"since {EARLY} reviews", held - early, "MB", GROWTH)
        print(f"\n{posted} reviews were posted in {time.monotonic() - begin:.0f} s")


def _review(bot: Bot, repos: list[Repo], done: int) -> None:
    """Open a batch of pull requests, and wait until all of them are reviewed."""
    for number in range(done - AT_ONCE, done):
        lines = "".join(f"value_{number}_{line} = {line}\n" for line in range(40))
        text = f"{lines}total = {number} / 0  # BUG\n"
        repos[number % len(repos)].opens_pull_request({f"part_{number}.py": text})
    bot.settles(120)


def _show(name: str, process: int, bound: float | None = None) -> float:
    """Print and give what a process holds, in MB."""
    held = {
        kind.rstrip(":"): int(size) * 1024 / 1e6
        for kind, size, *_ in map(
            str.split, Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
        )
    }
    show(name, f"PSS {held['Pss']:.1f} MB", held["Rss"], "MB", bound)
    return held["Rss"]


if __name__ == "__main__":
    main()
