"""A Run comes in; out comes one page of HTML on which a person sees what was found and missed.

Diffs and what a model said are hostile: every text is escaped, what acts or hides is spelt out,
names of anchors are numbers of ours, and the page may load and run nothing.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from reviewbot.diff.hunks import Line, Side
from reviewbot.diff.parse import FileDiff
from reviewbot.evaluation.matching import Comment
from reviewbot.evaluation.page_style import STYLE
from reviewbot.evaluation.record import CandidateRecord
from reviewbot.evaluation.replay import NOT_PLACED, comment_of
from reviewbot.evaluation.reviewed import Reviewed, Rule, Run
from reviewbot.report.escape import TAB_WIDTH, visible

_Range = tuple[Side, int, int]
_SIGNS = {"+": "add", "-": "del", " ": "same"}
_CAUGHT = {
    "shown": ("good", "found"),
    "said": ("half", "said, but not shown"),
    "missed": ("bad", "missed"),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A reviewed case as the page shows it: its number, and what became of each golden."""

    number: int
    reviewed: Reviewed
    right: frozenset[int]
    """Which candidates tell of a golden, by their place."""
    caught: tuple[str, ...]
    """For each golden: shown, said or missed."""

    @property
    def link(self) -> str:
        return f'<a href="#case-{self.number}">{_text(self.reviewed.case.id)}</a>'

    @property
    def shown(self) -> int:
        return sum(one.fate == "shown" for one in self.reviewed.record.candidates)


def render_page(run: Run, rule: Rule, summary: str) -> str:
    """Render the whole page; `summary` is the score as plain text, `rule` says what is found."""
    seen = [_see(number, one, rule) for number, one in enumerate(run.reviewed, 1)]
    name = _text(f"{run.info.name}: {run.info.model}")
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    judge = f", judge {rule.judge}" if rule.judge else ""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>",
        f"<p>Found and right: {_text(rule.name + judge)}, many-to-one.</p>",
        f"<details><summary>The whole score</summary><pre>{_block(summary)}</pre></details>",
        _index(seen),
        *(_case(one) for one in seen),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _see(number: int, reviewed: Reviewed, rule: Rule) -> _Seen:
    """Find out of each golden and each candidate whether they belong together."""
    candidates = reviewed.record.candidates
    comments = [_comment(one) for one in candidates]
    goldens = reviewed.case.golden
    fates: list[str] = []
    for golden in goldens:
        told = [
            one.fate
            for one, comment in zip(candidates, comments, strict=True)
            if comment and rule.tells(golden, comment)
        ]
        fates.append("shown" if "shown" in told else "said" if told else "missed")
    right = frozenset(
        index
        for index, comment in enumerate(comments)
        if comment and any(rule.tells(golden, comment) for golden in goldens)
    )
    return _Seen(number, reviewed, right, tuple(fates))


def _comment(candidate: CandidateRecord) -> Comment | None:
    return None if candidate.fate in NOT_PLACED else comment_of(candidate)


def _index(seen: Sequence[_Seen]) -> str:
    """List the cases by what a reader looks for; an anchor for each."""
    groups = {
        "All": seen,
        "With a missed golden": [one for one in seen if "missed" in one.caught],
        "With a golden said but not shown": [one for one in seen if "said" in one.caught],
        "With a golden found": [one for one in seen if "shown" in one.caught],
        "Clean, with findings": [one for one in seen if one.reviewed.case.is_clean and one.shown],
        "Failed": [one for one in seen if one.reviewed.record.failure],
    }
    for language in sorted({one.reviewed.case.language for one in seen}):
        groups[language] = [one for one in seen if one.reviewed.case.language == language]
    rows = (
        f"<details><summary>{_text(name)} ({len(group)})</summary>"
        f"<p>{' '.join(one.link for one in group)}</p></details>"
        for name, group in groups.items()
    )
    return "<nav>\n" + "\n".join(rows) + "\n</nav>"


def _case(seen: _Seen) -> str:
    case, record = seen.reviewed.case, seen.reviewed.record
    hits = sum(one == "shown" for one in seen.caught)
    meta = f"{case.language} · {seen.reviewed.size} changed lines · {len(case.golden)} goldens,"
    meta += f" {hits} found · {seen.shown} findings shown of {len(record.candidates)} candidates"
    failure = f'<p class="remark bad">failed: {_text(record.failure)}</p>' if record.failure else ""
    return "\n".join(
        (
            f'<section id="case-{seen.number}">\n<h2>{_text(case.id)}: {_text(case.title)}</h2>',
            f'<p class="meta">{_text(meta)}</p>{failure}\n<div class="sides">\n<div>',
            *(_file(file, seen) for file in seen.reviewed.files),
            "</div>\n<div>",
            *_remarks(seen),
            "</div>\n</div>\n</section>",
        )
    )


