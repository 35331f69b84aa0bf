"""Whether a bot whose parts are killed loses or doubles a review: `python -m benchmarks.chaos`."""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from tests.bot import MODEL_KEY, Bot, Part
from tests.fakes.dialect import Machine
from tests.fakes.faults import proxy_page
from tests.fakes.forge import Pull
from tests.fakes.forge.state import Delivery
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.fakes.wire import Reply, Request

FAULTS = 0.05
REPEATED = 0.3
LATE = 0.1
LEASE_SECONDS = 6.0
"""A tenth of the default: a job whose worker was killed is not left alone for a minute."""
KILL_EVERY = 2.0
KILLS_AFTER = 30.0
"""Seconds after the last delivery in which workers are still killed; then it is to settle."""
BROKER_DOWN = 3.0
SETTLE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done, and how many deliveries a second are sent at most."""

    deliveries: int
    pulls: int
    installations: int
    workers: int
    rate: float


WHOLE = Size(1000, 200, 20, 4, 10.0)
SMALL = Size(100, 20, 4, 2, 4.0)


@dataclass(frozen=True, slots=True)
class FaultyTgi(Tgi):
    """Answers a share of the calls as a proxy does whose server is gone, or not at all."""

    dice: random.Random = field(default_factory=lambda: random.Random(2))

    def reply(self, request: Request, machine: Machine) -> Reply | None:
        if request.path.endswith("/completions") and self.dice.random() < FAULTS:
            return self.dice.choice((proxy_page(502), proxy_page(503), Reply(200, broken="reset")))
        return Tgi.reply(self, request, machine)


def main() -> None:
    """Do it, print the counts, and exit with 1 where one is not what it must be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a tenth, for trying")
    parser.add_argument("--keep", type=Path, help="an empty folder for the logs and the database")
    options = parser.parse_args()
    size = SMALL if options.small else WHOLE
    model = ModelServer(FaultyTgi(), Finder(), seconds=0.2, api_key=MODEL_KEY)
    with tempfile.TemporaryDirectory() as own:
        folder = options.keep or Path(own)
        with Bot(folder, workers=size.workers, model=model, allowed_owners="*",
                 lease_seconds=LEASE_SECONDS) as bot:  # fmt: skip
            sys.exit(_run(bot, size))  # which passes by the tests' own checks at the end


def _run(bot: Bot, size: Size) -> bool:
    """Give whether anything is wrong."""
    pulls = [
        _make_pull(bot, number, number % size.installations + 1) for number in range(size.pulls)
    ]
    # rolled before the effect and again after it
    bot.github.faults.at_random(FAULTS / 2, 1)
    killer = Killer(bot)
    thread = threading.Thread(target=killer.run)
    thread.start()
    begin = time.monotonic()
    try:
        sent = _send(bot, size, pulls, killer)
        last = time.monotonic()
        _settles(bot, last + KILLS_AFTER)
        killer.end.set()
        settled = _settles(bot, last + SETTLE_SECONDS)
    finally:
        killer.end.set()
        thread.join()
    now = time.monotonic()
    print(
        f"{len(sent)} deliveries of {len(pulls)} pull requests in {last - begin:.0f} s, settled"
        f" {now - last:.0f} s later; {size.workers} workers, {killer.workers} of them killed,"
        f" the broker {killer.brokers} times; leases of {LEASE_SECONDS:g} s, no write interval"
    )
    return _judge(bot, pulls, sent, settled=settled)


def _make_pull(bot: Bot, number: int, installation: int) -> Pull:
    """Open a pull request of which GitHub has told nobody yet."""
    held = bot.github.holds_deliveries()
    repo = bot.github.repository(f"org{installation}/shop", installation)
    pull = repo.opens_pull_request(_files(number, 0))
    held.clear()
    return pull


def _files(number: int, push: int) -> dict[str, str]:
    return {f"part_{number}.py": f"first = {number}\npushed = {push}  # BUG\n"}


def _events(size: Size, pulls: list[Pull]) -> Iterator[Delivery]:
    """Let people open every pull request and push to them; gives what GitHub would send, in the
    order in which it sends it: some late, some twice, under the same id or another.
    """
    dice = random.Random(3)
    unique = round(size.deliveries * (1 - REPEATED))
    acts = [*pulls, *dice.choices(pulls, k=unique - len(pulls))]
    dice.shuffle(acts)
    repeated = set(dice.sample(range(unique), size.deliveries - unique))
    seen: set[int] = set()
    late: list[tuple[int, Delivery]] = []
    for index, pull in enumerate(acts):
        held = pull.repo.github.holds_deliveries()
        if id(pull) in seen:
            pull.pushes(_files(pull.number, index))
        else:
            pull.send("opened")
            seen.add(id(pull))
        [event] = held
        late.append((index + (dice.randrange(2, 12) if dice.random() < LATE else 0), event))
        if index in repeated:
            again = replace(event, guid=str(uuid4())) if dice.random() < 0.5 else event
            late.append((index + dice.randrange(1, 20), again))
        yield from _ripe(late, index)
    yield from _ripe(late, unique + 100)


