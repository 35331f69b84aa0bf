"""A Review comes in; out come the texts that people read of it on GitHub, each within its limits.

What the model said shows as typed: it makes no mention, link, image or HTML, and no mark of ours.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewbot.diff.hunks import Side
from reviewbot.diff.parse import FileDiff
from reviewbot.findings.finding import SEVERITIES, Finding
from reviewbot.findings.review import Review
from reviewbot.github.marker import Mark, MarkerKey, render_marker
from reviewbot.report.escape import UNSEEN, one_line, without_commands
from reviewbot.report.excerpt import suggestion_rows
from reviewbot.report.markdown import finding_blocks, not_reviewed_blocks
from reviewbot.report.safe_markdown import fence, safe_line, safe_markdown
from reviewbot.report.words import counted, coverage, replacement, tally

MOST_INLINE = 25
"""Comments in one review: above about 30 GitHub has answered 502 with the review created."""
MOST_CHARACTERS = 65_536
"""Of a review's body, and of a comment's; counted in units of UTF-16, which no count exceeds."""
_LONG_BODY = 4_000  # spelling out what cannot be seen makes at most ten of one
_LONG_SUGGESTION = 20_000
_MORE = "*{} did not fit into this text.*"


@dataclass(frozen=True, slots=True)
class Comment:
    """An inline comment on the lines `start_line` to `line` of a side; None: on `line` alone."""

    path: str
    body: str
    side: Side
    line: int
    start_line: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A review as it is to be posted on a commit."""

    commit_id: str
    body: str
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class Commentable:
    """The lines of a diff that GitHub takes comments on: for each path, those of each hunk.

    A hunk is its first line and the line behind its last, on the left and on the right.
    """

    hunks: Mapping[str, tuple[tuple[int, int, int, int], ...]]

    def holds(self, finding: Finding) -> bool:
        """Whether all lines of a finding stand in one hunk; one that does not fails a review."""
        at = 0 if finding.side == "LEFT" else 2
        return any(
            hunk[at] <= finding.start_line <= finding.line < hunk[at + 1]
            for hunk in self.hunks.get(finding.path, ())
        )


def commentable_lines(files: Iterable[FileDiff]) -> Commentable:
    """Note the ranges of every hunk, by the path that GitHub shows the file under."""
    hunks: dict[str, list[tuple[int, int, int, int]]] = {}
    for file in files:
        for hunk in file.hunks:
            same = hunk.body.count("\n ") + hunk.body.startswith(" ")
            hunks.setdefault(file.path, []).append((
                hunk.old_start, hunk.old_start + hunk.removed + same,
                hunk.new_start, hunk.new_start + hunk.added + same,
            ))  # fmt: skip
    return Commentable({path: tuple(ranges) for path, ranges in hunks.items()})


def build_draft(
    review: Review,
    commentable: Commentable,
    mark: Mark,
    key: MarkerKey,
    *,
    seconds: float,
    most_inline: int = MOST_INLINE,
) -> Draft | None:
    """Write the review of a head; None where there is nothing to say.

    The gravest findings stand inline, at most so many; the others in the body, and so do those on
    lines that GitHub takes no comment on.
    """
    if not review.findings:
        return None
    gravest = sorted(review.findings, key=lambda one: SEVERITIES.index(one.severity))
    inline = [one for one in gravest if commentable.holds(one)][:most_inline]
    chosen = {id(one) for one in inline}
    shown = [one for one in review.findings if id(one) in chosen]
    others = [one for one in review.findings if id(one) not in chosen]
    body = _body(review, others, seconds, render_marker(mark, key))
    return Draft(mark.head, body, tuple(_comment(one) for one in shown))


def facts(review: Review, seconds: float) -> str:
    """Say which model looked, how often, and what it cost."""
    usage = review.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    model = safe_line(one_line(review.model or "no model"))
    calls = counted(usage.calls, "call")
    return f"<sub>{model} · {calls} · {tokens:,} tokens · {seconds:.0f} s</sub>"


def fitted(head: list[str], blocks: list[tuple[str, str]], tail: list[str], most: int) -> str:
    """Join blocks of text, as many of the middle ones as there is room for.

    Each of these comes with the noun that those are counted by which do not fit.
    """
    room = most - _units("\n\n".join([*head, *tail])) - 200  # for what is said of the rest
    kept: list[str] = []
    left = [noun for _, noun in blocks]
    for text, _ in blocks:
        room -= _units(text) + 2
        if room < 0:
            break
        kept.append(text)
        left.pop(0)
    more = [_MORE.format(counted(left.count(noun), noun)) for noun in dict.fromkeys(left)]
    return "\n\n".join([*head, *kept, *more, *tail])


def shortened(text: str, most: int) -> str:
    """Cut a text to so many characters, and show that it was cut."""
    return text if len(text) <= most else text[: most - 2].rstrip() + " …"


def _body(review: Review, others: list[Finding], seconds: float, marker: str) -> str:
    head = [without_commands(tally(review))]
    blocks = [
        (without_commands("\n\n".join(block for block in finding_blocks(one) if block)), "finding")
        for one in others
    ]
    blocks += [
        (without_commands(block), "note on what was not reviewed")
        for block in ["\n\n".join(not_reviewed_blocks(review))]
        if block
    ]
    caution = [safe_line(review.caution)] if review.caution else []
    if review.hidden_findings:
        caution.append(f"{counted(review.hidden_findings, 'more finding')}, no graver, not shown.")
    tail = [*caution, f"**{safe_line(coverage(review))}**", facts(review, seconds), marker]
    return fitted(head, blocks, tail, MOST_CHARACTERS)


def _comment(finding: Finding) -> Comment:
    start = finding.start_line if finding.start_line != finding.line else None
    return Comment(finding.path, _comment_body(finding), finding.side, finding.line, start)


def _comment_body(finding: Finding) -> str:
    tags: list[str] = [finding.severity, finding.category]
    if finding.source != "model":
        tags.append(safe_line(one_line(finding.source)))
    head = f"**{safe_line(one_line(finding.title))}** · {' · '.join(tags)}"
    suggestion = _suggestion(finding)
    if _units(suggestion) > _LONG_SUGGESTION:
        suggestion = "*The suggestion is too long to show.*"
    body = without_commands(safe_markdown(shortened(finding.body.strip(), _LONG_BODY)))
    return "\n\n".join(part for part in (without_commands(head), body, suggestion) if part)


def _suggestion(finding: Finding) -> str:
    """Give a block that GitHub can apply with a click, else one that only shows the change."""
    text = replacement(finding)
    if text is None:
        return ""
    if _applies(finding, text):
        lines = text.removesuffix("\n").split("\n") if text else []
        return fence([line.removesuffix("\r") for line in lines], "suggestion")
    rows = suggestion_rows(finding)
    return without_commands(fence([f"{row.sign} {row.text}".rstrip() for row in rows], "diff"))


def _applies(finding: Finding, text: str) -> bool:
    """Whether GitHub puts exactly this in place of the lines: it does not across removed lines,
    and what cannot be seen is not to be applied with a click.
    """
    at = [index for index, line in enumerate(finding.excerpt) if finding.anchors(line)]
    between = finding.excerpt[at[0] : at[-1] + 1] if at else ()
    plain = re.sub(r"[\t\n]|\r(?=\n|\Z)", "", text)
    return bool(between) and all(line.sign != "-" for line in between) and not UNSEEN.search(plain)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
