"""A git command comes in; out comes what it prints. The only file that starts git.

Every command has the settings switched off with which a repository could run programs, or change
the form of a diff.
"""

import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reviewbot.errors import GitError, InputError

SAFE = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
    "-c", "core.quotePath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false",
    "-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "log.diffMerges=separate",
)  # fmt: skip
DIFF = (
    "--ignore-submodules=dirty", "-O/dev/null",  # a submodule's own settings may run programs
    "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--submodule=short", "-M",
    "-U3", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", "--word-diff=none",
    "--output-indicator-new=+", "--output-indicator-old=-", "--output-indicator-context= ",
)  # fmt: skip
"""Three lines of context, as a forge shows: a finding further away could not be posted."""
SILENT = "git failed and does not say why"
_POLL = 0.05  # seconds between two calls of a leash's check
_MOST_SAID = 65_536  # bytes of a complaint that are read: a server may send any number
_MOST_REASON = 300  # characters of it that a person is shown


class GitFailedError(GitError):
    """git ended with an error; `said` is all of its complaint, the text its main line."""

    def __init__(self, said: str) -> None:
        super().__init__(_reason(said))
        self.said = said


@dataclass(frozen=True, slots=True)
class Leash:
    """What holds a running git. `check` is called many times a second and raises to end it.

    `memory` is in bytes for each process, `keep_open` are descriptors that git holds as well.
    """

    check: Callable[[], None] = lambda: None
    memory: int | None = None
    keep_open: tuple[int, ...] = ()


def run_git(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str],
    limit: int | None = None,
    leash: Leash = Leash(),  # frozen
) -> bytes:
    """Run git in a folder and give what it prints; above `limit` bytes raises `InputError`.

    Raises `GitFailedError` where git fails. However this ends, git and all that it started do too.
    """
    with tempfile.TemporaryFile() as errors:
        git = _start(folder, arguments, environment, errors.fileno(), leash)
        try:
            _limit_memory(git.pid, leash.memory)
            data = _read(git, limit, leash.check)
            while git.poll() is None:
                leash.check()
                time.sleep(0.001)  # it has closed its output: it is about to end
        finally:
            _end(git)
        if git.returncode:
            errors.seek(0)
            raise GitFailedError(errors.read(_MOST_SAID).decode("utf-8", "replace").strip())
    return data


def too_large(limit: int) -> InputError:
    """Make the error for a diff above the limit, in bytes."""
    megabytes = limit // 1_000_000
    return InputError(f"the diff is larger than {megabytes} MB (REVIEWBOT_MAX_DIFF_MB)")


def _start(
    folder: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    errors: int,
    leash: Leash,
) -> subprocess.Popen[bytes]:
    try:
        git = subprocess.Popen(  # noqa: S603
            ["git", *SAFE, *arguments],  # noqa: S607
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # so that git-remote-https can be ended with it
            pass_fds=leash.keep_open,
            umask=0o077,
        )
    except FileNotFoundError as error:
        raise GitError("git: there is no git on PATH; install it, or give a diff") from error
    return git


def _limit_memory(pid: int, memory: int | None) -> None:
    """Limit a git that has started nothing yet: what it starts inherits the limit."""
    if memory is None or sys.platform != "linux":
        return
    _, ours = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if ours == resource.RLIM_INFINITY else min(memory, ours)
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


def _read(git: subprocess.Popen[bytes], limit: int | None, check: Callable[[], None]) -> bytes:
    assert git.stdout is not None
    descriptor = git.stdout.fileno()
    ready = select.poll()  # select() knows no descriptor above 1023, and a worker has many
    ready.register(descriptor, select.POLLIN | select.POLLHUP)
    data = bytearray()
    while True:
        check()
        if not ready.poll(_POLL * 1000):
            continue
        part = os.read(descriptor, 65_536)
        if not part:
            return bytes(data)
        data += part
        if limit is not None and len(data) > limit:
            raise too_large(limit)


def _end(git: subprocess.Popen[bytes]) -> None:
    """End git and what it started; where it ended well it has started nothing that still runs."""
    if git.returncode is None or git.returncode < 0:
        with suppress(ProcessLookupError):
            os.killpg(git.pid, signal.SIGKILL)
    git.wait()
    assert git.stdout is not None
    git.stdout.close()


def _reason(said: str) -> str:
    """Choose the line of git's complaint that says what went wrong."""
    lines = said.split("\n")
    named = [line for line in lines if line.startswith(("fatal: ", "error: "))] or lines[-1:]
    reason = named[0].removeprefix("fatal: ").removeprefix("error: ")
    return "".join(c if c.isprintable() else "?" for c in reason)[:_MOST_REASON] or SILENT
