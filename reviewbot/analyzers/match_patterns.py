"""Paths come in as arguments; out comes JSON: where bug patterns match. Run by `patterns`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from reviewbot.analyzers.bug_patterns import PATTERNS
from reviewbot.context.syntax import language_of, parse_source


def match_file(path: str, text: str) -> Iterator[dict[str, str | int]]:
    """Give each match in a file: the pattern's row and name, the path, first and last line."""
    language = language_of(path)
    root = parse_source(text, language) if language else None
    if root is None:
        return
    for row, pattern in enumerate(PATTERNS):
        if language not in pattern.languages:
            continue
        for node in root.find_all({"rule": pattern.rule}):
            where = node.range()
            yield {
                "row": row,
                "name": pattern.name,
                "path": path,
                "line": where.start.line + 1,
                "end_line": where.end.line + 1,
            }


def main(paths: list[str]) -> None:
    """Print the matches in files, whose paths are relative to the working directory."""
    texts = ((path, Path(path).read_text("utf-8", "replace")) for path in paths)
    json.dump([match for path, text in texts for match in match_file(path, text)], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
