"""What people do on GitHub, and what the bot makes of it: the real parts, end to end."""

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.bot import Bot, eventually, free_port
from tests.fakes.forge import Pull
from tests.fakes.forge.faults import (
    BAD_GATEWAY,
    INVALID_LINE,
    NO_ANSWER,
    NO_PERMISSION,
    SECONDARY_AFTER,
    TOO_MANY_AFTER,
    When,
)
from tests.fakes.wire import Reply

BUG = "x = 1\ny = 2  # BUG\n"
OTHER_BUG = "x = 1\ny = 3  # BUG\n"


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """One bot for the scenarios that leave its processes alone."""
    with Bot(tmp_path_factory.mktemp("bot"), workers=2) as running:
        yield running


def heads(pull: Pull) -> list[str]:
    """The heads of the bot's reviews, in order."""
    return [review.commit_id for review in pull.reviews]


def test_an_opened_pull_request_is_reviewed_once_on_its_lines(bot: Bot) -> None:
    pull = bot.github.repository("acme/opened").opens_pull_request({"a.py": BUG})
    bot.settles()
    assert heads(pull) == [pull.head]
    [comment] = pull.comments
    assert (comment["path"], comment["side"], comment["line"]) == ("a.py", "RIGHT", 2)
    [check] = pull.checks
    assert (check.status, check.conclusion) == ("completed", "neutral")


def test_a_pull_request_with_nothing_to_say_gets_a_check_and_no_comment(bot: Bot) -> None:
    pull = bot.github.repository("acme/clean").opens_pull_request({"a.py": "x = 1\n"})
    bot.settles()
    assert pull.every_review == []
    [check] = pull.checks
    assert check.title == "No findings."


def test_each_push_is_reviewed_once_and_going_back_to_an_earlier_head_is_not(bot: Bot) -> None:
    pull = bot.github.repository("acme/pushes").opens_pull_request({"a.py": BUG})
    bot.settles()
    first = pull.head
    pull.pushes({"a.py": OTHER_BUG})
    bot.settles()
    second = pull.head
    pull.force_pushes(first)
    bot.settles()
    assert heads(pull) == [first, second]


def test_pushing_away_and_back_at_once_ends_with_one_review_of_the_head(bot: Bot) -> None:
    pull = bot.github.repository("acme/back").opens_pull_request({"a.py": BUG})
    first = pull.head
    pull.pushes({"a.py": OTHER_BUG})
    pull.force_pushes(first)
    bot.settles()
    assert heads(pull).count(first) == 1


def test_closing_and_opening_again_posts_nothing_more(bot: Bot) -> None:
    pull = bot.github.repository("acme/reopened").opens_pull_request({"a.py": BUG})
    bot.settles()
    pull.closes()
    pull.reopens()
    bot.settles()
    assert heads(pull) == [pull.head]


def test_one_head_in_two_pull_requests_is_reviewed_in_each(bot: Bot) -> None:
    repo = bot.github.repository("acme/twice")
    repo.commit({}, "release")
    one = repo.opens_pull_request({"a.py": BUG})
    two = repo.opens_pull_request({}, base="release", head=one.head)
    bot.settles()
    assert heads(one) == heads(two) == [one.head]


def test_a_fork_is_reviewed_even_when_it_is_deleted(bot: Bot) -> None:
    repo = bot.github.repository("acme/forked")
    pull = repo.opens_pull_request({"a.py": BUG}, fork=True, author="mallory")
    pull.fork_deleted = True
    bot.settles()
    assert heads(pull) == [pull.head]


def test_two_installations_do_not_mix(bot: Bot) -> None:
    ours = bot.github.repository("acme/ours").opens_pull_request({"a.py": BUG})
    theirs = bot.github.repository("other/theirs", 2).opens_pull_request({"a.py": BUG})
    bot.settles()
    assert heads(ours) == [ours.head]
    assert heads(theirs) == []
    [job] = [job for job in bot.jobs() if job.repository == "theirs"]
    assert "REVIEWBOT_ALLOWED_OWNERS" in job.reason


def test_a_rerun_of_the_check_is_a_new_run_of_the_same_head(bot: Bot) -> None:
    pull = bot.github.repository("acme/rerun").opens_pull_request({"a.py": BUG})
    bot.settles()
    pull.reruns_check()
    bot.settles()
    assert heads(pull) == [pull.head, pull.head]
    pull.repo.reruns_suite(pull.head)
    bot.settles()
    assert heads(pull) == [pull.head] * 3


def test_a_draft_waits_until_it_is_ready(bot: Bot) -> None:
    pull = bot.github.repository("acme/draft").opens_pull_request({"a.py": BUG}, draft=True)
    bot.settles()
    assert heads(pull) == []
    pull.is_ready()
    bot.settles()
    assert heads(pull) == [pull.head]


def test_a_changed_base_is_another_diff_of_the_same_head(bot: Bot) -> None:
    repo = bot.github.repository("acme/based")
    repo.commit({"b.py": "b = 1\n"}, "release")
    pull = repo.opens_pull_request({"a.py": BUG})
    bot.settles()
    pull.changes_base("release")
    bot.settles()
    assert heads(pull) == [pull.head, pull.head]


def test_a_merge_queue_gets_its_check_at_once(bot: Bot) -> None:
    repo = bot.github.repository("acme/queue")
    head = repo.commit({"a.py": BUG}, "gh-readonly-queue")
    repo.queues_merge(head)
    eventually(lambda: [check.conclusion for check in repo.checks] == ["neutral"])


