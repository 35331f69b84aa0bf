"""A repository's two ends come in; out come their files, and where names stand in them.

Both classes are a `Repository` of `context/`. They fetch nothing and run nothing that the
repository could choose; what cannot be read is None.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from reviewbot.context.repository import Place
from reviewbot.context.syntax import LANGUAGES, MAX_CHARACTERS, language_of
from reviewbot.environment import without_settings
from reviewbot.errors import GitError
from reviewbot.git.remote import offline
from reviewbot.git.run import Leash, run_git
from reviewbot.git.search import SECONDS, Runner, Scope, can_be_said, search

MAX_FILE = 4 * MAX_CHARACTERS
"""Bytes of a file that is read: a character takes at most four."""
_MOST_LISTED = 100_000_000  # bytes of a repository's list of files
_MOST_NAMED = 1_000  # files that are named to git on its command line
_CHECKOUT = {
    "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none", "LC_ALL": "C",
}  # fmt: skip
_CODE = tuple(f":(top,icase)*{ending}" for ending in LANGUAGES)
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_PATHS: Mapping[str, str] = {}


def checkout_runner(folder: Path, seconds: float = SECONDS) -> Runner:
    """Run git at the top of the work tree around a folder; raises `GitError` outside of one."""
    environment = without_settings(os.environ) | _CHECKOUT
    for name in ("GLOB", "NOGLOB", "ICASE"):
        environment.pop(f"GIT_{name}_PATHSPECS", None)
    top = run_git(folder, "rev-parse", "--show-toplevel", environment=environment)
    return Runner(Path(os.fsdecode(top.removesuffix(b"\n"))), environment, seconds=seconds)


def bare_runner(folder: Path, leash: Leash, seconds: float = SECONDS) -> Runner:
    """Run git in a bare repository that we made ourselves, under the leash of who holds it."""
    named = offline() | {"GIT_DIR": str(folder.absolute())}
    return Runner(folder.absolute().parent, named, leash, seconds)


class WorkTree:
    """A work tree against a commit, as a `Repository`. `old_paths` has renamed files' old ones."""

    searched = True

    def __init__(self, git: Runner, base: str, old_paths: Mapping[str, str] = _NO_PATHS) -> None:
        self._git = git
        self._base = _checked(base)
        self._old_paths = old_paths
        self._top = git.folder.resolve()
        self.partial = False

    def head(self, path: str) -> str | None:
        """Read a file from the disk; never one that lies outside, or behind a symbolic link."""
        if not _is_plain(path):
            return None
        file = self._top / path
        try:
            if file.resolve(strict=True) != file or not file.is_file():
                return None
            if file.stat().st_size > MAX_FILE:
                return None
            with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as it:
                return it.read(MAX_FILE).decode("utf-8", "replace")
        except OSError:
            return None

    def base(self, path: str) -> str | None:
        """Read a file of the commit."""
        return _blob(self._git, self._base, self._old_paths.get(path, path))

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Search the files that git tracks, as they lie on the disk."""
        found = search(self._git, names, Scope(prefix="", after=("--", *_CODE)))
        self.partial |= len(found) < len(set(names))
        return found


class Commits:
    """Two commits, as a `Repository`.

    Of a clone that lacks contents only the files that are here are searched, and it is partial.
    """

    searched = True

    def __init__(
        self, git: Runner, base: str, head: str, old_paths: Mapping[str, str] = _NO_PATHS
    ) -> None:
        self._git = git
        self._base = _checked(base)
        self._head = _checked(head)
        self._old_paths = old_paths
        self._cut = False
        self._listed: tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | None = None

    @property
    def partial(self) -> bool:
        """Whether contents are lacking, or a search was cut short."""
        return self._cut or bool(self._files()[1])

    def head(self, path: str) -> str | None:
        """Read a file of the head."""
        return _blob(self._git, self._head, path)

    def base(self, path: str) -> str | None:
        """Read a file of the base."""
        return _blob(self._git, self._base, self._old_paths.get(path, path))

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Search the head."""
        here, lacking = self._files()
        prefix = f"{self._head}:"
        if lacking:
            # git would stop at the first file that is not here
            self._cut |= len(here) > _MOST_NAMED
            scope = Scope(prefix, (self._head, "--", *here[:_MOST_NAMED]), literal=True)
            if not here:
                return {}
        else:
            scope = Scope(prefix, (self._head, "--", *_CODE))
        found = search(self._git, names, scope)
        self._cut |= len(found) < len(set(names))
        return found

    def here(self) -> tuple[str, ...]:
        """List the source files at head whose contents are here, of a clone that lacks some."""
        return self._files()[0]

    def lacking(self, near: Sequence[str], most: int = 500) -> tuple[str, ...]:
        """Give the ids of source files at head that are not here, the nearest to some paths
        first: who may fetch can get them in one batch before the search.
        """
        folders = {PurePosixPath(path).parent for path in near}
        endings = {language_of(path) for path in near}

        def far(file: tuple[str, str]) -> tuple[int, str]:
            folder = PurePosixPath(file[0]).parent
            return min((_steps(folder, one) for one in folders), default=0), file[0]

        alike = [file for file in self._files()[1] if language_of(file[0]) in endings]
        return tuple(blob for _, blob in sorted(alike, key=far)[:most])

    def _files(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """List the source files at head: the paths of those here, paths and ids of the others."""
        if self._listed is None:
            self._listed = self._list()
        return self._listed

    def _list(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        walk = ("rev-list", "--objects", "--no-object-names", "--no-walk", "--missing=print")
        objects = self._git.run(*walk, self._head, "--", limit=_MOST_LISTED)
        tree = self._git.run("ls-tree", "-r", "-z", "--full-tree", self._head, limit=_MOST_LISTED)
        if objects is None or tree is None:
            self._cut = True
            return (), (("", ""),)
        missing = {line[1:] for line in objects.decode().split("\n") if line.startswith("?")}
        files = [
            (path.decode("utf-8", "replace"), mode.split()[2].decode())
            for mode, _, path in (entry.partition(b"\t") for entry in tree.split(b"\0") if entry)
        ]
        code = [(path, blob) for path, blob in files if language_of(path)]
        here = tuple(path for path, blob in code if blob not in missing)
        return here, tuple(file for file in code if file[1] in missing)


def _blob(git: Runner, commit: str, path: str) -> str | None:
    """Read a file of a commit."""
    if not _is_plain(path):
        return None
    data = git.run("cat-file", "blob", f"{commit}:{path}", limit=MAX_FILE)
    return None if data is None else data.decode("utf-8", "replace")


def _checked(commit: str) -> str:
    """Let no name through that git could read as something else."""
    if not _ID.fullmatch(commit):
        raise GitError("a commit's id is 40 or 64 hexadecimal digits")
    return commit


def _is_plain(path: str) -> bool:
    """Whether a path can only mean a file below the top of a repository."""
    parts = path.split("/")
    inside = not {"", ".", ".."} & set(parts) and ".git" not in (part.lower() for part in parts)
    return inside and can_be_said(path)


def _steps(folder: PurePosixPath, other: PurePosixPath) -> int:
    """Count the steps from a folder to another."""
    together = 0
    for a, b in zip(folder.parts, other.parts, strict=False):
        if a != b:
            break
        together += 1
    return len(folder.parts) + len(other.parts) - 2 * together
