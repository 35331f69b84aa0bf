"""Processes that are killed or frozen in the middle: one review on each head all the same.

Nothing in the product helps these tests: GitHub's fake holds a request, the model's fake does not
answer, the test holds the database's write lock, and the lease is short by its setting.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot import Bot, eventually
from tests.fakes.faults import FROZEN
from tests.fakes.forge import Pull
from tests.fakes.forge.faults import When
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.postgres import fresh_address

BUG = "x = 1\ny = 2  # BUG\n"
LEASE = 2.0
DATABASES = ("sqlite", "postgresql")
VICTIMS = ("worker", "api", "broker")
STEPS = (
    "get_pull", "list_checks", "create_check", "compare", "list_reviews", "create_review",
    "submit_review", "update_check",
)  # fmt: skip
WHEN: tuple[When, ...] = ("before", "after")
EVERY = list(itertools.product(DATABASES, VICTIMS, STEPS, WHEN))
EFFECTS = ("create_check", "create_review", "submit_review", "update_check")
FEW = [
    *itertools.product(DATABASES[:1], VICTIMS[:1], EFFECTS, WHEN),
    *itertools.product(DATABASES[1:], VICTIMS[:1], EFFECTS[1:3], WHEN[1:]),
]
_names = itertools.count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take each step, part and database with `--every-crash`, else a worker at each effect."""
    if "victim" in metafunc.fixturenames:
        cases = EVERY if metafunc.config.getoption("--every-crash") else FEW
        metafunc.parametrize(("bot", "victim", "step", "when"), cases, indirect=["bot"])
    elif "bot" in metafunc.fixturenames:
        metafunc.parametrize("bot", DATABASES[:1], indirect=True)


@pytest.fixture(scope="module")
def bot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """A bot with a short lease on a database; its parts are killed and started again."""
    folder = tmp_path_factory.mktemp("bot")
    with (
        fresh_address(request.param) as url,
        Bot(folder, database_url=url, lease_seconds=LEASE) as running,
    ):
        yield running


def opened(bot: Bot, files: dict[str, str | None] | None = None) -> Pull:
    repo = bot.github.repository(f"acme/crash-{next(_names)}")
    return repo.opens_pull_request(files or {"a.py": BUG})


def heads(pull: Pull) -> list[str]:
    return [review.commit_id for review in pull.reviews]


def test_a_part_killed_at_a_step_is_replaced_and_one_review_is_posted(
    bot: Bot, victim: str, step: str, when: When
) -> None:
    hold = bot.github.holds(step, when)
    pull = opened(bot)
    hold.wait()
    bot.kills(victim)
    hold.released.set()
    bot.starts(victim)
    bot.settles(60)
    assert heads(pull) == [pull.head]
    assert pull.pending == []
    assert [check.status for check in pull.checks] == ["completed"]


@pytest.mark.parametrize("step", ["list_reviews", "create_review", "submit_review", "update_check"])
def test_a_worker_frozen_past_its_lease_loses_the_job_and_doubles_nothing(
    bot: Bot, step: str
) -> None:
    hold = bot.github.holds(step)
    pull = opened(bot)
    hold.wait()
    frozen = bot.workers[0]
    frozen.freeze()
    bot.workers[0] = bot.starts_worker(1)
    eventually(lambda: heads(pull) == [pull.head], 60)
    hold.released.set()
    frozen.thaw()
    bot.settles(60)
    eventually(lambda: bot.jobs()[-1].state == "done")
    assert frozen.end() == 0
    assert heads(pull) == [pull.head]
    assert pull.pending == []


def test_a_worker_killed_while_the_model_works_goes_on_at_the_next_chunk(tmp_path: Path) -> None:
    model = ModelServer(Tgi(), Finder(), seconds=0.3)
    with Bot(tmp_path, model=model, lease_seconds=LEASE, concurrency=1) as bot:
        pull = opened(bot, {f"f{n}.py": f"v{n} = {n}  # BUG\n" for n in range(8)})
        eventually(lambda: len(asked(model)) == 5)
        bot.workers[0].kill()
        bot.workers[0] = bot.starts_worker()
        bot.settles(60)
        assert heads(pull) == [pull.head]
        assert len(asked(model)) == 8 + 1, "only the call that was cut off is asked again"


def asked(model: ModelServer) -> list[object]:
    return [call for call in model.calls if call.is_review]


def test_a_broker_killed_with_messages_in_it_loses_no_review(bot: Bot) -> None:
    bot.workers[0].freeze()
    pulls = [opened(bot) for _ in range(3)]
    bot.broker.kill()
    bot.broker = bot.starts_broker()
    bot.workers[0].thaw()
    bot.settles(60)
    assert [heads(pull) for pull in pulls] == [[pull.head] for pull in pulls]


def test_a_frozen_broker_delays_no_acknowledgement(bot: Bot) -> None:
    bot.broker.freeze()
    pull = opened(bot)
    [delivery] = [one for one in bot.github.deliveries if one.payload.get("number") == 1][-1:]
    assert delivery.status == 202
    bot.broker.thaw()
    bot.settles(60)
    assert heads(pull) == [pull.head]


def test_an_api_killed_after_its_answer_has_lost_nothing(bot: Bot) -> None:
    bot.broker.freeze()  # so that no message gets out
    pull = opened(bot)
    bot.api.kill()
    bot.broker.thaw()
    bot.api = bot.starts_api()
    bot.settles(60)
    assert heads(pull) == [pull.head]


def test_a_database_that_is_locked_refuses_the_delivery_and_takes_it_again(bot: Bot) -> None:
    with bot.database.write():
        pull = opened(bot)
    refused = bot.github.deliveries[-1]
    assert refused.status in (0, 503)
    assert bot.github.delivers_again(refused) in (200, 202)
    bot.settles(60)
    assert heads(pull) == [pull.head]


def test_a_worker_that_is_asked_to_end_gives_its_job_to_another_at_once(bot: Bot) -> None:
    hold = bot.github.holds("compare")
    pull = opened(bot)
    hold.wait()
    hold.released.set()
    assert bot.workers[0].end() == 0
    bot.workers[0] = bot.starts_worker()
    bot.settles(20)
    assert heads(pull) == [pull.head]
    assert bot.jobs()[-1].attempts <= 1


def test_a_push_stops_the_review_of_the_older_head_and_its_calls_within_two_seconds(
    tmp_path: Path,
) -> None:
    model = ModelServer(Tgi(), Finder())
    model.fault(FROZEN, first=1, reviews=True)
    with Bot(tmp_path, model=model) as bot:
        pull = opened(bot)
        eventually(lambda: asked(model))
        pull.pushes({"a.py": "z = 3  # BUG\n"})
        eventually(lambda: model.disconnects >= 1, 3.0)
        bot.settles()
        assert heads(pull) == [pull.head]
        assert len(pull.repo.checks) == 2