def test_a_persons_draft_is_left_alone_and_the_check_says_so(bot: Bot) -> None:
    repo = bot.github.repository("acme/person")
    bot.github.holds_deliveries()
    pull = repo.opens_pull_request({"a.py": BUG})
    pull.person_drafts_review(bot.github.bot, "Not by us.")
    bot.github.lets_go()
    bot.settles()
    assert [one.body for one in pull.pending] == ["Not by us."]
    assert heads(pull) == []
    [check] = pull.checks
    assert "draft" in check.summary


def test_deliveries_twice_late_and_in_another_order_change_nothing(bot: Bot) -> None:
    repo = bot.github.repository("acme/order")
    held = bot.github.holds_deliveries()
    pull = repo.opens_pull_request({"a.py": BUG})
    pull.pushes({"a.py": OTHER_BUG})
    bot.github.lets_go(reverse=True)
    bot.settles()
    assert [bot.github.delivers_again(one) for one in held] == [200, 200]
    bot.settles()
    assert heads(pull) == [pull.head]


@pytest.mark.parametrize("operation", ["create_review", "submit_review", "create_check"])
@pytest.mark.parametrize("reply", [BAD_GATEWAY, NO_ANSWER], ids=["502", "no answer"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_whose_answer_is_lost_is_not_doubled(
    bot: Bot, operation: str, reply: Reply, when: When
) -> None:
    repo = bot.github.repository(f"acme/lost-{operation}-{reply.status}-{when}")
    bot.github.fails(operation, reply, when)
    pull = repo.opens_pull_request({"a.py": BUG})
    bot.settles()
    assert heads(pull) == [pull.head]
    assert len(pull.checks) == 1


def test_a_limit_is_waited_for_in_the_table(bot: Bot) -> None:
    pulls = []
    for number, limit in enumerate((SECONDARY_AFTER, TOO_MANY_AFTER)):
        bot.github.fails("create_review", limit)
        repository = bot.github.repository(f"acme/limit-{number}")
        pulls.append(repository.opens_pull_request({"a.py": BUG}))
    bot.settles(60)
    assert [heads(pull) for pull in pulls] == [[pull.head] for pull in pulls]


def test_a_token_that_ends_in_the_middle_is_renewed(bot: Bot) -> None:
    hold = bot.github.holds("create_review")
    pull = bot.github.repository("acme/token").opens_pull_request({"a.py": BUG})
    hold.wait()
    bot.github.tokens.clear()
    hold.released.set()
    bot.settles(60)
    assert heads(pull) == [pull.head]


def test_a_push_between_the_review_and_its_posting_posts_only_the_newer(bot: Bot) -> None:
    pull = bot.github.repository("acme/moved").opens_pull_request({"a.py": BUG})
    hold = bot.github.holds("create_review", "after")
    pull.pushes({"a.py": OTHER_BUG})
    hold.wait()
    stale = pull.head
    pull.pushes({"a.py": BUG})
    hold.released.set()
    bot.settles()
    assert heads(pull)[-1] == pull.head
    assert stale not in heads(pull)
    assert pull.pending == []
    assert all(check.status == "completed" for check in pull.repo.checks)


def test_a_review_whose_places_are_refused_says_it_all_in_its_body(bot: Bot) -> None:
    bot.github.fails("create_review", INVALID_LINE)
    pull = bot.github.repository("acme/refused").opens_pull_request({"a.py": BUG})
    bot.settles()
    [review] = pull.reviews
    assert pull.comments == []
    assert "BUG on line" in review.body


def test_a_permission_that_is_missing_fails_the_job_and_a_redelivery_runs_it_again(
    bot: Bot,
) -> None:
    bot.github.fails("get_pull", NO_PERMISSION)
    pull = bot.github.repository("acme/denied").opens_pull_request({"a.py": BUG})
    bot.settles()
    assert heads(pull) == []
    [check] = pull.checks
    assert "pull_requests" in check.summary
    assert bot.github.delivers_again(bot.github.deliveries[-1]) == 202
    bot.settles()
    assert heads(pull) == [pull.head]
    assert bot.github.delivers_again(bot.github.deliveries[-1]) == 200


def test_an_installation_that_is_gone_leaves_nothing_behind(bot: Bot) -> None:
    pull = bot.github.repository("acme/gone", 77).opens_pull_request({"a.py": BUG})
    bot.settles()
    assert heads(pull) == [pull.head]
    bot.github.uninstalls(77)
    eventually(lambda: not [job for job in bot.jobs() if job.repository == "gone"])
    assert not (bot.folder / "data" / "repositories" / "77").exists()


def test_a_bot_that_was_down_asks_for_what_it_missed(tmp_path: Path) -> None:
    with Bot(tmp_path) as bot:
        bot.api.end()
        pull = bot.github.repository().opens_pull_request({"a.py": BUG})
        assert bot.github.deliveries[-1].status == 0
        bot.forgets_redeliveries()
        bot.api = bot.starts_api()
        eventually(lambda: heads(pull) == [pull.head])


def test_both_processes_show_their_figures(tmp_path: Path) -> None:
    port = free_port()
    with Bot(tmp_path, worker_port=port) as bot:
        bot.github.repository().opens_pull_request({"a.py": BUG})
        bot.settles()
        api, worker = page(bot.port, "/metrics"), page(port, "/metrics")
        assert 'reviewbot_deliveries_total{event="pull_request",outcome="taken"} 1.0' in api
        assert 'reviewbot_jobs{state="done"}' in api
        assert 'reviewbot_reviews_total{outcome="posted"} 1.0' in worker
        assert 'reviewbot_stage_seconds_count{stage="model"} 1.0' in worker
        assert "reviewbot_github_requests_left 49" in worker
        assert page(port, "/livez") == "ok\n"
        assert '"ready": true' in page(bot.port, "/readyz")


def page(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        text: str = answer.read().decode()
        return text
