"""A claimed review comes in; out comes one posted review on its head, or why there is none."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reviewbot import engine
from reviewbot.budget import budget_for
from reviewbot.context.known import KnownFiles
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.engine import Answered, Stages
from reviewbot.engine.around import Around
from reviewbot.errors import GitError, GitHubGoneError, InputError
from reviewbot.findings.review import Review
from reviewbot.git.fetch import FetchStoppedError, Limits, fetch_around, fetch_diff
from reviewbot.git.remote import Remote
from reviewbot.git.store import Store
from reviewbot.github import check_output
from reviewbot.github.app import App
from reviewbot.github.check_output import CheckOutput
from reviewbot.github.checks import complete_check, find_check, open_check
from reviewbot.github.client import GitHub, PullRequest
from reviewbot.github.marker import Mark, MarkerKey, external_id
from reviewbot.github.posting import NotMine, Posted
from reviewbot.github.pull_request import Reviewed, post_review, remote_of
from reviewbot.github.webhook import Repository
from reviewbot.model.ask import Ports
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Key
from reviewbot.model.kept import Kept
from reviewbot.service import jobs, metrics, pace
from reviewbot.service.answers import KeptInTable
from reviewbot.service.database import Database
from reviewbot.service.endings import NotWantedError, UnansweredError
from reviewbot.service.jobs import Job
from reviewbot.service.logs import get_logger
from reviewbot.service.loop import Loop
from reviewbot.service.model import SharedModel
from reviewbot.service.running import Running, StoppedError

SETTLE_SECONDS = 10.0
"""After an end in mid-posting GitHub's lists may lag: for so long nothing is listed."""
SITTING_SECONDS = 1500.0
"""A longer review is given back and taken up again, before its message counts as lost."""
PATIENT_SECONDS = 3600.0
"""So long a review waits for a model that does not answer; then it is posted with its gaps."""
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """What is reviewed, and how it is told. `owners` are in small letters; empty: the App's own."""

    owners: frozenset[str]
    skip_drafts: bool
    skip_bots: bool
    fail_on: str
    write_interval: float
    answer_tokens: int
    limits: Limits
    look_around: bool


@dataclass(frozen=True, slots=True)
class Tools:
    """What the jobs of a process share."""

    database: Database
    app: App
    loop: Loop
    model: SharedModel
    store: Store
    keys: tuple[MarkerKey, ...]
    ports: Callable[[Connection, Kept, Key], Ports]
    stages: Callable[[Connection], Stages]
    rules: Rules

    def github(self, installation: int) -> GitHub:
        """Give GitHub as an installation sees it; writes wait for their turn."""
        return self.app.installation(installation, partial(self._turn, installation))

    def _turn(self, installation: int) -> None:
        interval = self.rules.write_interval
        if interval > 0:
            with self.database.write() as connection:
                wait = pace.take_turn(connection, installation, interval, time.time())
            time.sleep(wait)


def review_pull(tools: Tools, running: Running) -> None:
    """Review what a job names, and finish it in the table. Raises what stops it."""
    job = running.job
    with tools.github(job.installation) as github:
        if job.state in jobs.ENDED:
            _close_check(tools, job, github)
            return
        _Review(tools, running, github).run()


