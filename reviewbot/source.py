"""What a person names on the command line comes in; out comes the diff to review."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from reviewbot.context.repository import Repository
from reviewbot.diff.parse import FileDiff
from reviewbot.diff.triage import NotReviewed
from reviewbot.errors import GitError, InputError
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
class Ends:
    """The commits that a diff lies between, by id. `head` is None for the work tree."""

    base: str
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a diff, and what belongs to the change but is in no diff. `ends` are None
    where it was not made of a repository here.
    """

    data: bytes
    not_reviewed: tuple[NotReviewed, ...] = ()
    ends: Ends | None = None


def open_repository(source: Source, files: Iterable[FileDiff], folder: Path) -> Repository | None:
    """Give the repository around a diff for look-ups; None where it is not here."""
    if source.ends is None:
        return None
    from reviewbot.git.sources import Commits, WorkTree, checkout_runner  # noqa: PLC0415  # slow

    old_paths = {file.path: file.old_path for file in files if file.old_path}
    git = checkout_runner(folder)
    if source.ends.head is None:
        return WorkTree(git, source.ends.base, old_paths)
    return Commits(git, source.ends.base, source.ends.head, old_paths)


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
        return _read_named(request.source, folder, limit)
    if sys.stdin and sys.stdin.isatty() and worktree.is_repository(folder):
        return _work_tree(folder, worktree.default_branch(folder), limit)
    raise InputError(
        "say what to review: a diff file, - for standard input, --staged, --base REF,"
        " --commit SHA or A..B"
    )


def _from_git(request: Request, folder: Path, limit: int) -> Source:
    if request.staged:
        data = worktree.diff_staged(folder, limit)
        return Source(data, ends=_ends(folder, "HEAD", None))
    if request.commit is not None:
        data = worktree.diff_commit(folder, request.commit, limit)
        return Source(data, ends=_ends(folder, f"{request.commit}^", request.commit))
    assert request.base is not None
    return _work_tree(folder, request.base, limit)


def _work_tree(folder: Path, base: str, limit: int) -> Source:
    remedy = "untracked; `git add -N` makes git show it"
    left_out = (NotReviewed(name, None, remedy, policy=True) for name in worktree.untracked(folder))
    ends = Ends(worktree.fork_point(folder, base, "HEAD"))
    return Source(worktree.diff_base(folder, base, limit), tuple(left_out), ends)


def _ends(folder: Path, base: str, head: str | None) -> Ends | None:
    """Name the ends of a diff; a first commit has no base, and so no ends."""
    try:
        return Ends(worktree.commit_id(folder, base), head and worktree.commit_id(folder, head))
    except GitError:
        return None


def _range_ends(folder: Path, spec: str) -> Ends | None:
    dots = "..." if "..." in spec else ".."
    left, _, right = (part or "HEAD" for part in spec.partition(dots))
    try:
        head = worktree.commit_id(folder, right)
        if dots == "...":
            return Ends(worktree.fork_point(folder, left, right), head)
        return Ends(worktree.commit_id(folder, left), head)
    except GitError:
        return None


def _read_named(name: str, folder: Path, limit: int) -> Source:
    path = folder / name
    try:
        if ".." in name and not path.exists() and "/../" not in f"/{name}/":
            return Source(worktree.diff_range(folder, name, limit), ends=_range_ends(folder, name))
        if path.is_dir():
            raise InputError(f"{name} is a folder: give a diff file, or --base REF inside it")
        if path.stat().st_size > limit:
            raise too_large(limit)
        with path.open("rb") as file:
            return Source(_within(file.read(limit + 1), limit))
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