def _ripe(late: list[tuple[int, Delivery]], index: int) -> list[Delivery]:
    """Take out what is to be sent by now."""
    ripe = [event for when, event in late if when <= index]
    late[:] = [(when, event) for when, event in late if when > index]
    return ripe


def _send(bot: Bot, size: Size, pulls: list[Pull], killer: "Killer") -> list[Delivery]:
    """Send all that people do, and tell the killer thrice to take the broker."""
    sent: list[Delivery] = []
    moments = {size.deliveries * part // 4 for part in (1, 2, 3)}
    for event in _events(size, pulls):
        begin = time.monotonic()
        delivery = Delivery(bot.github.next_id(), event.guid, event.event, event.payload)
        bot.github.deliver(delivery)
        sent.append(delivery)
        if len(sent) in moments:
            killer.take_broker.set()
        time.sleep(max(0.0, 1 / size.rate - (time.monotonic() - begin)))
    bot.github.held = None
    return sent


class Killer:
    """Kills a worker every two seconds, and the broker when told to; starts them again."""

    def __init__(self, bot: Bot) -> None:
        self.workers = self.brokers = 0
        self.end = threading.Event()
        self.take_broker = threading.Event()
        self._bot = bot
        self._dice = random.Random(4)

    def run(self) -> None:
        """Kill until it is to end; the broker is away for a while."""
        back_at = float("inf")
        while not self.end.wait(KILL_EVERY):
            self._kill_worker()
            if self.take_broker.is_set():
                self.take_broker.clear()
                self._bot.broker.kill()
                self.brokers += 1
                back_at = time.monotonic() + BROKER_DOWN
            if time.monotonic() > back_at:
                self._bot.broker = self._bot.starts_broker()
                back_at = float("inf")
        if not self._bot.broker.alive:
            self._bot.broker = self._bot.starts_broker()

    def _kill_worker(self) -> None:
        workers: list[Part] = self._bot.workers
        number = self._dice.randrange(len(workers))
        workers[number].kill()
        workers[number] = self._bot.starts_worker(number)
        self.workers += 1


def _settles(bot: Bot, deadline: float) -> bool:
    while time.monotonic() < deadline:
        if not bot.live_jobs() and not bot.open_checks():
            return True
        time.sleep(0.5)
    return False


def _judge(bot: Bot, pulls: list[Pull], sent: list[Delivery], *, settled: bool) -> bool:
    """Print what must be none, and what else is of interest."""
    of_head = [sum(one.commit_id == pull.head for one in pull.reviews) for pull in pulls]
    heads = Counter((pull.repo.id, one.commit_id) for pull in pulls for one in pull.reviews)
    jobs = bot.jobs()
    must_be_none = {
        "deliveries refused": sum(not one.well for one in sent),
        "last heads without a review (lost)": of_head.count(0),
        "heads with more than one (doubled)": sum(count > 1 for count in heads.values()),
        "jobs alive at the end (stuck)": len(bot.live_jobs()),
        "check runs still open": len(bot.open_checks()),
        "jobs that failed (dead-lettered)": sum(job.state == "failed" for job in jobs),
        "drafts of reviews left behind": sum(len(pull.pending) for pull in pulls),
        "answers that break GitHub's rules": len(bot.github.violations),
    }
    for name, count in must_be_none.items():
        print(f"{name:<40} {count:6}  0: {'MISSED' if count else 'kept'}")
    states = Counter(job.state for job in jobs)
    print(f"\n{of_head.count(1)} of {len(pulls)} last heads have exactly one review;")
    print(f"{heads.total()} reviews in all, jobs: {dict(states)}, most attempts of one:", end=" ")
    print(max((job.attempts for job in jobs), default=0))
    for job in (job for job in jobs if job.state not in ("done", "superseded")):
        print(f"  {job.id} {job.owner_login}#{job.number} {job.state} {job.attempts}: {job.reason}")
    return not settled or any(must_be_none.values())


if __name__ == "__main__":
    main()
