"""What people do: they open, push, close, ask again; GitHub's state changes, a webhook is sent."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.forge.repositories import Files, Git
from tests.fakes.forge.state import APP_ID, BOT, Check, Delivery, Review

if TYPE_CHECKING:
    from tests.fakes.forge.server import FakeGitHub

JSON = dict[str, Any]


@dataclass(slots=True)
class Repo:
    """A repository, and what people do in it."""

    github: "FakeGitHub"
    id: int
    owner: str
    name: str
    installation: int
    git: Git
    pulls: dict[int, "Pull"] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def tip(self, branch: str) -> str:
        return self.git.run("rev-parse", f"refs/heads/{branch}")

    def commit(self, files: Files, branch: str = "main") -> str:
        """Commit on a branch, which is made where it is not there."""
        exists = self.git.run("for-each-ref", f"refs/heads/{branch}")
        parent = self.tip(branch) if exists else self.tip("main") if branch != "main" else None
        return self.git.commit(files, f"refs/heads/{branch}", parent)

    def opens_pull_request(
        self, files: Files, *, title: str = "A change", author: str = "ada", draft: bool = False,
        fork: bool = False, bot: bool = False, base: str = "main", head: str | None = None,
    ) -> "Pull":  # fmt: skip
        """Open a pull request of one commit with these files, or of a commit that is there."""
        with self.github.lock:
            number = 1 + max(self.pulls, default=0)
            pull = Pull(self, number, title, author, bot, draft, fork, base)
            self.pulls[number] = pull
        if head is None:
            pull.put(files, self.tip(base))
        else:
            pull.point_at(head)
        pull.send("opened")
        return pull

    def reruns_suite(self, head: str) -> Delivery:
        """Re-run all checks of a commit; no pull request is named, as for forks."""
        suite = {"id": 5, "head_sha": head, "pull_requests": [], "app": {"id": APP_ID},
                 "updated_at": str(time.time())}  # fmt: skip
        return self.github.send(self, "check_suite", {"action": "rerequested",
                                                      "check_suite": suite})  # fmt: skip

    def queues_merge(self, head: str) -> Delivery:
        """Have the merge queue ask for checks on what it made."""
        group = {"head_sha": head, "head_ref": "refs/heads/gh-readonly-queue/main/pr-1",
                 "base_sha": self.tip("main"), "base_ref": "refs/heads/main"}  # fmt: skip
        payload = {"action": "checks_requested", "merge_group": group}
        return self.github.send(self, "merge_group", payload)


@dataclass(slots=True)
class Pull:
    """A pull request, what people do to it, and what the bot did."""

    repo: Repo
    number: int
    title: str
    author: str
    bot: bool
    draft: bool
    fork: bool
    base: str
    state: str = "open"
    head: str = ""
    fork_deleted: bool = False
    every_review: list[Review] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"refs/pull/{self.number}/head"

    @property
    def reviews(self) -> list[Review]:
        """The submitted reviews of the bot."""
        now = time.time()
        own = (one for one in self.every_review if one.author == BOT and one.exists(now))
        return [one for one in own if one.state(now) != "PENDING"]

    @property
    def pending(self) -> list[Review]:
        """The pending reviews, of whomever."""
        now = time.time()
        return [one for one in self.every_review if one.exists(now) and one.state(now) == "PENDING"]

    @property
    def comments(self) -> list[JSON]:
        """The inline comments of the bot's submitted reviews."""
        return [comment for review in self.reviews for comment in review.comments]

    @property
    def checks(self) -> list[Check]:
        """The check runs on its head."""
        return [check for check in self.repo.checks if check.head == self.head]

    def put(self, files: Files, parent: str) -> None:
        self.point_at(self.repo.git.commit(files, self.ref, parent))

    def point_at(self, head: str) -> None:
        self.repo.git.run("update-ref", self.ref, head)
        if not self.fork:
            self.repo.git.run("update-ref", f"refs/heads/pull-{self.number}", head)
        self.head = head

    def pushes(self, files: Files) -> Delivery:
        """Push one more commit."""
        self.put(files, self.head)
        return self.send("synchronize")

    def force_pushes(self, head: str) -> Delivery:
        """Push a commit that is there already, whatever stood there."""
        self.point_at(head)
        return self.send("synchronize")

    def closes(self) -> Delivery:
        self.state = "closed"
        return self.send("closed")

    def reopens(self) -> Delivery:
        self.state = "open"
        return self.send("reopened")

    def is_ready(self) -> Delivery:
        self.draft = False
        return self.send("ready_for_review")

    def changes_base(self, base: str) -> Delivery:
        before, self.base = self.base, base
        return self.send("edited", changes={"base": {"ref": {"from": before}}})

    def reruns_check(self) -> Delivery:
        """Re-run the bot's newest check on the head."""
        check = self.checks[-1]
        run = {"id": check.id, "head_sha": check.head, "external_id": check.external_id,
               "app": {"id": check.app_id}, "name": check.name, "pull_requests": []}  # fmt: skip
        return self.repo.github.send(self.repo, "check_run",
                                     {"action": "rerequested", "check_run": run})  # fmt: skip

    def person_drafts_review(self, login: str, body: str = "Still thinking.") -> Review:
        """Begin a review without submitting it."""
        github = self.repo.github
        review = Review(github.next_id(), login, body, self.head, [])
        with github.lock:
            self.every_review.append(review)
        return review

    def send(self, action: str, **more: object) -> Delivery:
        """Send the event of a change."""
        payload = {"action": action, "number": self.number, "pull_request": self.payload(), **more}
        return self.repo.github.send(self.repo, "pull_request", payload, sender=self.author)

    def payload(self) -> JSON:
        """The pull request as webhooks show it, as far as anyone needs it."""
        return {
            "id": self.number, "number": self.number, "title": self.title, "state": self.state,
            "draft": self.draft, "updated_at": str(time.time()),
            "user": {"login": self.author, "type": "Bot" if self.bot else "User"},
            "head": {"sha": self.head, "ref": f"pull-{self.number}"},
            "base": {"ref": self.base, "sha": self.repo.tip(self.base)},
        }  # fmt: skip


def make_repo(github: "FakeGitHub", folder: Path, full_name: str, installation: int) -> Repo:
    """Make a repository with one commit on main."""
    owner, _, name = full_name.partition("/")
    repo = Repo(
        github, github.next_id(), owner, name, installation, Git(folder / owner / f"{name}.git")
    )
    repo.commit({"README.md": f"# {name}\n"})
    return repo
