"""What a person reads on a terminal."""

import re
from dataclasses import replace

import pytest

from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.report.plan import render_plan_text
from reviewbot.report.terminal import LEAST_WIDTH, Terminal, cells
from reviewbot.report.text import render_text
from tests.reviews import (
    HOSTILE,
    INJECTION,
    LEFT_OVER,
    LONG_LOOP,
    LOST_CLEANUP,
    RACE,
    clean_review,
    empty_review,
    full_review,
    hostile_review,
    plan,
    right,
)

SGR = re.compile(r"\x1b\[[0-9;]*m")


def plain(*findings: Finding, width: int = 80) -> str:
    review = replace(clean_review(), findings=findings)
    return render_text(review, color=False, width=width)


def test_the_last_line_is_the_coverage() -> None:
    assert render_text(clean_review(), color=False, width=80).splitlines()[-2:] == [
        "No findings.",
        "100 of 102 changed lines reviewed; 2 not: package-lock.json (lock file)",
    ]


def test_an_empty_diff_says_one_thing() -> None:
    assert render_text(empty_review(), color=False, width=80) == "Nothing to review.\n"


def test_colours_carry_nothing_that_the_characters_do_not() -> None:
    coloured = render_text(full_review(), color=True, width=80)
    assert SGR.sub("", coloured) == render_text(full_review(), color=False, width=80)


def test_anchored_lines_are_marked_without_colour() -> None:
    marked = [line for line in plain(INJECTION).splitlines() if line.startswith("  > ")]
    assert [line.split()[1] for line in marked] == ["41", "42", "43"]


def test_a_removed_line_is_said_to_be_removed() -> None:
    text = plain(LOST_CLEANUP)
    assert "web/src/cart.ts:44-45 (removed) · major · resources\n" in text
    assert "  > 45 │ -     timer.stop();\n" in text


def test_a_long_excerpt_is_cut_in_the_middle() -> None:
    assert "  >    │ … 14 lines\n" in plain(LONG_LOOP)


def test_a_deletion_is_suggested_as_one() -> None:
    assert "  Suggestion: delete\n    -     print(order" in plain(LEFT_OVER)


def test_a_suggestion_on_removed_lines_is_not_shown_as_a_replacement() -> None:
    assert "Suggestion" not in plain(replace(LOST_CLEANUP, suggestion="timer.stop();"))


def test_crlf_endings_are_not_shown_but_a_stray_cr_is() -> None:
    assert r"\r" not in plain(LEFT_OVER)
    assert r"c = 1\r" in plain(HOSTILE)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_source_lines_and_prose_fit_the_width(width: int) -> None:
    lines = plain(INJECTION, RACE, HOSTILE, LONG_LOOP, width=width).splitlines()[:-1]
    assert max(cells(line) for line in lines) <= width


def test_a_terminal_of_no_width_is_taken_for_a_narrow_one() -> None:
    assert plain(INJECTION, width=0) == plain(INJECTION, width=LEAST_WIDTH)


def test_wide_characters_are_cut_by_the_cells_that_they_take() -> None:
    assert Terminal(color=False, width=40).cut("表" * 30) == "表" * 19 + "…"


def test_a_line_of_a_minified_file_costs_no_more_than_what_is_shown() -> None:
    huge = replace(RACE, excerpt=(right(18, "x" * 240_000),))
    assert len(plain(huge)) < 1000


def test_gaps_come_with_their_remedies_before_what_policy_leaves_out() -> None:
    text = render_text(full_review(), color=False, width=80)
    remedy = text.index("→ try again, or raise REVIEWBOT_TIMEOUT")
    assert text.index("\nNot reviewed\n") < remedy < text.index("\nLeft out by policy\n")


def test_many_files_left_out_for_one_reason_take_one_line() -> None:
    locks = tuple(NotReviewed(f"{n}.lock", None, "lock file", policy=True) for n in range(9))
    text = render_text(replace(clean_review(), not_reviewed=locks), color=False, width=80)
    assert "  lock file: 0.lock, 1.lock, 2.lock, 3.lock, 4.lock and 4 more\n" in text


def test_code_in_a_body_keeps_its_lines() -> None:
    body = "Do:\n```py\nif a:\n        b()\n```"
    assert "  if a:\n          b()\n" in plain(replace(RACE, body=body))


def test_a_line_that_a_ci_runner_would_obey_is_disarmed() -> None:
    text = plain(replace(RACE, body="::add-mask::a\n ##[error]b", path="::error::c"))
    assert "\n  \\::add-mask::a\n" in text
    assert "##\\[error]b" in text
    assert text.startswith("\\::error::c:18")


def test_hostile_text_is_spelt_out() -> None:
    text = render_text(hostile_review(), color=False, width=80)
    assert text.startswith(r"app/\x1b[2J evil`name`.py:7 · major")
    assert r"a = '\u202e'  # \x1b[31m" in text


def test_a_plan_marks_estimates_and_says_what_is_left_out() -> None:
    text = render_plan_text(plan(), color=False, width=80)
    assert "      1    100   2,710  app/orders.py: lines 12-99; removed lines 12-23\n" in text
    assert "3 requests, ~5,475 tokens in all\n" in text
    assert text.splitlines()[-1].startswith("212 of 214 changed lines to review; 2 not: ")


def test_a_plan_of_nothing_says_so() -> None:
    assert render_plan_text(empty_review(), color=False, width=80) == "Nothing to review.\n"
