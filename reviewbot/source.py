"""What a person names on the command line comes in; out comes the diff to review."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reviewbot.diff.triage import NotReviewed
from reviewbot.errors import InputError
from reviewbot.git import worktree
from reviewbot.git.run import too_large


@dataclass(frozen=True, slots=True)
class Request:
    """The ways to name a diff; at most one of them is set."""

    source: str | None = None
    staged: bool = False
    base: str | None = None
    commit: str | None = None
    pull: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a diff, and what belongs to the change but is in no diff."""

    data: bytes
    not_reviewed: tuple[NotReviewed, ...] = ()


def load_source(
    request: Request, folder: Path, limit: int, fetch_pull: Callable[[], bytes] | None = None
) -> Source:
    """Fetch the diff that was asked for, of at most `limit` bytes.

    `fetch_pull` gives that of the pull request which `request` names.

    Without a name, on a terminal inside a repository: the work tree against the default branch.
    Raises `InputError` with what to do.
    """
    named = (request.source, request.staged or None, request.base, request.commit, request.pull)
    if sum(name is not None for name in named) > 1:
        raise InputError("name one thing to review: SOURCE, --staged, --base, --commit or --pr")
    if fetch_pull is not None:
        return Source(fetch_pull())
    if request.staged or request.commit is not None or request.base is not None:
        return _from_git(request, folder, limit)
    if request.source == "-":
        return Source(_read_stdin(limit))
    if request.source is not None:
        return Source(_read_named(request.source, folder, limit))
    if sys.stdin and sys.stdin.isatty() and worktree.is_repository(folder):
        return _work_tree(folder, worktree.default_branch(folder), limit)
    raise InputError(
        "say what to review: a diff file, - for standard input, --staged, --base REF,"
        " --commit SHA or A..B"
    )


def _from_git(request: Request, folder: Path, limit: int) -> Source:
    if request.staged:
        return Source(worktree.diff_staged(folder, limit))
    if request.commit is not None:
        return Source(worktree.diff_commit(folder, request.commit, limit))
    assert request.base is not None
    return _work_tree(folder, request.base, limit)


def _work_tree(folder: Path, base: str, limit: int) -> Source:
    remedy = "untracked; `git add -N` makes git show it"
    left_out = (NotReviewed(name, None, remedy, policy=True) for name in worktree.untracked(folder))
    return Source(worktree.diff_base(folder, base, limit), tuple(left_out))


def _read_named(name: str, folder: Path, limit: int) -> bytes:
    path = folder / name
    try:
        if ".." in name and not path.exists() and "/../" not in f"/{name}/":
            return worktree.diff_range(folder, name, limit)
        if path.is_dir():
            raise InputError(f"{name} is a folder: give a diff file, or --base REF inside it")
        if path.stat().st_size > limit:
            raise too_large(limit)
        with path.open("rb") as file:
            return _within(file.read(limit + 1), limit)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {name} (for a commit: --commit {name})") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise InputError(f"{name} cannot be read: {reason}") from error


def _read_stdin(limit: int) -> bytes:
    if sys.stdin is None:  # closed, as by `<&-`
        raise InputError("standard input is closed")
    try:
        return _within(sys.stdin.buffer.read(limit + 1), limit)
    except OSError as error:
        raise InputError(f"standard input cannot be read: {error.strerror}") from error


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise too_large(limit)
    return data
