"""A fake GitHub: people's actions and API calls in; state, real git and signed webhooks out.

with FakeGitHub(tmp_path) as github:
    repo = github.repository("acme/shop")
    pull = repo.opens_pull_request({"a.py": "x = 1\\n"})
    pull.pushes({"a.py": "x = 2\\n"})
[review] = pull.reviews
"""

from tests.fakes.forge.faults import Hold
from tests.fakes.forge.people import Pull, Repo
from tests.fakes.forge.server import FakeGitHub
from tests.fakes.forge.state import Check, Review

__all__ = ["Check", "FakeGitHub", "Hold", "Pull", "Repo", "Review"]
