"""The sentences that the formats share."""

from dataclasses import replace

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.review import Coverage, ReviewedFile
from reviewbot.report.words import (
    coverage,
    hidden,
    message_lines,
    place,
    ranges,
    reason_and_remedy,
    right_lines,
    tally,
)
from tests.reviews import (
    COMBINED,
    FAILED_CHUNK,
    INJECTION,
    LOCK_FILE,
    LOGO,
    LOST_CLEANUP,
    RACE,
    clean_review,
    empty_review,
    full_review,
)


def test_coverage_names_what_was_not_reviewed_and_why() -> None:
    review = replace(clean_review(), coverage=Coverage(214, 212))
    assert coverage(review) == (
        "212 of 214 changed lines reviewed; 2 not: package-lock.json (lock file)"
    )


def test_coverage_of_a_whole_diff_is_short() -> None:
    review = replace(clean_review(), not_reviewed=(), coverage=Coverage(214, 214))
    assert coverage(review) == "214 of 214 changed lines reviewed"


def test_coverage_names_files_that_have_no_readable_lines() -> None:
    review = replace(clean_review(), not_reviewed=(LOGO,), coverage=Coverage(214, 214))
    assert coverage(review) == "214 of 214 changed lines reviewed; not: docs/logo.png (binary)"


def test_coverage_counts_one_line_as_one_line() -> None:
    review = replace(clean_review(), not_reviewed=(), coverage=Coverage(1, 1))
    assert coverage(review) == "1 of 1 changed line reviewed"


def test_coverage_of_binaries_alone_says_that_nothing_was_reviewed() -> None:
    review = replace(clean_review(), not_reviewed=(LOGO,), coverage=Coverage(0, 0))
    assert coverage(review) == "Nothing reviewed; not: docs/logo.png (binary)"


def test_coverage_of_an_empty_diff_is_nothing_to_review() -> None:
    assert coverage(empty_review()) == "Nothing to review."


def test_coverage_names_gaps_first_then_the_largest_and_counts_the_rest() -> None:
    files = tuple(ReviewedFile(f"{n}.lock", None, "modified", n, 0) for n in range(1, 6))
    locks = tuple(NotReviewed(file.path, None, "lock file", policy=True) for file in files)
    review = replace(
        full_review(),
        files=files,
        not_reviewed=(*locks, FAILED_CHUNK),
        coverage=Coverage(100, 61),
    )
    assert coverage(review) == (
        "61 of 100 changed lines reviewed; 39 not: app/pool.py (the model server did not answer "
        "within 120 s), 5.lock (lock file), 4.lock (lock file) and 3 more"
    )


def test_coverage_names_a_file_once_for_all_its_failed_chunks() -> None:
    again = replace(FAILED_CHUNK, lines=(("LEFT", 1, 2),))
    review = replace(full_review(), not_reviewed=(FAILED_CHUNK, again), coverage=Coverage(214, 188))
    assert coverage(review).count("app/pool.py") == 1


def test_a_reason_ends_where_its_remedy_begins() -> None:
    assert reason_and_remedy(COMBINED) == (
        "combined diff of a merge",
        "review it against one parent, as in `git diff PARENT MERGE`",
    )
    assert reason_and_remedy(LOCK_FILE) == ("lock file", "")


def test_ranges_are_said_in_words() -> None:
    assert ranges(None) == "whole file"
    assert ranges((("RIGHT", 3, 3),)) == "line 3"
    assert ranges((("RIGHT", 3, 9), ("LEFT", 4, 4), ("RIGHT", 12, 12))) == (
        "lines 3-9, 12; removed line 4"
    )


def test_a_place_is_a_line_or_a_range() -> None:
    assert place(RACE) == "web/src/cart.ts:18"
    assert place(INJECTION) == "app/orders.py:41-43"


def test_a_finding_on_removed_lines_stands_on_the_nearest_line_and_names_them() -> None:
    assert right_lines(LOST_CLEANUP) == (52, 52)
    assert message_lines(LOST_CLEANUP)[0] == (
        "On removed lines 44-45: The listener is no longer removed"
    )


def test_a_finding_in_a_deleted_file_still_stands_on_a_line() -> None:
    assert right_lines(replace(LOST_CLEANUP, right_line=0)) == (1, 1)


def test_the_tally_counts_by_severity_gravest_first() -> None:
    assert tally(full_review()) == "5 findings: 1 critical, 2 major, 2 minor"
    assert tally(clean_review()) == "No findings."


def test_hidden_findings_are_counted_with_the_option_that_shows_them() -> None:
    assert hidden(full_review()) == "3 more, less likely than these, not shown: see --all"
    assert hidden(clean_review()) == ""
