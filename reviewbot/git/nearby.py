"""A fetched pull request and its diff come in; out come the files at its ends to look up in.

Of a partial clone only the contents that the diff needed are here. In one more fetch come the
files next to the changed ones, of the same languages: what a change calls is mostly there.
"""

from collections.abc import Callable, Iterable, Sequence

from reviewbot.context.known import KnownFiles
from reviewbot.context.syntax import language_of
from reviewbot.diff.parse import FileDiff
from reviewbot.git.remote import Remote, online
from reviewbot.git.run import GitFailedError, Leash, run_git
from reviewbot.git.sources import Commits, bare_runner
from reviewbot.git.store import Held

MOST_NEAR = 100
"""Files beside the changed ones that are fetched and read."""
_MOST_READ = 300  # files
_MOST_CHARACTERS = 16_000_000
_FETCH_BLOBS = (
    # git would take the files of the commits that it has for files that it has
    "-c", "fetch.negotiationAlgorithm=noop",
    "fetch", "--quiet", "--filter=blob:none", "--no-tags", "--no-write-fetch-head",
    "--no-auto-maintenance", "--no-recurse-submodules", "origin",
)  # fmt: skip


def read_nearby(held: Held, remote: Remote, files: Sequence[FileDiff], leash: Leash) -> KnownFiles:
    """Read the changed files at both ends, and the source files near them at head.

    What cannot be fetched or read is left out; where a fetch failed, the files say why. Raises
    what the leash's check raises.
    """
    old_paths = {file.path: file.old_path for file in files if file.old_path}
    git = bare_runner(held.folder, leash)
    commits = Commits(git, remote.merge_base, remote.head, old_paths)
    changed = [file.path for file in files if file.hunks]
    near = commits.lacking(changed, MOST_NEAR)
    problem: str | None = None
    if near:
        problem = _fetch(held, remote, near, leash)
        commits = Commits(git, remote.merge_base, remote.head, old_paths)
    beside = (path for path in commits.here() if language_of(path))
    head = _read(commits.head, dict.fromkeys((*changed, *beside)))
    base = _read(commits.base, changed)
    return KnownFiles(head, base, old_paths, problem)


def _fetch(held: Held, remote: Remote, blobs: Iterable[str], leash: Leash) -> str | None:
    """Fetch contents by their ids, in one go; gives why that failed."""
    named = online(remote) | {"GIT_DIR": str(held.folder.absolute())}
    try:
        run_git(
            held.folder.absolute().parent, *_FETCH_BLOBS, *blobs, environment=named, leash=leash
        )
    except GitFailedError as error:
        return f"the files near the change: {error}"
    return None


def _read(read: Callable[[str], str | None], paths: Iterable[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    left = _MOST_CHARACTERS
    for path in list(paths)[:_MOST_READ]:
        text = read(path)
        if text is not None and len(text) <= left:
            texts[path] = text
            left -= len(text)
    return texts