def _file(file: FileDiff, seen: _Seen) -> str:
    """Render the diff of a file, its lines marked where goldens and findings stand."""
    case, record = seen.reviewed.case, seen.reviewed.record
    marks: dict[str, list[_Range]] = {
        "golden": [
            (one.side, one.from_line, one.to_line) for one in case.golden if one.path == file.path
        ],
        "finding": [
            (one.side, one.start_line, one.line)
            for one in record.candidates
            if one.fate == "shown" and one.path == file.path
        ],
    }
    rows = []
    for hunk in file.hunks:
        rows.append(f'<tr class="at"><td colspan="4">@@ {_text(hunk.section)}</td></tr>')
        for line in hunk.lines():
            marked = [mark for mark, ranges in marks.items() if _is_in(line, ranges)]
            rows.append(_line(line, [_SIGNS[line.sign], *marked]))
    head = f'<div class="diff"><table><caption>{_text(file.path)}</caption>'
    return "\n".join((head, *rows, "</table></div>"))


def _is_in(line: Line, ranges: Sequence[_Range]) -> bool:
    return any(line.side == side and first <= line.number <= last for side, first, last in ranges)


def _line(line: Line, marks: Sequence[str]) -> str:
    old = "" if line.sign == "+" else str(line.old)
    new = "" if line.sign == "-" else str(line.new)
    return (
        f'<tr class="{" ".join(marks)}"><td class="n">{old}</td><td class="n">{new}</td>'
        f'<td class="s">{line.sign}</td><td>{_text(line.text)}</td></tr>'
    )


def _remarks(seen: _Seen) -> Iterator[str]:
    """Give the goldens, then the findings, then in a fold what was not shown."""
    case, candidates = seen.reviewed.case, seen.reviewed.record.candidates
    yield f"<h3>Goldens ({len(case.golden)})</h3>"
    for golden, caught in zip(case.golden, seen.caught, strict=True):
        kind, words = _CAUGHT[caught]
        about = f"{words} · {_place(golden.path, golden.side, golden.from_line, golden.to_line)}"
        about += "".join(f" · {one}" for one in (golden.severity, golden.category) if one)
        yield _remark(kind, "", golden.text, about)
    shown = [index for index, one in enumerate(candidates) if one.fate == "shown"]
    yield f"<h3>Findings ({len(shown)})</h3>"
    yield from (_candidate(seen, index) for index in shown)
    others = [index for index, one in enumerate(candidates) if one.fate != "shown"]
    yield f"<details><summary>Not shown ({len(others)})</summary>"
    yield from (_candidate(seen, index) for index in others)
    yield f"</details>\n<details><summary>Rejected by experts ({len(case.known_bad)})</summary>"
    for bad in case.known_bad:
        about = _place(bad.path, bad.side, bad.from_line, bad.to_line)
        yield _remark("", "", bad.text, about)
    yield "</details>"


def _candidate(seen: _Seen, index: int) -> str:
    one = seen.reviewed.record.candidates[index]
    right = index in seen.right
    about = [one.fate, "right" if right else "wrong", one.severity, one.category, one.source]
    about.append(_place(one.path, one.side, one.start_line, one.line))
    about.append(f"looks {', '.join(map(str, one.looks)) or 'none'}")
    if one.log_odds is not None:
        about.append(f"judge {one.log_odds:+.2f}")
    elif one.judged:
        about.append("judge abstained")
    if one.probability is not None:
        about.append(f"probability {one.probability:.2f}")
    about += [reason for reason in (one.refuted, one.reason) if reason]
    if len(one.members) > 1:
        about.append(f"merged from {len(one.members)}")
    return _remark("good" if right else "bad", one.title, one.body, " · ".join(about))


def _remark(kind: str, title: str, text: str, about: str) -> str:
    head = f"<p><strong>{_text(title)}</strong></p>" if title else ""
    return (
        f'<div class="remark {kind}">{head}<p>{_lines(text)}</p>'
        f'<p class="meta">{_text(about)}</p></div>'
    )


def _place(path: str, side: str, first: int, last: int) -> str:
    lines = f"{first}" if first == last else f"{first}-{last}"
    return f"{path}:{lines}" + (" (old file)" if side == "LEFT" else "")


def _text(text: str) -> str:
    """Escape one line; what a reader cannot see is spelt out."""
    return escape(visible(text.removesuffix("\r").expandtabs(TAB_WIDTH)))


def _lines(text: str) -> str:
    return "<br>".join(map(_text, text.split("\n")))


def _block(text: str) -> str:
    return "\n".join(map(_text, text.split("\n")))