class _Review:
    """One review, in the thread of its job."""

    def __init__(self, tools: Tools, running: Running, github: GitHub) -> None:
        self._tools = tools
        self._running = running
        self._job = running.job
        self._github = github
        self._without: tuple[str, ...] = ()

    def run(self) -> None:
        """Read, fetch, ask, post, tell: each step looks first whether it is still wanted."""
        started = time.monotonic()
        pull = self._wanted()
        check = self._open_check()
        with metrics.stage("fetch"):
            files, known = self._fetch(pull)
        with metrics.stage("model"):
            review = self._ask(files, known)
        seconds = time.monotonic() - started
        with metrics.stage("post"):
            posted = self._post(Reviewed(review, files, seconds, self._job.run))
        output = check_output.reviewed(review, self._tools.rules.fail_on, seconds=seconds)
        self._finish(check, output, posted)
        metrics.count_review("posted" if posted else "nothing to say", review.usage)
        _log.info("reviewed", findings=len(review.findings), seconds=round(seconds, 1),
                  review=posted.review_id if posted else None)  # fmt: skip

    def _wanted(self) -> PullRequest:
        """Read the pull request: its delivery was only a hint. Raises where it is not wanted."""
        job, rules = self._job, self._tools.rules
        pull = self._github.fetch_pull(job.owner_login, job.repository, job.number)
        self._running.check()
        owners = rules.owners or {self._tools.app.account().login.lower()}
        if "*" not in owners and pull.repository.owner.lower() not in owners:
            raise NotWantedError(f"{pull.repository.owner} is not in REVIEWBOT_ALLOWED_OWNERS")
        if pull.repository.id != job.repository_id:
            raise NotWantedError("another repository has the name now")
        if pull.state != "open":
            raise NotWantedError("the pull request is closed")
        if pull.draft and rules.skip_drafts:
            raise NotWantedError("the pull request is a draft")
        if pull.author_is_bot and rules.skip_bots:
            raise NotWantedError("the pull request is a bot's")
        if (pull.head, pull.base) != (job.head, job.base):
            with self._tools.database.write() as connection:
                jobs.supersede_by_head(connection, job, pull.head, pull.base, time.time())
            raise StoppedError("superseded")
        return pull

    def _open_check(self) -> int:
        """Give the check run in progress; that there is to be one is noted before it is made."""
        job = self._job
        if job.check_open and job.check_run_id is not None:
            return job.check_run_id
        self._note(jobs.set_check, None)
        checks = self._github.checks(_repository(job))
        check = open_check(checks, job.head, external_id(_mark(job)))
        self._note(jobs.set_check, check)
        return check

    def _note(self, write: Callable[..., bool], *values: object) -> None:
        with self._tools.database.write() as connection:
            if not write(connection, self._job, *values):
                raise StoppedError("lost")

    def _fetch(self, pull: PullRequest) -> tuple[list[FileDiff], KnownFiles | None]:
        tools, job = self._tools, self._job
        try:
            remote = remote_of(self._github, pull, job.installation)
            data = fetch_diff(tools.store, remote, tools.rules.limits, self._running.stop)
            self._running.check()
            files = list(parse_diff(data)) if data.strip() else []
            return files, self._fetch_around(remote, files)
        except FetchStoppedError:
            self._running.check()
            raise

    def _fetch_around(self, remote: Remote, files: Sequence[FileDiff]) -> KnownFiles | None:
        """Fetch what stands around the change; without it the review is made of the diff alone."""
        tools = self._tools
        if not tools.rules.look_around or not files:
            return None
        try:
            known = fetch_around(tools.store, remote, files, tools.rules.limits, self._running.stop)
        except FetchStoppedError:
            raise
        except (GitError, InputError) as error:
            _log.warning("the code around the change was not read", reason=str(error))
            self._without = (f"the code around the change: {error}",)
            return None
        if known.problem:
            _log.warning("the files near the change were not fetched", reason=known.problem)
            self._without = (known.problem,)
        return known

    def _ask(self, files: list[FileDiff], known: KnownFiles | None) -> Review:
        """Plan in this thread, and let the loop ask the model. Each answer is kept at once."""
        tools, job = self._tools, self._job
        connection = self._running.result(tools.loop.submit(tools.model.connection()))
        plan = engine.plan(files, budget_for(connection.info, tools.rules.answer_tokens))
        self._running.check()
        key = (str(job.installation), f"{job.repository_id}#{job.number}")
        ports = tools.ports(connection, KeptInTable(tools.database, job), key)
        unanswered: list[str] = []

        def tell(event: Answered) -> None:
            if event.temporary:
                unanswered.append(event.failure or "no answer")

        around = Around(files, known, plan.budget.context)
        stages = tools.stages(connection)
        asking = engine.review(plan, connection.info, ports, tell, stages, around)
        review = self._running.result(tools.loop.submit(asking), SITTING_SECONDS)
        if unanswered and time.time() - job.created_at < PATIENT_SECONDS:
            share = f"{len(unanswered)} of {len(plan.chunks)} chunks"
            raise UnansweredError(f"{share} wait for the model: {unanswered[0]}")
        return replace(review, went_without=(*self._without, *review.went_without))

    def _post(self, reviewed: Reviewed) -> Posted | None:
        """Post what was found on the head that it was found on."""
        pull = self._wanted()  # it may have moved since
        self._note(jobs.advance, "posting")
        if self._job.state == "posting":  # and so it was when it was claimed
            self._running.sleep(self._job.claimed_at + SETTLE_SECONDS - time.time())
        posted = post_review(self._github, pull, reviewed, self._tools.keys, self._is_mine)
        if isinstance(posted, NotMine):
            self._running.check()
            raise StoppedError("recheck")
        return posted

    def _is_mine(self) -> bool:
        """Whether this worker still has the job, and it is wanted: asked before the submit."""
        if self._running.ending is not None:
            return False
        with self._tools.database.read() as connection:
            return jobs.is_wanted(connection, self._job, "posting")

    def _finish(self, check: int, output: CheckOutput, posted: Posted | None) -> None:
        complete_check(self._github.checks(_repository(self._job)), check, output)
        with self._tools.database.write() as connection:
            jobs.finish(
                connection, self._job, "done", "", time.time(), posted.review_id if posted else None
            )


def _close_check(tools: Tools, job: Job, github: GitHub) -> None:
    """Complete the check run of a job that ended; one that failed gets one that says so."""
    checks = github.checks(_repository(job))
    output = check_output.superseded(job.reason)
    metrics.count_review(job.state)
    try:
        if job.state == "failed":
            output = check_output.failed(job.reason, job.id)
            check: int | None = open_check(checks, job.head, external_id(_mark(job)))
        else:
            check = job.check_run_id or find_check(checks, job.head, external_id(_mark(job)))
        if check is not None:
            complete_check(checks, check, output)
    except GitHubGoneError:
        _log.info("nobody is left to tell how the review ended")
    with tools.database.write() as connection:
        jobs.close_check(connection, job)


def _repository(job: Job) -> Repository:
    return Repository(job.repository_id, job.owner_login, job.repository)


def _mark(job: Job) -> Mark:
    return Mark(job.repository_id, job.number, job.base, job.head, job.run)
