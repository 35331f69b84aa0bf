"""A request to write in; out GitHub's own words for what is wrong with it."""

from typing import Any

MOST_CHARACTERS = 65_536
Hunks = dict[str, list[set[tuple[str, int]]]]

_NO_LINE = (
    "Pull request review thread line must be part of the diff and "
    "Pull request review thread diff hunk can't be blank"
)
_NO_PATH = (
    "Pull request review thread path is invalid and "
    "Pull request review thread diff hunk can't be blank"
)
_OTHER_HUNK = "Pull request review thread start line must be part of the same hunk as the line."
_NOT_BEFORE = "Pull request review thread start line must precede the end line."
ONE_PENDING = "User can only have one pending review per pull request"


def review_faults(body: dict[str, Any], hunks: Hunks) -> list[str]:
    """What is wrong with a review to create; one fault and nothing of it is stored."""
    faults = []
    if len(body.get("body") or "") > MOST_CHARACTERS:
        faults.append(f"Body is too long (maximum is {MOST_CHARACTERS} characters)")
    return faults + [fault for one in body.get("comments", []) for fault in _faults(one, hunks)]


def _faults(  # noqa: PLR0911  # one line for each rule
    comment: dict[str, Any], hunks: Hunks
) -> list[str]:
    if len(comment["body"]) > MOST_CHARACTERS:
        return [f"Body is too long (maximum is {MOST_CHARACTERS} characters)"]
    if comment["path"] not in hunks:
        return [_NO_PATH]
    side, line = comment.get("side", "RIGHT"), comment["line"]
    found = [hunk for hunk in hunks[comment["path"]] if (side, line) in hunk]
    if not found:
        return [_NO_LINE]
    start = comment.get("start_line")
    if start is None:
        return []
    if start >= line:
        return [_NOT_BEFORE]
    if (comment.get("start_side", side), start) not in found[0]:
        return [_OTHER_HUNK]
    return []


def output_faults(output: dict[str, Any]) -> list[str]:
    """What is wrong with the output of a check run."""
    faults = []
    if len(output.get("annotations", [])) > 50:
        faults.append("Only 50 annotations are allowed per request")
    if len(output.get("summary", "")) > MOST_CHARACTERS - 1:
        faults.append("Only 65535 characters are allowed in the summary")
    if len(output.get("title", "")) > 255:
        faults.append("Title is too long (maximum is 255 characters)")
    return faults
