"""A finding and its file at head come in; out comes why its suggestion goes, or None."""

import re
from collections.abc import Iterator

from reviewbot.context.syntax import Node, language_of, parse_source
from reviewbot.diff.hunks import Line
from reviewbot.findings.finding import Finding

MOST_DELETED = 30
"""Lines that a suggestion may delete with nothing in their place."""

_ID = re.compile(r"^\s*[0-9]{1,4}\.[a-z]{2} ?\|", re.MULTILINE)
_CODE = re.compile(r"[(){}\[\]=;<>+*/\"'`#@$_&|\\]|\w[.:]\w|:$")
_INDENTED = (".py", ".pyi", ".yml", ".yaml", ".haml", ".slim", ".pug", ".sass", ".nim", ".coffee")
_CLOSERS = re.compile(r"\W*(?:end|else|break|fi|done|esac|endif|pass|default)?\W*")


def check_suggestion(finding: Finding, head_text: str | None) -> str | None:
    """Say why a finding's suggestion is not to be offered; None where it may be, or is none.

    `head_text` is the finding's file after the change, None where it is not known: then what it
    would take to know is left out.
    """
    text = finding.suggestion
    if text is None:
        return None
    if finding.side == "LEFT":
        return "stands on removed lines"
    anchored = [line for line in finding.excerpt if finding.anchors(line)]
    old = [line.text for line in anchored]
    new = text.split("\n") if text else []
    return (
        _placed(finding, old, head_text)
        or _empty(finding, old, new, head_text)
        or ("holds ids of lines" if _ID.search(text) else None)
        or _repeats(finding, old, new, head_text)
        or _breaks(finding, old, new, head_text)
    )


def _placed(finding: Finding, old: list[str], head_text: str | None) -> str | None:
    if len(old) != finding.line - finding.start_line + 1:
        return "stands on lines that the change does not show"
    if head_text is None:
        return None
    there = head_text.split("\n")[finding.start_line - 1 : finding.line]
    if [line.rstrip("\r") for line in there] != [line.rstrip("\r") for line in old]:
        return "does not fit the file at head"
    return None


def _empty(finding: Finding, old: list[str], new: list[str], head_text: str | None) -> str | None:
    if not any(line.strip() for line in new):
        rest = [] if head_text is None else head_text.split("\n")
        del rest[finding.start_line - 1 : finding.line]
        if head_text is not None and not any(line.strip() for line in rest):
            return "deletes the whole file"
        if len(old) > MOST_DELETED:
            return f"deletes {len(old)} lines"
    if _bare(finding.path, old) == _bare(finding.path, new):
        return "changes nothing"
    return None


def _bare(path: str, lines: list[str]) -> list[str] | str:
    """Give what counts of lines: no space, but for the indentation where that has a meaning."""
    if path.lower().endswith(_INDENTED):
        full = (line.expandtabs() for line in lines if line.strip())
        return [line[: len(line) - len(line.lstrip())] + "".join(line.split()) for line in full]
    return "".join("".join(line.split()) for line in lines)


def _repeats(finding: Finding, old: list[str], new: list[str], head_text: str | None) -> str | None:
    """Find the removed lines put back, or the line next to the place written once more."""
    said = [line.strip() for line in new if line.strip()]
    if not said:
        return None
    for run in _removed(finding.excerpt):
        if said == run:
            return "puts back what the change removes"
    above, below = _beside(finding, head_text)
    before = [line.strip() for line in old if line.strip()] or [""]
    if said[0] == above and before[0] != above and not _CLOSERS.fullmatch(above):
        return "repeats the line above it"
    if said[-1] == below and before[-1] != below and not _CLOSERS.fullmatch(below):
        return "repeats the line below it"
    return None


def _removed(excerpt: tuple[Line, ...]) -> Iterator[list[str]]:
    """Give the runs of removed lines, without blanks."""
    run: list[str] = []
    for line in excerpt:
        if line.sign == "-":
            run += [line.text.strip()] if line.text.strip() else []
        elif run:
            yield run
            run = []
    if run:
        yield run


def _beside(finding: Finding, head_text: str | None) -> tuple[str, str]:
    """Give the lines of the new file just above and below, without their indentation."""
    if head_text is not None:
        lines = dict(enumerate(head_text.split("\n"), start=1))
    else:
        lines = {line.new: line.text for line in finding.excerpt if line.sign != "-"}
    above, below = lines.get(finding.start_line - 1, ""), lines.get(finding.line + 1, "")
    return above.strip(), below.strip()


def _breaks(finding: Finding, old: list[str], new: list[str], head_text: str | None) -> str | None:
    """Find prose, and what leaves the file with more errors of syntax than it had."""
    language = language_of(finding.path)
    if language is None:
        return None
    text = "\n".join(new)
    prose = len(text.split()) >= 4 and not _CODE.search(text)
    if prose and any(_CODE.search(line) for line in old):
        return "is prose"
    if head_text is None:
        return None
    lines = head_text.split("\n")
    lines[finding.start_line - 1 : finding.line] = new
    before, after = parse_source(head_text, language), parse_source("\n".join(lines), language)
    if before is None or after is None or _errors(after) <= _errors(before):
        return None
    return "is prose" if prose else "leaves the file with an error of syntax"


def _errors(root: Node) -> int:
    """Count the places that the parser could not read, and what it had to think of."""
    wrong = len(root.find_all({"rule": {"kind": "ERROR"}}))
    empty = root.find_all({"rule": {"regex": "^$"}})
    return wrong + sum(node.is_leaf() for node in empty)
