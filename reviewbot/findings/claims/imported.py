"""A name of a file comes in; out come the places of other files that import it from there."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from reviewbot.findings.claims.languages import SCRIPTS
from reviewbot.findings.claims.lookup import Scene

TEST = re.compile(
    r"(?:^|/)(?:tests?|spec|__tests__)/|(?:^|/)test_|[._](?:test|spec)s?\.\w+$|Tests?\.\w+$"
)
"""Paths of tests: what only they use may still be called unused."""

_FROM = re.compile(r"\s*from\s+(\.*)([\w.]*)\s+import\b([^#]*)")
_IMPORT = re.compile(r"\s*(?:import|export)\b(.*)\bfrom\s+['\"](\.[^'\"]*)['\"]")


def importers(scene: Scene, name: str) -> Iterator[tuple[str, int]]:
    """Give path and line of each place that imports a name from the finding's file."""
    here = scene.finding.path
    for path, line, text in scene.lookup.places(name):
        if path == here or TEST.search(path):
            continue
        short = text[:2_000]
        if scene.language == "python":
            found = _FROM.match(short)
            fits = found is not None and _names(found[3], name) and _is_module(here, path, found)
        elif scene.language in SCRIPTS:
            found = _IMPORT.match(short)
            fits = found is not None and _names(found[1], name) and _is_file(here, path, found[2])
        else:
            fits = False
        if fits:
            yield path, line


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text) is not None


def _is_module(here: str, other: str, found: re.Match[str]) -> bool:
    """Whether what a line of Python imports from is a file."""
    file = PurePosixPath(here).with_suffix("")
    parts = (file.parent if file.name == "__init__" else file).parts
    dots, rest = len(found[1]), tuple(part for part in found[2].split(".") if part)
    if dots:
        folder = PurePosixPath(other).parent.parts
        return dots <= len(folder) + 1 and (*folder[: len(folder) - dots + 1], *rest) == parts
    beside = PurePosixPath(other).parent == PurePosixPath(here).parent
    return parts[-len(rest) :] == rest and (len(rest) > 1 or beside)


def _is_file(here: str, other: str, said: str) -> bool:
    """Whether a relative path in another file leads to a file, with or without its ending."""
    parts = list(PurePosixPath(other).parent.parts)
    for part in said.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    meant = PurePosixPath(*parts)
    file = PurePosixPath(here)
    return meant in (file, file.with_suffix("")) or (file.stem == "index" and meant == file.parent)
