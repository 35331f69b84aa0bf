"""What people do on GitHub, and what the bot makes of it: the real parts, end to end."""

from pathlib import Path

from tests.bot import Bot

BUG = "x = 1\ny = 2  # BUG\n"


def test_an_opened_pull_request_is_reviewed_once_on_its_lines(tmp_path: Path) -> None:
    with Bot(tmp_path) as bot:
        pull = bot.github.repository().opens_pull_request({"a.py": BUG})
        bot.settles()
        [review] = pull.reviews
        assert review.commit_id == pull.head
        [comment] = pull.comments
        assert (comment["path"], comment["side"], comment["line"]) == ("a.py", "RIGHT", 2)
        [check] = pull.checks
        assert (check.status, check.conclusion) == ("completed", "neutral")
