"""A path and its text come in; out come the nodes of its syntax tree that are asked for."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ast_grep_py import SgNode, SgRoot

Node = SgNode
"""A node of a syntax tree. It may not leave its thread."""
LANGUAGES: dict[str, str] = {
    ".py": "python",
    ".pyi": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".es6": "javascript",
    ".jsx": "javascript",
    ".go": "go",
    ".java": "java",
    ".rs": "rust",
    ".c": "c",
    ".h": "cpp",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".hxx": "cpp",
    ".cs": "csharp",
    ".rb": "ruby",
    ".rake": "ruby",
    ".php": "php",
    ".kt": "kotlin",
    ".kts": "kotlin",
    ".swift": "swift",
}
"""The language of a file by its ending. Only these are asked of the parser: on a name that it does
not know it panics past `except Exception`, with a backtrace on standard error."""

MAX_CHARACTERS = 300_000
"""Above this a file is data or generated, and its tree costs seconds."""
MAX_LINE = 10_000
"""Characters of a line; above this a file is minified. To ask where a node stands costs a walk
along its line: 200,000 nodes on one line cost 90 seconds."""
MAX_NODES = 50_000
"""Nodes of a file that are looked at, from its beginning."""

_SAMPLE = 8_000  # characters; a file of less than four samples is parsed without a look
_MOST_ERRORS = 250
"""Errors in a sample, above which the text is no code: of 52 real files 34 errors at most.
The parser's time grows with the square of the errors (13 seconds for 180 kB of Rust's `#`), and
all other threads wait for it."""


class Spot(NamedTuple):
    """A node and where it stands: offsets in characters, 1-based lines, 0-based column."""

    kind: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    node: Node

    @property
    def key(self) -> tuple[int, int, str]:
        """What tells a node from the others of its file."""
        return self.start, self.end, self.kind

    def holds(self, other: "Spot") -> bool:
        """Whether the other lies within this one."""
        return self.start <= other.start and other.end <= self.end


def language_of(path: str) -> str | None:
    """Give the language of a file by its ending, None where there is no grammar for it."""
    return LANGUAGES.get(PurePosixPath(path).suffix.lower())


def parse_source(text: str, language: str) -> Node | None:
    """Parse a file in one of `LANGUAGES`; None for a huge or a minified one, or for no code at all.

    A file with errors has a tree all the same, with nodes of the kind ERROR in it.
    """
    if len(text) > MAX_CHARACTERS or any(len(line) > MAX_LINE for line in text.split("\n")):
        return None
    clean = text.encode("utf-8", "replace").decode()
    if len(text) > 4 * _SAMPLE and any(_is_garbage(one, language) for one in _samples(clean)):
        return None
    return SgRoot(clean, language).root()


def _samples(text: str) -> Iterator[str]:
    """Take four parts from all over a text, each from the beginning of a line."""
    for quarter in range(4):
        start = text.find("\n", quarter * (len(text) // 4)) + 1
        yield text[start : start + _SAMPLE]


def _is_garbage(sample: str, language: str) -> bool:
    return len(SgRoot(sample, language).root().find_all(kind="ERROR")) > _MOST_ERRORS


def find_nodes(root: Node, kinds: Sequence[str]) -> list[Spot]:
    """Find the nodes of these kinds; the outer before the inner, in the order of the text.

    A kind that the language does not have raises `RuntimeError`.
    """
    found = root.find_all({"rule": {"any": [{"kind": kind} for kind in kinds]}})
    spots = [locate(node) for node in found[:MAX_NODES]]
    return sorted(spots, key=lambda spot: (spot.start, -spot.end))


def locate(node: Node) -> Spot:
    """Say where a node stands; one that ends with its newline ends on the line before."""
    place = node.range()
    start, end = place.start, place.end
    last = end.line + (end.column > 0 or end.line == start.line)
    return Spot(node.kind(), start.index, end.index, start.line + 1, start.column, last, node)
