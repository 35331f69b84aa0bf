"""A Review comes in; out come the texts that people read of it on GitHub, each within its limits.

What the model said shows as typed: it makes no mention, link, image or HTML, and no mark of ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reviewbot.diff.hunks import Hunk, Side
from reviewbot.diff.parse import FileDiff
from reviewbot.findings.finding import SEVERITIES, Finding
from reviewbot.findings.review import Review
from reviewbot.github.marker import Mark, MarkerKey, render_marker
from reviewbot.github.suggestion import harmless, suggestion_block
from reviewbot.report.escape import LONE_SURROGATE, one_line
from reviewbot.report.markdown import finding_blocks, link_block, not_reviewed_blocks
from reviewbot.report.safe_markdown import code_span, safe_line, safe_markdown
from reviewbot.report.words import counted, coverage, place, stage_calls, tally, without

MOST_INLINE = 25
"""Comments in one review: above about 30 GitHub has answered 502 with the review created."""
MOST_CHARACTERS = 65_536
"""Of a review's body, and of a comment's; counted in units of UTF-16, which no count exceeds."""
_LONG_NAME = 100
_LONG_TITLE = 300
_LONG_BODY = 4_000  # spelling out what cannot be seen makes at most eleven of one
_LONG_LINE = 1_500
_LONG_BLOCK = 12_000
_LONG_SUGGESTION = 12_000
_FINDINGS = 40_000
_MORE = "*{} did not fit into this text.*"
_CUT = "*This text was cut.*"
_NO_ROOM = "*A part is too long to show.*"


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
    """Note the ranges of every hunk, by the path that GitHub shows the file under.

    A path that is no UTF-8 was not read as it is, so GitHub would not know it: it has none.
    """
    hunks: dict[str, list[tuple[int, int, int, int]]] = {}
    for file in files:
        if file.submodule or "\ufffd" in file.path or LONE_SURROGATE.search(file.path):
            continue
        hunks.setdefault(file.path, []).extend(_range(hunk) for hunk in file.hunks)
    return Commentable({path: tuple(ranges) for path, ranges in hunks.items()})


def _range(hunk: Hunk) -> tuple[int, int, int, int]:
    """Count without making the lines: a diff may have a hundred thousand."""
    markers = hunk.body.count("\n\\")  # of a file that ends without a newline
    lines = hunk.body.count("\n") + (not hunk.body.endswith("\n")) - markers
    same = lines - hunk.changed
    return (
        hunk.old_start, hunk.old_start + hunk.removed + same,
        hunk.new_start, hunk.new_start + hunk.added + same,
    )  # fmt: skip


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
    findings = review.findings
    gravest = sorted(range(len(findings)), key=lambda at: SEVERITIES.index(findings[at].severity))
    inline = [at for at in gravest if commentable.holds(findings[at])][:most_inline]
    shown = [findings[at] for at in sorted(inline)]
    others = [findings[at] for at in gravest if at not in inline]
    body = _body(review, others, seconds, render_marker(mark, key))
    return Draft(mark.head, body, tuple(_comment(one) for one in shown))


def facts(review: Review, seconds: float) -> str:
    """Say which model looked, how often, and what it cost."""
    usage = review.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    model = _line(review.model or "no model", _LONG_NAME)
    calls = counted(usage.calls, "call") + stage_calls(usage)
    judge = "" if review.calibrated else " · judge not calibrated for this model"
    return f"<sub>{model} · {calls} · {tokens:,} tokens · {seconds:.0f} s{judge}</sub>"


def unreviewed(review: Review, most: int) -> str:
    """List what was not reviewed, and why; as many entries as there is room for, and how many more.

    "" where all was.
    """
    entries = tuple(sorted(review.not_reviewed, key=lambda one: one.policy))  # gaps first
    keep = len(entries)
    while keep:
        part = replace(review, not_reviewed=entries[:keep])
        left = len(entries) - keep
        more = [f"*{left} more not reviewed.*"] if left else []
        text = harmless("\n\n".join([*not_reviewed_blocks(part), *more]))
        if _units(text) <= most:
            return text
        keep //= 2
    return f"*{len(entries)} not reviewed.*" if entries else ""


def fitted(head: list[str], blocks: list[tuple[str, str]], tail: list[str], most: int) -> str:
    """Join blocks of text, as many of the middle ones as there is room for.

    Each of these comes with the noun that those are counted by which do not fit.
    """
    head, tail = [_short(text) for text in head], [*map(_short, tail[:-1]), *tail[-1:]]
    room = most - _units("\n\n".join([*head, *tail])) - 200  # for what is said of the rest
    kept: list[str] = []
    left: list[str] = []
    for text, noun in blocks:
        size = _units(text) + 2
        if size > room:
            left.append(noun)
            continue
        kept.append(text)
        room -= size
    more = [_MORE.format(counted(left.count(noun), noun)) for noun in dict.fromkeys(left)]
    return "\n\n".join([*head, *kept, *more, *tail])


def shortened(text: str, most: int) -> str:
    """Cut a text to so many characters, and show that it was cut."""
    return text if len(text) <= most else text[: most - 2].rstrip() + " …"


def _body(review: Review, others: list[Finding], seconds: float, marker: str) -> str:
    blocks = [(text, "finding") for text in _texts(others)]
    if missed := unreviewed(review, _LONG_BLOCK):
        blocks.append((missed, "note on what was not reviewed"))
    caution = [_line(review.caution, _LONG_LINE)] if review.caution else []
    if review.hidden_findings:
        caution.append(
            f"{counted(review.hidden_findings, 'more finding')}, less likely, not shown."
        )
    caution += [_line(text, _LONG_LINE) for text in without(review)]
    covered = f"**{_line(coverage(review), _LONG_LINE)}**"
    tail = [*caution, covered, facts(review, seconds), marker]
    return fitted([tally(review)], blocks, tail, MOST_CHARACTERS)


def _texts(findings: list[Finding]) -> list[str]:
    """Write findings for a body; where there is no room for all, the last ones in a line each."""
    lines = [_one_line(finding) for finding in findings]
    room = _FINDINGS - sum(_units(line) + 2 for line in lines)
    texts = []
    for finding, line in zip(findings, lines, strict=True):
        text = _block(finding)
        more = _units(text) - _units(line)
        fits = _units(text) <= _LONG_BLOCK and more <= room
        texts.append(text if fits else line)
        room -= more if fits else 0
    return texts


def _block(finding: Finding) -> str:
    part = replace(
        finding,
        title=shortened(finding.title.strip(), _LONG_TITLE),
        body=shortened(finding.body.strip(), _LONG_BODY),
        source=shortened(finding.source, _LONG_NAME),
    )
    blocks = [*finding_blocks(part), *_note_of_cut(finding)]
    return harmless("\n\n".join(block for block in blocks if block))


def _one_line(finding: Finding) -> str:
    where = code_span(shortened(place(finding), _LONG_TITLE))
    return harmless(f"- {where}: {_line(finding.title, _LONG_NAME)} · {finding.severity}")


def _comment(finding: Finding) -> Comment:
    start = finding.start_line if finding.start_line != finding.line else None
    return Comment(finding.path, _comment_body(finding), finding.side, finding.line, start)


def _comment_body(finding: Finding) -> str:
    tags: list[str] = [finding.severity, finding.category]
    if finding.source != "model":
        tags.append(_line(finding.source, _LONG_NAME))
    head = f"**{_line(finding.title, _LONG_TITLE)}** · {' · '.join(tags)}"
    suggestion = suggestion_block(finding)
    if _units(suggestion) > _LONG_SUGGESTION:
        suggestion = "*The suggestion is too long to show.*"
    body = safe_markdown(shortened(finding.body.strip(), _LONG_BODY))
    parts = [
        harmless(head),
        harmless(body),
        *_note_of_cut(finding),
        link_block(finding),
        suggestion,
    ]
    return "\n\n".join(part for part in parts if part)


def _note_of_cut(finding: Finding) -> list[str]:
    return [_CUT] if len(finding.body.strip()) > _LONG_BODY else []


def _line(text: str, most: int) -> str:
    """Give a line of somebody's as Markdown, cut before it is escaped, so that no code opens."""
    return harmless(safe_line(shortened(one_line(text), most)))


def _short(text: str) -> str:
    return text if _units(text) <= _LONG_BLOCK else _NO_ROOM


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
