"""The bot with the stages of a review on: what it reads, asks, posts and tells, end to end."""

from collections import Counter
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.bot import MODEL_KEY, Bot, eventually, free_port
from tests.fakes.faults import FROZEN
from tests.fakes.forge import Pull
from tests.fakes.judging import Flaw, Judging, stage_of
from tests.fakes.model_server import Call, ModelServer, Tgi

PRICES = (
    'def net_price(gross, rate):\n    """Give the price without tax."""\n    return gross / rate\n'
)
CART = "from prices import net_price\n\n\ndef total(item):\n    return net_price(item.price)\n"
RIGHT = Flaw(
    "net_price(item", "The rate is not passed on", "`net_price` gets one argument of two.",
    worded={"title": "Every total raises TypeError"},
)  # fmt: skip
DENIED = Flaw("def total", "The name is taken", "`total` hides another one.", yes=0.02)
REFUTED = Flaw("net_price(item", "`net_price` is not defined", "`net_price` is not defined.",
               category="contract")  # fmt: skip
WORKER_PORT = free_port()


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """A bot with a short lease that makes one call at a time."""
    script = Judging(RIGHT, DENIED, REFUTED)
    model = ModelServer(Tgi(), script, api_key=MODEL_KEY, count=lambda text: len(text) // 12 + 1)
    with Bot(
        tmp_path_factory.mktemp("bot"), model=model, looks=3, judge="true", wording="true",
        claim_checks="true", code_context="true", threshold=0.14, max_findings=5,
        lease_seconds=2, concurrency=1, worker_port=WORKER_PORT,
    ) as running:  # fmt: skip
        yield running


def opened(bot: Bot, name: str) -> Pull:
    """A pull request whose change calls what an unchanged file defines."""
    repo = bot.github.repository(f"acme/{name}")
    repo.commit({"prices.py": PRICES})
    return repo.opens_pull_request({"cart.py": f"# {name}\n{CART}"})


def asked(bot: Bot, name: str) -> list[Call]:
    """The calls about the change of this name."""
    return [call for call in bot.model.reviews if f"# {name}\n" in call.prompt]


def stages(calls: list[Call]) -> Counter[str]:
    return Counter(stage_of(call.body) for call in calls)


def test_a_pull_request_is_reviewed_by_all_stages_and_says_so(bot: Bot) -> None:
    pull = opened(bot, "all")
    bot.settles()
    calls = asked(bot, "all")
    assert stages(calls) == {"find": 3, "judge": 2, "word": 1}
    [review] = pull.reviews
    [comment] = pull.comments
    assert (comment["path"], comment["line"]) == ("cart.py", 6)
    assert "Every total raises TypeError" in comment["body"]
    assert "first look 1, other looks 2, judge 2, wording 1" in review.body
    with urlopen(f"http://127.0.0.1:{WORKER_PORT}/metrics", timeout=5) as answer:
        figures = answer.read().decode()
    for stage in ("first look", "other looks", "judge", "wording"):
        assert f'reviewbot_model_calls_total{{stage="{stage}"}}' in figures


def test_the_model_is_shown_what_an_unchanged_file_beside_the_change_defines(bot: Bot) -> None:
    opened(bot, "beside")
    bot.settles()
    first, *_ = asked(bot, "beside")
    context, _, _ = first.body["messages"][-1]["content"].partition("<change>")
    assert "def net_price(gross, rate):" in context
    assert "Give the price without tax." in context


def test_a_push_ends_the_judging_of_the_older_head(bot: Bot) -> None:
    bot.model.fault(FROZEN, first=1, containing="Task `judge`:")
    left = bot.model.disconnects
    pull = opened(bot, "older")
    eventually(lambda: stages(asked(bot, "older"))["judge"])
    pull.pushes({"cart.py": f"# newer\n{CART}"})
    eventually(lambda: bot.model.disconnects > left, 3.0)
    bot.settles()
    assert [review.commit_id for review in pull.reviews] == [pull.head]
    assert stages(asked(bot, "older"))["word"] == 0
    assert stages(asked(bot, "newer")) == {"find": 3, "judge": 2, "word": 1}


def test_a_worker_killed_after_the_judge_has_only_the_call_asked_again_that_was_cut_off(
    bot: Bot,
) -> None:
    bot.model.fault(FROZEN, first=1, containing="Task `word`:")
    pull = opened(bot, "killed")
    eventually(lambda: stages(asked(bot, "killed"))["word"])
    bot.workers[0].kill()
    bot.workers[0] = bot.starts_worker()
    bot.settles(60)
    assert [review.commit_id for review in pull.reviews] == [pull.head]
    assert len(pull.comments) == 1
    assert stages(asked(bot, "killed")) == {"find": 3, "judge": 2, "word": 2}
