"""What a check run shows on its commit: each finding beside its line, within GitHub's limits.

That hostile reviews stay within the limits, and what makes a check fail, is in `test_comments`.
"""

from dataclasses import replace

import pytest

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.github import check_output
from reviewbot.github.check_output import MOST_MESSAGE, MOST_SUMMARY, MOST_TITLE, Annotation
from tests.reviews import (
    HOSTILE,
    INJECTION,
    LOST_CLEANUP,
    clean_review,
    empty_review,
    full_review,
    hostile_review,
)


def having(*findings: Finding) -> Review:
    return replace(full_review(), findings=findings)


def shows(review: Review) -> check_output.CheckOutput:
    return check_output.reviewed(review, "never", seconds=61.6)


def note(finding: Finding) -> Annotation:
    [annotation] = shows(having(finding)).annotations
    return annotation


def test_a_check_run_tells_the_findings_the_coverage_and_the_cost() -> None:
    output = shows(full_review())
    assert output.title == "5 findings: 1 critical, 2 major, 2 minor"
    assert "188 of 214 changed lines reviewed" in output.summary
    assert "granite-4.1-3b · 5 calls · 6,086 tokens · 62 s" in output.summary
    for entry in full_review().not_reviewed:
        assert f"`{entry.path}`" in output.summary


def test_each_finding_is_a_note_in_the_order_of_the_review() -> None:
    findings = full_review().findings
    assert [one.path for one in shows(full_review()).annotations] == [one.path for one in findings]


@pytest.mark.parametrize(
    ("severity", "level"), [("critical", "failure"), ("major", "warning"), ("minor", "notice")]
)
def test_a_note_is_as_grave_as_its_finding(severity: str, level: str) -> None:
    finding = replace(INJECTION, severity=severity)  # type: ignore[arg-type]
    assert note(finding).level == level
    assert note(finding).title == f"{severity}: security"


def test_a_note_stands_on_the_lines_of_its_finding() -> None:
    assert (note(INJECTION).start_line, note(INJECTION).end_line) == (41, 43)
    assert note(INJECTION).message.startswith(f"{INJECTION.title}\n\n`order_id` is taken")


def test_a_note_on_removed_lines_stands_on_the_nearest_one_that_is_left_and_names_them() -> None:
    annotation = note(LOST_CLEANUP)
    assert (annotation.start_line, annotation.end_line) == (52, 52)
    assert annotation.message.startswith("On removed lines 44-45: The listener")


def test_a_note_on_a_file_of_which_nothing_is_left_stands_on_line_one() -> None:
    assert note(replace(LOST_CLEANUP, right_line=0)).start_line == 1


def test_a_long_finding_is_cut_and_that_is_shown() -> None:
    message = note(replace(INJECTION, body="word " * 20_000)).message
    assert len(message) <= MOST_MESSAGE
    assert message.endswith(" …")


def test_a_hundred_findings_are_a_hundred_notes() -> None:
    """GitHub takes fifty a request: the one who sends them divides them."""
    assert len(shows(having(*[INJECTION] * 100)).annotations) == 100


def test_many_long_gaps_fit_into_a_summary_that_still_tells_the_coverage() -> None:
    gap = NotReviewed("d/" + "x" * 200 + ".py", None, "why " * 40, policy=False)
    gaps = tuple(replace(gap, path=f"{number}{gap.path}") for number in range(3000))
    output = shows(replace(clean_review(), not_reviewed=gaps))
    assert len(output.summary) <= MOST_SUMMARY
    assert len(output.title) <= MOST_TITLE
    assert "100 of 102 changed lines reviewed" in output.summary
    assert "more not reviewed" in output.summary


def test_what_a_stranger_wrote_shows_as_typed() -> None:
    output = shows(hostile_review())
    [annotation] = output.annotations
    for text in (output.title, annotation.title, annotation.message):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\n::error::" not in output.summary
    assert annotation.path == HOSTILE.path


def test_an_empty_diff_is_told() -> None:
    output = shows(empty_review())
    assert (output.title, output.conclusion, output.annotations) == ("No findings.", "neutral", ())
    assert "Nothing to review." in output.summary


def test_hidden_findings_alone_leave_a_title() -> None:
    output = shows(replace(clean_review(), hidden_findings=3))
    assert output.title.startswith("100 of 102 changed lines reviewed")


@pytest.mark.parametrize("reason", ["a newer head took its place", "the pull request is closed"])
def test_a_review_that_was_ended_says_why(reason: str) -> None:
    output = check_output.superseded(reason)
    assert (output.title, output.annotations) == ("Not reviewed", ())
    assert output.summary == f"This review was ended: {reason}."


def test_a_review_that_failed_says_why_and_how_to_get_one() -> None:
    output = check_output.failed("GitHub denies: pull_requests: write is missing", 41)
    assert output.title == "The review failed"
    assert "pull_requests: write is missing" in output.summary
    assert "Re-run this check" in output.summary
    assert "`reviewbot jobs show 41`" in output.summary


def test_a_merge_queue_is_let_go_on() -> None:
    output = check_output.merge_queue()
    assert (output.title, output.conclusion) == ("Reviewed in the pull request", "neutral")
