"""Names come in; out come the places where git finds them, within bounds of time and size."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewbot.context.repository import MOST_PLACES, Place
from reviewbot.errors import GitError, InputError
from reviewbot.git.run import GitFailedError, Leash, run_git

SECONDS = 30.0
"""What git may take in one review, in all."""
_MOST_FOUND = 8_000_000  # bytes that a search of all names may print
_MOST_FOUND_OF_ONE = 500_000
_MOST_LINE = 300  # characters of a line that are kept
_GREP = (
    "grep", "--no-color", "--no-column", "--no-heading", "--no-break", "--no-textconv",
    "--no-recurse-submodules", "-w", "-n", "-z", "-I", "-F",
)  # fmt: skip
_FREE = Leash()


class _OutOfTimeError(GitError):
    """The searches of a review took too long."""


class Runner:
    """Runs git in one repository, for at most so many seconds in all.

    What the leash's own check raises, as where nobody wants the review any more, passes through.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        leash: Leash = _FREE,
        seconds: float = SECONDS,
    ) -> None:
        self.folder = folder
        self._environment = dict(environment)
        self._leash = leash
        self._left = seconds

    def run(self, *arguments: str, limit: int, literal: bool = False) -> bytes | None:
        """Give what git prints, or None: it failed, printed more than `limit` bytes, was slow.

        `literal` takes paths as they are written, not as patterns.
        """
        if not all(map(can_be_said, arguments)):
            return None
        began = time.monotonic()
        environment = self._environment | {"GIT_LITERAL_PATHSPECS": str(int(literal))}
        leash = Leash(
            lambda: self._check(began), self._leash.memory, self._leash.keep_open
        )  # fmt: skip
        try:
            return run_git(
                self.folder, *arguments, environment=environment, limit=limit, leash=leash
            )
        except GitFailedError as error:
            return None if error.said else b""  # it found nothing
        except _OutOfTimeError:
            return None
        except GitError:
            raise
        except InputError:
            return None  # too large
        finally:
            self._left -= time.monotonic() - began

    def _check(self, began: float) -> None:
        self._leash.check()
        if time.monotonic() - began > self._left:
            raise _OutOfTimeError("git took too long")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where git searches: what it writes before each path, and its arguments after the names."""

    prefix: str
    after: tuple[str, ...]
    literal: bool = False


def search(git: Runner, names: Sequence[str], scope: Scope) -> dict[str, tuple[Place, ...]]:
    """Find names; where all of them print too much, one by one, leaving out those that do.

    A name that could not be searched has no entry.
    """
    names = [name for name in dict.fromkeys(names) if can_be_said(name) and "\n" not in name]
    if not names:
        return {}
    printed = _grep(git, names, scope, _MOST_FOUND)
    if printed is not None:
        return _places(printed, names, scope.prefix)
    found: dict[str, tuple[Place, ...]] = {}
    for name in names if len(names) > 1 else ():
        printed = _grep(git, [name], scope, _MOST_FOUND_OF_ONE)
        if printed is not None:
            found |= _places(printed, [name], scope.prefix)
    return found


def _grep(git: Runner, names: Sequence[str], scope: Scope, limit: int) -> bytes | None:
    wanted = [part for name in names for part in ("-e", name)]
    return git.run(*_GREP, *wanted, *scope.after, limit=limit, literal=scope.literal)


def _places(printed: bytes, names: Sequence[str], prefix: str) -> dict[str, tuple[Place, ...]]:
    """Sort what git printed by the names that each line holds."""
    word = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, names))})(?![\w$])")
    found: dict[str, list[Place]] = {name: [] for name in names}
    for path, line, text in _hits(printed):
        place = Place(path.removeprefix(prefix), line, text[:_MOST_LINE])
        for name in set(word.findall(text)):
            if len(found[name]) < MOST_PLACES:
                found[name].append(place)
    return {name: tuple(places) for name, places in found.items()}


def _hits(printed: bytes) -> Iterator[tuple[str, int, str]]:
    for row in printed.split(b"\n"):
        fields = row.split(b"\0", 2)
        if len(fields) == 3 and fields[1].isdigit():
            path, line, text = fields
            yield path.decode("utf-8", "replace"), int(line), text.decode("utf-8", "replace")


def can_be_said(argument: str) -> bool:
    """Whether a text can be an argument of a program."""
    return "\0" not in argument and not any("\ud800" <= c <= "\udfff" for c in argument)
