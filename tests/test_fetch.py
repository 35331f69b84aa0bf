"""What git fetches for a pull request: real git and real HTTP, good and bad."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reviewbot.errors import FetchError, GitError, InputError
from reviewbot.git.fetch import FetchStoppedError, Limits, fetch_diff
from reviewbot.git.remote import CommitMissingError, Remote
from reviewbot.git.store import Store
from reviewbot.settings import Secret
from tests.fakes.forge.repositories import serve_git
from tests.fakes.wire import Reply, Request, WireServer, text_reply
from tests.run import Repository, environment

TOKEN = "ghs_" + "s3cret" * 8
LOGIN = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
LIMITS = Limits(seconds=20.0)
Fault = Callable[[Request], Awaitable[Reply | None]]


class Forge:
    """Serves the bare repositories in a folder over HTTP. `fault` may answer instead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault: Fault | None = None
        self.requests: list[Request] = []
        self._wire = WireServer(self._respond)
        self.url = self._wire.url
        self.close = self._wire.close

    @property
    def asked(self) -> list[str]:
        """The requests by method and the last part of their path."""
        return [f"{one.method} {one.path.rpartition('/')[2]}" for one in self.requests]

    async def _respond(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.fault is not None and (spoilt := await self.fault(request)) is not None:
            return spoilt
        return await asyncio.to_thread(self._serve, request)

    def _serve(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Basic {LOGIN}":
            return Reply(401, headers={"www-authenticate": 'Basic realm="forge"'})
        return serve_git(self.folder, request)


class World:
    """A repository on a forge, a store to fetch it to, and a pull request of it."""

    def __init__(self, folder: Path) -> None:
        self.work = Repository(folder / "work")
        self.bare = folder / "forge" / "repository.git"
        self.forge = Forge(folder / "forge")
        self.store = Store(folder / "data" / "repositories", least_free=0)
        self.base = self.work.commit("a.py", *(f"line {number}" for number in range(40)))
        self.work.git("checkout", "-q", "-b", "work")

    def push(self, *refs: str) -> None:
        """Let the forge have the repository as it now is; `refs` leaves the others out."""
        shutil.rmtree(self.bare, ignore_errors=True)
        self.work.git("init", "-q", "--bare", str(self.bare))
        self.work.git("push", "-q", str(self.bare), *(refs or ("refs/heads/*:refs/heads/*",)))
        for name in ("allowFilter", "allowAnySHA1InWant"):
            self.work.git("-C", str(self.bare), "config", f"uploadpack.{name}", "true")

    def remote(self, head: str, base: str | None = None, **changes: Any) -> Remote:
        url = f"{self.forge.url}/repository.git"
        remote = Remote(7, 9, 1, url, Secret(TOKEN), base or self.base, head)
        return replace(remote, **changes)

    def fetch(self, head: str, base: str | None = None, **changes: Any) -> bytes:
        return fetch_diff(self.store, self.remote(head, base, **changes), LIMITS)

    def diff(self, head: str, base: str | None = None) -> bytes:
        """What git says in the full clone on the forge."""
        command = ["git", "diff", "-M", "--full-index", base or self.base, head]
        return subprocess.run(
            command, cwd=self.bare, env=environment(), check=True, capture_output=True
        ).stdout

    @property
    def copy(self) -> Path:
        return self.store.folder / "7" / "9.git"

    def gits(self) -> dict[int, str]:
        """The programs that work on the store now, by process id, with their command lines."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"GIT_DIR={self.store.folder}".encode() in (process / "environ").read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_text()
            except OSError:
                continue
        return {pid: line for pid, line in found.items() if line}


def first(fault: Fault, path: str = "git-upload-pack") -> Fault:
    """A fault of the first request to a path only."""
    spoilt: list[Request] = []

    async def once(request: Request) -> Reply | None:
        if spoilt or not request.path.endswith(path):
            return None
        spoilt.append(request)
        return await fault(request)

    return once


async def hold(_: Request) -> Reply | None:
    """Never answer."""
    await asyncio.sleep(60)
    return None


def answer(status: int, **headers: str) -> Fault:
    async def reply(_: Request) -> Reply | None:
        return Reply(status, headers=headers)

    return reply


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.forge.close()
    eventually(lambda: not world.gits(), 2.0)  # no orphans


@pytest.fixture
def head(world: World) -> str:
    """A pull request that changes one file, renames another and adds one."""
    world.work.commit("old.py", *(f"old {number}" for number in range(40)))
    world.base = world.work.git("rev-parse", "HEAD")
    world.work.git("mv", "old.py", "new.py")
    world.work.commit("new.py", *(f"old {number}" for number in range(40)), "and more")
    head = world.work.commit("a.py", *(f"line {number}" for number in range(1, 40)))
    world.push()
    return head


FOUR = ["GET refs", "POST git-upload-pack", "GET refs", "POST git-upload-pack"]


# What comes out.


def test_four_requests_give_the_diff_of_a_full_clone(world: World, head: str) -> None:
    assert world.fetch(head) == world.diff(head)
    assert b"rename from old.py" in world.diff(head)
    assert world.forge.asked == FOUR


def test_a_second_time_nothing_is_fetched(world: World, head: str) -> None:
    expected = world.fetch(head)
    world.forge.close()
    assert world.fetch(head) == expected


def test_the_next_push_sends_only_what_is_new(world: World, head: str) -> None:
    for number in range(300):
        world.work.write(f"d{number % 20}/f{number}.py", f"{number}")
    head = world.work.commit("a.py", "one")
    newer = world.work.commit("a.py", "two")
    world.push()
    world.fetch(head)
    packs = set(world.copy.rglob("*.pack"))
    world.forge.requests.clear()
    assert world.fetch(newer) == world.diff(newer)
    assert world.forge.asked == FOUR
    new = sum(pack.stat().st_size for pack in set(world.copy.rglob("*.pack")) - packs)
    assert new < min(pack.stat().st_size for pack in packs)


def test_a_merge_base_deep_in_history_is_an_end_like_any(world: World, head: str) -> None:
    world.work.git("checkout", "-q", "-b", "later", world.base)
    for number in range(5):
        world.work.commit("other.py", f"{number}")
    world.push()
    assert world.fetch(head) == world.diff(head)


def test_equal_ends_have_an_empty_diff(world: World, head: str) -> None:
    assert world.fetch(head, head) == b""


@pytest.mark.parametrize("how", ["by id", "by ref"])
def test_a_forks_head_is_found_by_the_pull_requests_ref(world: World, head: str, how: str) -> None:
    """By ref it is where the server says that it knows no commit of that id."""
    world.push("main", f"{world.base}:refs/heads/work", f"{head}:refs/pull/1/head")

    async def refuse(request: Request) -> Reply | None:
        theirs = b"want " + head.encode() in request.content
        known = theirs and b"want " + world.base.encode() not in request.content
        text = f"ERR upload-pack: not our ref {head}"
        spoilt = text_reply(200, f"{len(text) + 4:04x}{text}")
        spoilt.headers["content-type"] = "application/x-git-upload-pack-result"
        return None if how == "by id" or known or not theirs else spoilt

    world.forge.fault = first(refuse)
    assert world.fetch(head) == world.diff(head)
    by_ref = any(b"refs/pull/1/head" in one.content for one in world.forge.requests)
    assert by_ref == (how == "by ref")


def test_a_large_change_is_no_limit(world: World) -> None:
    stream = ["commit refs/heads/large", "committer A <a@example.org> 0 +0000", "data 0"]
    stream.append(f"from {world.base}")
    for number in range(3000):
        text = "".join(f"line {number} {line}\n" for line in range(34))
        stream += [f"M 100644 inline d{number % 50}/f{number}.py", f"data {len(text)}", text]
    data = "\n".join(stream).encode()
    command = ["git", "fast-import", "--quiet"]
    subprocess.run(command, cwd=world.work.folder, input=data, check=True, env=environment())
    head = world.work.git("rev-parse", "large")
    world.push()
    found = world.fetch(head)
    assert found == world.diff(head)
    assert (found.count(b"\ndiff --git"), found.count(b"\n+line")) == (2999, 102_000)
    assert world.forge.asked == FOUR


# A hostile repository.


def test_nothing_in_a_hostile_repository_runs_or_hides(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, home = tmp_path / "marks", tmp_path / "home"
    for folder in (marks, home):
        folder.mkdir()
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ntouch "{marks}/$(basename "$0")$$"\ncat "$@"\n')
    program.chmod(0o755)
    keys = ("filter.evil.smudge", "filter.evil.clean", "diff.evil.command", "diff.evil.textconv")
    for key in (*keys, "diff.external", "core.fsmonitor", "credential.helper", "core.askPass"):
        world.work.git("config", "-f", str(home / ".gitconfig"), key, str(program))
    for name in ("GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(program))
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_ATTR_SOURCE", "HEAD")
    world.work.write(".gitattributes", "*.py diff=evil filter=evil -diff", "* -text export-ignore")
    world.work.write(".gitmodules", '[submodule "x"]', "path = x", "ignore = all", "url = ext::id")
    (world.work.folder / "x").mkdir()
    world.work.write(".lfsconfig", "[lfs]", "url = http://127.0.0.1:1/")
    world.work.write('new\nline "quoted"\t.py', "a")
    world.work.write("-O.py", "b")
    (world.work.folder / "link").symlink_to("/etc/passwd")
    world.work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
    world.work.git("add", "-A", "--", ".", ":!x")
    world.work.git("commit", "-q", "-m", "Hostile")
    head = world.work.commit("a.py", "shown")
    world.push()
    found = world.fetch(head)
    assert found == world.diff(head)
    assert list(marks.iterdir()) == []
    for shown in (b"+shown", rb'"b/new\nline \"quoted\"\t.py"', b"+/etc/passwd", b"mode 160000"):
        assert shown in found


def test_a_tree_of_endless_trees_ends_at_the_memory_limit(world: World) -> None:
    blob = world.work.git("rev-parse", "HEAD:a.py")
    kind, name = "100644 blob", blob
    for _ in range(9):
        lines = "".join(f"{kind} {name}\tx{number}\n" for number in range(12))
        name = subprocess.run(
            ["git", "mktree"], cwd=world.work.folder, input=lines, text=True, check=True,
            capture_output=True,
        ).stdout.strip()  # fmt: skip
        kind = "040000 tree"
    head = world.work.git("commit-tree", "-p", "HEAD", "-m", "Bomb", name)
    world.work.git("update-ref", "refs/heads/work", head)
    world.push()
    limits = replace(LIMITS, memory=200_000_000)
    with pytest.raises(GitError, match="git needs more memory") as caught:
        fetch_diff(world.store, world.remote(head), limits)
    assert not isinstance(caught.value, FetchError)


@pytest.mark.parametrize(
    "changes",
    [
        {"clone_url": "ext::sh -c 'touch x'"},
        {"clone_url": "file:///etc"},
        {"clone_url": "--upload-pack=touch"},
        {"clone_url": "https://user:password@example.org/x.git"},
        {"clone_url": "https://example.org/x.git\nGIT_X=1"},
        {"clone_url": "https:///x.git"},
        {"clone_url": "https://[x/x.git"},
        {"head": "--output=x"},
        {"head": "HEAD"},
        {"merge_base": "a" * 39},
        {"merge_base": "a" * 40 + "\n"},
    ],
)
def test_what_no_forge_says_is_refused(world: World, changes: dict[str, Any]) -> None:
    remote = world.remote("a" * 40)
    with pytest.raises(GitError):
        replace(remote, **changes)


@pytest.mark.parametrize("changes", [{"installation": "../.."}, {"repository_id": "../x"}])
def test_no_id_leads_out_of_the_store(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        world.fetch("a" * 40, **changes)
    assert not world.store.folder.exists()


# The token.


def test_the_token_is_in_no_file_and_on_no_command_line(world: World, head: str) -> None:
    seen: list[str] = []

    async def look(_: Request) -> Reply | None:
        seen.extend(world.gits().values())
        return None

    world.forge.fault = look
    world.fetch(head)
    lines = "\n".join(seen)
    assert {"fetch", "git-remote-http", "diff"} <= set(
        lines.replace("\0", "\n").replace("/", "\n").split("\n")
    )
    kept = b"".join(path.read_bytes() for path in world.store.folder.rglob("*") if path.is_file())
    for secret in (TOKEN, LOGIN):
        assert secret not in lines
        assert secret.encode() not in kept
    assert TOKEN not in repr(world.remote(head))


def test_a_redirect_takes_no_token_anywhere(world: World, head: str, tmp_path: Path) -> None:
    other = Forge(tmp_path / "forge")
    world.forge.fault = answer(302, location=f"{other.url}/repository.git/info/refs")
    with pytest.raises(FetchError, match="sends git to another address"):
        world.fetch(head)
    other.close()
    assert other.requests == []


def test_no_other_login_of_ours_is_sent(
    world: World, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = world.work.folder.parent
    (home / ".netrc").write_text(f"machine 127.0.0.1 login x-access-token password {TOKEN}\n")
    monkeypatch.setenv("HOME", str(home))
    program = home / "askpass"
    program.write_text(f"#!/bin/sh\ncase $1 in U*) echo x-access-token;; *) echo {TOKEN};; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    with pytest.raises(GitError, match="does not let git read the repository"):
        world.fetch(head, token=None)


# A server that fails.


@pytest.mark.parametrize("path", ["info/refs", "git-upload-pack"])
@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, "does not let git read the repository: the token needs `Contents: read`", GitError),
        (403, "does not let git read the repository: the token needs `Contents: read`", GitError),
        (404, "has no such repository", GitError),
        (429, "git cannot fetch from", FetchError),
        (451, "has no such repository", GitError),
        (503, "git cannot fetch from", FetchError),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    world: World, head: str, path: str, status: int, said: str, kind: type[GitError]
) -> None:
    world.forge.fault = first(answer(status), path)
    with pytest.raises(GitError, match=said) as caught:
        world.fetch(head)
    assert type(caught.value) is kind
    assert world.fetch(head) == world.diff(head)


def test_nobody_at_the_address_is_worth_another_try(world: World, head: str) -> None:
    world.forge.close()
    with pytest.raises(FetchError, match="Failed to connect"):
        world.fetch(head)


def test_an_answer_cut_short_is_worth_another_try(world: World, head: str) -> None:
    async def cut(_: Request) -> Reply | None:
        kind = "application/x-git-upload-pack-result"
        return Reply(200, b"000dpackfile\n0100", {"content-type": kind}, broken="dropped")

    world.forge.fault = first(cut)
    with pytest.raises(FetchError, match="git cannot fetch from"):
        world.fetch(head)
    assert world.fetch(head) == world.diff(head)


def test_a_commit_that_is_nowhere_is_told(world: World, head: str) -> None:
    for _ in range(2):
        with pytest.raises(CommitMissingError, match="gone"):
            world.fetch("a" * 40)
    assert world.fetch(head) == world.diff(head)


def test_a_pull_request_that_moved_is_told(world: World) -> None:
    world.push("main", f"{world.base}:refs/heads/work", f"{world.base}:refs/pull/1/head")
    with pytest.raises(CommitMissingError, match="refs/pull/1/head is another"):
        world.fetch("a" * 40)


# Limits.


def test_a_git_that_takes_too_long_is_ended_whole(world: World, head: str) -> None:
    world.forge.fault = first(hold)
    with pytest.raises(FetchError, match=r"git ran for more than 0\.5 s"):
        fetch_diff(world.store, world.remote(head), replace(LIMITS, seconds=0.5))
    eventually(lambda: not world.gits(), 1.0)
    assert world.fetch(head) == world.diff(head)


def test_a_stop_ends_git_at_once(world: World, head: str) -> None:
    stop = threading.Event()
    world.forge.fault = first(hold)
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(fetch_diff, world.store, world.remote(head), LIMITS, stop)
        eventually(lambda: "POST git-upload-pack" in world.forge.asked)
        stopped = time.monotonic()
        stop.set()
        with pytest.raises(FetchStoppedError):
            fetching.result()
    assert time.monotonic() - stopped < 1.0  # it takes 0.05 s where nothing else runs


def test_a_diff_above_its_limit_is_told_with_the_setting(world: World, head: str) -> None:
    with pytest.raises(InputError, match="REVIEWBOT_MAX_DIFF_MB"):
        fetch_diff(world.store, world.remote(head), replace(LIMITS, diff=100))


def test_a_fetch_above_its_limit_leaves_nothing(world: World) -> None:
    (world.work.folder / "noise").write_bytes(os.urandom(3_000_000))
    head = world.work.commit("a.py", "one")
    world.push()
    with pytest.raises(GitError, match=r"takes more than 1\.5 MB to fetch") as caught:
        fetch_diff(world.store, world.remote(head), replace(LIMITS, fetched=1_500_000))
    assert not isinstance(caught.value, FetchError)
    assert [path.name for path in world.copy.parent.iterdir()] == ["9.lock"]


# Many at once, and those that died.


def heads(world: World, count: int = 8) -> list[str]:
    found = []
    for number in range(count):
        world.work.git("checkout", "-q", "-B", f"b{number}", world.base)
        found.append(world.work.commit("a.py", f"{number}"))
    world.push()
    return found


PROCESS = """
import sys
from pathlib import Path
from reviewbot.git.fetch import Limits, Remote, Store, fetch_diff
from reviewbot.settings import Secret
folder, url, token, base, *heads = sys.argv[1:]
for head in heads:
    remote = Remote(7, 9, 1, url, Secret(token), base, head)
    sys.stdout.buffer.write(fetch_diff(Store(Path(folder), least_free=0), remote, Limits()))
"""


def process(world: World, *heads: str) -> subprocess.Popen[bytes]:
    """Another process that fetches, one head after the other."""
    url = f"{world.forge.url}/repository.git"
    words = [sys.executable, "-c", PROCESS, str(world.store.folder), url, TOKEN, world.base]
    return subprocess.Popen(
        [*words, *heads], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )


def test_eight_threads_fetch_one_repository(world: World) -> None:
    every = heads(world)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(world.fetch, every)) == [world.diff(head) for head in every]


def test_processes_and_threads_fetch_one_repository(world: World) -> None:
    every = heads(world)
    others = [process(world, *pair) for pair in (every[:2], every[2:4])]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(world.fetch, every[4:])) == [world.diff(head) for head in every[4:]]
    found = [other.communicate()[0] for other in others]
    expected = [world.diff(head) for head in every]
    assert found == [expected[0] + expected[1], expected[2] + expected[3]]


def test_without_the_lock_git_refuses_most_of_eight(world: World) -> None:
    every = heads(world)
    folder = world.store.folder.parent / "bare"
    world.work.git("init", "-q", "--bare", str(folder))
    url = f"{world.forge.url}/repository.git"
    header = f"http.extraHeader=Authorization: Basic {LOGIN}"
    fetch = ["git", "-c", header, "fetch", "-q", "--depth=1", "--no-write-fetch-head", url]
    gits = [
        subprocess.Popen([*fetch, head], cwd=folder, stderr=subprocess.DEVNULL, env=environment())
        for head in every
    ]
    assert sum(git.wait() != 0 for git in gits) > 0


def test_who_waits_too_long_for_others_is_told(world: World, head: str) -> None:
    with (
        world.store.hold(7, 9, time.sleep),
        pytest.raises(FetchError, match=r"others used the repository for more than 0\.2 s"),
    ):
        fetch_diff(world.store, world.remote(head), replace(LIMITS, seconds=0.2))


def test_a_stop_ends_the_wait_for_others(world: World, head: str) -> None:
    stop = threading.Event()
    stop.set()
    with world.store.hold(7, 9, time.sleep), pytest.raises(FetchStoppedError):
        fetch_diff(world.store, world.remote(head), LIMITS, stop)


def test_a_worker_killed_in_mid_fetch_leaves_the_lock_to_its_git(world: World, head: str) -> None:
    release = threading.Event()

    async def wait(_: Request) -> Reply | None:
        await asyncio.to_thread(release.wait, 20)
        return None

    world.forge.fault = first(wait)
    worker = process(world, head)
    eventually(lambda: "POST git-upload-pack" in world.forge.asked)
    worker.kill()
    worker.communicate()
    with pytest.raises(FetchError, match="others used the repository"):
        fetch_diff(world.store, world.remote(head), replace(LIMITS, seconds=0.2))
    release.set()
    assert world.fetch(head) == world.diff(head)


@pytest.mark.parametrize("words", ["fetch", "git-remote-http", ""])
def test_git_killed_in_mid_fetch_harms_nothing(world: World, head: str, words: str) -> None:
    async def kill(_: Request) -> Reply | None:
        for pid in [pid for pid, line in world.gits().items() if words in line]:
            os.kill(pid, signal.SIGKILL)
        return None

    world.forge.fault = first(kill)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(world.fetch, head).exception()
    assert world.fetch(head) == world.diff(head)


def test_what_killed_programs_left_is_removed(world: World, head: str) -> None:
    world.fetch(head)
    left = ["shallow.lock", "config.lock", "objects/pack/tmp_pack_x", "refs/reviewbot/tip.lock"]
    for name in left:
        (world.copy / name).write_bytes(b"left")
    same = world.copy.stat().st_ino
    newer = world.work.commit("a.py", "newer")
    world.push()
    assert world.fetch(newer) == world.diff(newer)
    assert world.copy.stat().st_ino == same  # it was not made anew
    assert not any((world.copy / name).exists() for name in left)


@pytest.mark.parametrize("pattern", ["*.pack", "*.idx", "HEAD", "shallow", "tip"])
def test_a_broken_repository_is_made_anew(world: World, head: str, pattern: str) -> None:
    world.fetch(head)
    for path in world.copy.rglob(pattern):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:20] + b"\0broken")
    newer = world.work.commit("a.py", "newer")
    world.push()
    for end in (head, newer):
        assert world.fetch(end) == world.diff(end)


# The store.


def test_what_is_stored_is_for_us_alone(world: World, head: str) -> None:
    world.fetch(head)
    every = [world.store.folder, *world.store.folder.rglob("*")]
    assert len(every) > 10
    assert [path for path in every if path.stat().st_mode & 0o077] == []


def test_room_is_made_of_what_was_used_longest_ago(world: World, head: str) -> None:
    for repository in (1, 2, 3, 4):
        world.fetch(head, repository_id=repository)
        lock = world.copy.parent / f"{repository}.lock"
        os.utime(lock, (repository, repository))
    size = sum(path.stat().st_size for path in (world.copy.parent / "4.git").rglob("pack/*"))
    small = replace(world.store, most_bytes=3 * size)
    with small.hold(7, 1, time.sleep):
        assert small.make_room() == size
    assert {path.name for path in world.copy.parent.glob("*.git")} == {"1.git", "3.git", "4.git"}
    assert replace(world.store, least_free=10**18).make_room() == 3 * size
    assert list(world.copy.parent.iterdir()) == []


def test_a_purge_takes_one_installation_only(world: World, head: str) -> None:
    world.fetch(head)
    world.fetch(head, installation=8)
    world.store.purge(7)
    world.store.purge(99)
    assert [path.name for path in world.store.folder.iterdir()] == ["8"]
    assert world.fetch(head) == world.diff(head)


def test_a_store_that_cannot_be_written_is_told(world: World, head: str) -> None:
    world.store.folder.parent.mkdir()
    world.store.folder.write_text("a file")
    with pytest.raises(FetchError, match="cannot be used"):
        world.fetch(head)
