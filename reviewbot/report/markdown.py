"""A Review in, a Markdown page out: for a pull request's comment, a job summary or a file."""

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.report.escape import one_line, without_commands
from reviewbot.report.excerpt import Row, excerpt_rows, suggestion_rows
from reviewbot.report.safe_markdown import code_span, fence, safe_line, safe_markdown
from reviewbot.report.words import (
    coverage,
    gaps,
    hidden,
    left_out,
    place,
    ranges,
    reason_and_remedy,
    removed_lines,
    tally,
    without,
)


def render_markdown(review: Review) -> str:
    """Render a review as Markdown; the last line is its coverage.

    Text from the diff and from the model shows as typed: it makes no HTML, no image, no link
    and no mention. Fences are longer than any inside them.
    """
    nothing = not review.files and not review.not_reviewed
    blocks = [
        "## Code review",
        "" if nothing else tally(review),
        *(block for finding in review.findings for block in finding_blocks(finding)),
        *not_reviewed_blocks(review),
        safe_line(hidden(review)),
        safe_line(review.caution or ""),
        *(safe_line(text) for text in without(review)),
        f"**{safe_line(coverage(review))}**",
    ]
    return without_commands("\n\n".join(block for block in blocks if block) + "\n")


def finding_blocks(finding: Finding) -> list[str]:
    """Render one finding as blocks of Markdown: title, place, excerpt, body, suggestion."""
    removed = removed_lines(finding)
    tags = [finding.severity, finding.category, removed]
    if finding.source != "model":
        tags.append(safe_line(one_line(finding.source)))
    return [
        f"### {safe_line(one_line(finding.title))}",
        f"{code_span(place(finding))} · " + " · ".join(tag for tag in tags if tag),
        _excerpt(excerpt_rows(finding)),
        safe_markdown(finding.body.strip()),
        link_block(finding),
        *_suggestion(finding),
    ]


def link_block(finding: Finding) -> str:
    """Give the link to the rule of an analyzer, the only one that is not broken up."""
    return f"<{finding.link}>" if finding.link else ""


def _excerpt(rows: list[Row]) -> str:
    if not rows:
        return ""
    digits = max(len(row.number) for row in rows)
    # The sign stands first, where a diff's colours look for it.
    lines = [
        f"{row.sign} {row.number.rjust(digits)} {'>' if row.anchored else ' '} {row.text}".rstrip()
        for row in rows
    ]
    return fence(lines, "diff")


def _suggestion(finding: Finding) -> list[str]:
    rows = suggestion_rows(finding)
    if not rows:
        return []
    title = "Suggestion:" if finding.suggestion else "Suggestion: delete"
    return [title, fence([f"{row.sign} {row.text}".rstrip() for row in rows], "diff")]


def not_reviewed_blocks(review: Review) -> list[str]:
    """Render what was not reviewed, and why; what policy leaves out is folded away."""
    blocks = []
    if found := gaps(review):
        blocks += ["### Not reviewed", "\n".join(_missed(entry) for entry in found)]
    if chosen := left_out(review):
        files = f"<details><summary>Left out by policy: {len(chosen)}</summary>"
        blocks += [files, "\n".join(_missed(entry) for entry in chosen), "</details>"]
    return blocks


def _missed(entry: NotReviewed) -> str:
    reason, remedy = reason_and_remedy(entry)
    where = f" ({ranges(entry.lines)})" if entry.lines else ""
    advice = f"; {safe_line(remedy)}" if remedy else ""
    return f"- {code_span(entry.path)}: {safe_line(reason)}{where}{advice}"
