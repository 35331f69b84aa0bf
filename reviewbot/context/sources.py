"""A repository comes in; out comes what stands in its files, each parsed once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reviewbot.context.definitions import Outline, outline_of
from reviewbot.context.kinds import GRAMMARS, family_of
from reviewbot.context.repository import Place, Repository
from reviewbot.context.symbols import Import, Use, imports_of, uses_of
from reviewbot.context.syntax import find_nodes, language_of, parse_source

_MOST_KEPT = 256
"""Files of each side, and names, that are kept; what was asked for first goes first."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as plain data: its tree is not kept, as it may not leave its thread."""

    path: str
    language: str
    lines: tuple[str, ...]
    outline: Outline
    uses: tuple[Use, ...]
    imports: tuple[Import, ...]

    def text(self, line: int) -> str:
        """Give a line by its 1-based number; empty where there is none."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""


def read_source(path: str, text: str) -> Source | None:
    """Parse a file; None where there is no grammar for it, or where it is too large."""
    language = language_of(path)
    if language is None:
        return None
    root = parse_source(text, language)
    if root is None:
        return None
    grammar = GRAMMARS[language]
    spots = find_nodes(root, grammar.kinds())
    return Source(
        path=path,
        language=language,
        lines=tuple(line.removesuffix("\r") for line in text.split("\n")),
        outline=outline_of(spots, text, grammar),
        uses=uses_of(spots, text, grammar),
        imports=imports_of(spots, text, grammar),
    )


def related(path: str, other: str) -> bool:
    """Whether the languages of two files call each other's functions by name."""
    first, second = language_of(path), language_of(other)
    return first is not None and second is not None and family_of(first) == family_of(second)


class Sources:
    """What one review has read of its repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._head: dict[str, Source | None] = {}
        self._base: dict[str, Source | None] = {}
        self._places: dict[str, tuple[Place, ...]] = {}

    @property
    def searched(self) -> bool:
        """Whether `find` looks further than the diff."""
        return self._repository.searched

    @property
    def partial(self) -> bool:
        """Whether there may be places that `find` does not see."""
        return self._repository.partial

    def head(self, path: str) -> Source | None:
        """Give a file after the change; None where it is not there or has no grammar."""
        return _read(self._head, self._repository.head, path)

    def base(self, path: str) -> Source | None:
        """Give a file before the change, by its path after it."""
        return _read(self._base, self._repository.base, path)

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        """Give the places of each name; only names not asked for before are searched."""
        new = [name for name in dict.fromkeys(names) if name not in self._places]
        if new:
            found = self._repository.find(new)
            self._places |= {name: found.get(name, ()) for name in new}
        given = {name: self._places[name] for name in names}
        _forget(self._places, 8 * _MOST_KEPT)
        return given


def _read(
    kept: dict[str, Source | None], read: Callable[[str], str | None], path: str
) -> Source | None:
    if path not in kept:
        text = read(path) if language_of(path) else None
        kept[path] = None if text is None else read_source(path, text)
        _forget(kept, _MOST_KEPT)
    return kept[path]


def _forget(kept: dict[str, Source | None] | dict[str, tuple[Place, ...]], most: int) -> None:
    surplus: Iterable[str] = list(kept)[: max(0, len(kept) - most)]
    for key in surplus:
        del kept[key]
