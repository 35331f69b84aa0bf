"""What a person asks to review comes in; out comes the diff that git makes of it.

Everything here runs git with the settings that a repository could use to run programs, or to
change the form of a diff, switched off: a checkout may be hostile.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from reviewbot.environment import without_settings
from reviewbot.errors import GitError
from reviewbot.git.run import DIFF, SILENT, GitFailedError, run_git

_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a missing object would be fetched with programs of the settings
    "GIT_ALLOW_PROTOCOL": "none",  # the same for a git older than 2.45
    "LC_ALL": "C",
}
_LACKING = (
    "this clone lacks objects, and reviewbot lets git fetch nothing:"
    " pipe the diff in, as in `git diff main... | reviewbot review -`"
)


def diff_staged(folder: Path, limit: int) -> bytes:
    """Give what is staged for the next commit. `limit` is in bytes, here and below."""
    # outside of a repository `git diff` is another command, in a bare one nothing is staged
    if _run(folder, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise GitError("--staged needs a work tree, and here is none")
    return _run(folder, "diff", *DIFF, "--cached", "--", limit=limit)


def diff_base(folder: Path, ref: str, limit: int) -> bytes:
    """Give the work tree against the commit where it left another branch."""
    base = fork_point(folder, ref, "HEAD")
    off = _filters_off(folder)
    return _run(folder, "diff", *DIFF, base, "--", limit=limit, settings=off)


def diff_commit(folder: Path, ref: str, limit: int) -> bytes:
    """Give what one commit changed; a merge against its first parent."""
    show = ("show", "--format=", "-m", "--first-parent", *DIFF, _commit(folder, ref), "--")
    return _run(folder, *show, limit=limit)


def diff_range(folder: Path, spec: str, limit: int) -> bytes:
    """Give `A..B`, or with three dots B against the commit where it left A."""
    dots = "..." if "..." in spec else ".."
    left, _, right = spec.partition(dots)
    ends = [_commit(folder, ref or "HEAD") for ref in (left, right)]
    return _run(folder, "diff", *DIFF, dots.join(ends), "--", limit=limit)


def commit_id(folder: Path, ref: str) -> str:
    """Give the id of a commit; raises `GitError` where git knows none of this name."""
    return _commit(folder, ref)


def fork_point(folder: Path, ref: str, other: str) -> str:
    """Give the id of the commit where two parted."""
    ends = _commit(folder, ref), _commit(folder, other)
    try:
        return _run(folder, "merge-base", *ends).decode().strip()
    except GitError as error:
        raise _explained(error, f"{ref!r} and {other} have no commit in common") from error


def default_branch(folder: Path) -> str:
    """Find the branch that work is merged to: what origin calls its head, else main or master."""
    for ref in ("origin/HEAD", "origin/main", "origin/master", "main", "master"):
        try:
            _commit(folder, ref)
        except GitError:
            continue
        return ref
    raise GitError("no default branch was found here (origin/HEAD, main, master): say --base REF")


def untracked(folder: Path) -> list[str]:
    """List the files that git does not track and does not ignore; no diff shows them."""
    top = Path(os.fsdecode(_run(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    names = _run(top, "ls-files", "--others", "--exclude-standard", "-z")
    return [name.decode("utf-8", "replace") for name in names.split(b"\0") if name]


def is_repository(folder: Path) -> bool:
    """Whether a folder lies in a work tree."""
    try:
        return _run(folder, "rev-parse", "--is-inside-work-tree").strip() == b"true"
    except GitError:
        return False


def version() -> str:
    """Give git's version; raises `GitError` where there is no git."""
    return _run(Path(), "version").decode("utf-8", "replace").strip().removeprefix("git version ")


def _commit(folder: Path, ref: str) -> str:
    """Turn a name into a commit's id, so that no name is ever read as an option."""
    try:
        verify = ("rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
        return _run(folder, *verify).decode().strip()
    except GitError as error:
        raise _explained(error, f"git knows no commit {ref!r} here") from error


def _explained(error: GitError, words: str) -> GitError:
    """Give the error in better words, where git had none of its own."""
    return GitError(words) if str(error) == SILENT else error


def _filters_off(folder: Path) -> dict[str, str]:
    """Give the settings that undo the content filters which the repository itself defines.

    Comparing the work tree runs them. The user's own, as Git LFS installs them, stay.
    """
    try:
        every = _run(folder, "config", "--show-scope", "-z", "--get-regexp", r"^filter\.")
    except GitError as error:
        if str(error) == SILENT:  # there is none
            return {}
        raise
    fields = every.decode("utf-8", "surrogateescape").split("\0")
    named = (
        field.partition("\n")[0].rpartition(".")[0]
        for scope, field in zip(fields[::2], fields[1::2], strict=False)
        if scope in ("local", "worktree")
    )
    off = {"clean": "", "process": "", "required": "false"}
    return {f"{name}.{key}": value for name in named for key, value in off.items()}


def _run(
    folder: Path,
    *arguments: str,
    limit: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> bytes:
    """Run git and give what it prints; stops it above a limit of bytes."""
    environment = without_settings(os.environ) | _ENVIRONMENT
    for name in ("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"):
        environment.pop(name, None)
    if settings:
        # unlike with -c, a name may hold "=" here
        before = int(environment.get("GIT_CONFIG_COUNT") or 0)
        environment["GIT_CONFIG_COUNT"] = str(before + len(settings))
        for index, (key, value) in enumerate(settings.items(), before):
            environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    try:
        return run_git(folder, *arguments, environment=environment, limit=limit)
    except GitFailedError as error:
        if "promisor" in error.said or "transport '" in error.said:
            raise GitError(_LACKING) from error
        raise
