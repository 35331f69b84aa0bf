"""The ends of a pull request come in; out comes the diff between them, fetched by git over HTTP.

Of both commits git fetches the trees, then of the files that differ the contents: four requests,
whatever the size of the repository and of its history.
"""

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.context.known import KnownFiles
from reviewbot.diff.parse import FileDiff
from reviewbot.errors import FetchError, GitError
from reviewbot.git.nearby import read_nearby
from reviewbot.git.remote import CommitMissingError, Remote, explained, offline, online
from reviewbot.git.run import DIFF, GitFailedError, Leash, run_git
from reviewbot.git.store import Held, Store

_LOOK = 0.1  # seconds between two looks at how much was fetched
_MOST_PACKS = 400
"""Each fetch adds two packs and none is ever removed; with more of them it is made anew."""
_TIP = "refs/reviewbot/tip"
"""The last head. The server is told of it, and sends the trees that differ from its trees."""
_FETCH = (
    "fetch", "--quiet", "--depth=1", "--filter=blob:none", "--no-tags", "--no-write-fetch-head",
    "--no-auto-maintenance", "--no-recurse-submodules", "--no-show-forced-updates", "origin",
)  # fmt: skip


class FetchStoppedError(FetchError):
    """The caller's `stop` was set; nothing is wrong."""


class _TooMuchError(GitError):
    """More was fetched than is allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take: bytes of diff, of objects, and of memory of each git; seconds.

    The seconds count twice: until nobody else uses the repository, and from there.
    """

    diff: int = 200_000_000
    fetched: int = 1_000_000_000
    memory: int = 2_000_000_000
    seconds: float = 300.0


def fetch_diff(
    store: Store, remote: Remote, limits: Limits, stop: threading.Event | None = None
) -> bytes:
    """Give what `git diff -M --full-index` says of a pull request's head against its merge base.

    Raises `InputError` for a diff above the limit; `FetchError` for what another try may mend (a
    commit that is not there, too: the next try reads the pull request again), its subclass
    `FetchStoppedError` within 0.2 s of `stop`; and `GitError` for all that stays as it is.
    """
    stop = stop or threading.Event()
    try:
        store.make_room()
        queue = _Clock(stop, limits.seconds, "others used the repository")
        with store.hold(remote.installation, remote.repository_id, queue.wait) as held:
            return _diff(held, remote, limits, _Clock(stop, limits.seconds, "git ran"))
    except OSError as error:
        raise FetchError(f"{store.folder} cannot be used: {error}") from error


def fetch_around(
    store: Store,
    remote: Remote,
    files: Sequence[FileDiff],
    limits: Limits,
    stop: threading.Event | None = None,
) -> KnownFiles:
    """Give the files around a pull request's diff, which was fetched before.

    Raises what `fetch_diff` raises.
    """
    stop = stop or threading.Event()
    try:
        queue = _Clock(stop, limits.seconds, "others used the repository")
        with store.hold(remote.installation, remote.repository_id, queue.wait) as held:
            clock = _Clock(stop, limits.seconds, "git ran")
            leash = Leash(clock.check, limits.memory, (held.lock,))
            return read_nearby(held, remote, files, leash)
    except OSError as error:
        raise FetchError(f"{store.folder} cannot be used: {error}") from error


def _diff(held: Held, remote: Remote, limits: Limits, clock: "_Clock") -> bytes:
    """Make the diff; a repository that is broken is made anew once, from nothing.

    Only fetching commits needs the lock ("shallow file has changed"), fetching contents does not.
    It is held for both, so that what others would tidy up or delete is never in use.
    """
    held.tidy()
    if held.packs() > _MOST_PACKS:
        held.discard()
    try:
        try:
            return _Git(held, remote, limits, clock).diff()
        except GitFailedError:
            held.discard()
            return _Git(held, remote, limits, clock).diff()
    except _TooMuchError:
        held.discard()
        raise


class _Clock:
    """Ends a wait or a git, by raising, when it took too long or the caller wants no more."""

    def __init__(self, stop: threading.Event, seconds: float, doing: str) -> None:
        self._stop = stop
        self._seconds = seconds
        self._doing = doing
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        if self._stop.is_set():
            raise FetchStoppedError("the fetch was stopped")
        if time.monotonic() > self._until:
            raise FetchError(f"{self._doing} for more than {self._seconds:g} s")

    def wait(self, seconds: float) -> None:
        self.check()
        self._stop.wait(seconds)


class _Git:
    """Runs git in a repository that is held, for one pull request."""

    def __init__(self, held: Held, remote: Remote, limits: Limits, clock: _Clock) -> None:
        self._held = held
        self._remote = remote
        self._limits = limits
        self._clock = clock
        self._online = online(remote)
        self._before = held.packed()
        self._next_look = 0.0

    def diff(self) -> bytes:
        """Fetch what is missing of both ends and compare them."""
        if not self._held.folder.exists():
            self._make()
        if missing := self._missing():
            self._fetch(missing)
        ends = (self._remote.merge_base, self._remote.head)
        command = ("diff", *DIFF, "--full-index", *ends, "--")
        return self._run(*command, environment=self._online, limit=self._limits.diff)

    def _make(self) -> None:
        """Make an empty repository, at no moment half of one."""
        fresh = self._held.folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        where = offline() | {"GIT_DIR": str(fresh.absolute())}
        self._run("init", "--quiet", "--bare", "--template=", "-b", "main", environment=where)
        fresh.rename(self._held.folder)

    def _fetch(self, missing: list[str]) -> None:
        """Fetch what is missing by id; a head that is not given so, as the pull request's."""
        pull = f"refs/pull/{self._remote.number}/head"
        try:
            self._run(*_FETCH, *missing, environment=self._online)
        except CommitMissingError:
            base = [sha for sha in missing if sha != self._remote.head]
            self._run(*_FETCH, *base, pull, environment=self._online)
            if gone := self._missing():
                raise CommitMissingError(f"{gone[0]} is gone, and {pull} is another") from None
        if self._missing():
            raise GitFailedError("fatal: what git fetched is not there")
        self._run("update-ref", _TIP, self._remote.head)

    def _missing(self) -> list[str]:
        """List the ends that are not here."""
        ends = dict.fromkeys((self._remote.merge_base, self._remote.head))
        here = self._run("rev-list", "--no-walk", "--ignore-missing", *ends).decode().split()
        return [sha for sha in ends if sha not in here]

    def _run(
        self, *arguments: str, environment: dict[str, str] | None = None, limit: int | None = None
    ) -> bytes:
        folder = self._held.folder.absolute()
        # with the repository named, git looks for no other and does not ask who owns it
        named = {"GIT_DIR": str(folder)} | (environment or offline())
        leash = Leash(self._check, self._limits.memory, (self._held.lock,))
        try:
            data = run_git(folder.parent, *arguments, environment=named, limit=limit, leash=leash)
        except GitFailedError as error:
            raise explained(error, self._remote) from error
        self._weigh()
        return data

    def _check(self) -> None:
        self._clock.check()
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK
            self._weigh()

    def _weigh(self) -> None:
        if self._held.packed() - self._before > self._limits.fetched:
            megabytes = self._limits.fetched / 1_000_000
            raise _TooMuchError(f"the change takes more than {megabytes:g} MB to fetch")
