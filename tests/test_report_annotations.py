"""Workflow commands: what the runner of GitHub Actions would read."""

from dataclasses import replace

from reviewbot.report.annotations import render_github
from tests.reviews import (
    INJECTION,
    LEFT_OVER,
    LOST_CLEANUP,
    RACE,
    clean_review,
    empty_review,
    full_review,
    hostile_review,
)


def test_a_severity_is_a_command() -> None:
    review = replace(clean_review(), findings=(INJECTION, RACE, LEFT_OVER))
    commands = [line.split()[0] for line in render_github(review).splitlines()]
    assert commands == ["::error", "::warning", "::notice", "::notice::100"]


def test_a_finding_names_file_lines_and_kind() -> None:
    [line, _] = render_github(replace(clean_review(), findings=(INJECTION,))).splitlines()
    assert line.startswith(
        "::error file=app/orders.py,line=41,endLine=43,title=critical%3A security::The order id"
    )
    assert "%0A%0A`order_id` is taken" in line


def test_a_finding_on_removed_lines_stands_on_the_nearest_line_and_names_them() -> None:
    [line, _] = render_github(replace(clean_review(), findings=(LOST_CLEANUP,))).splitlines()
    assert ",line=52,endLine=52," in line
    assert "::On removed lines 44-45: The listener" in line


def test_a_gap_is_a_warning_on_its_file() -> None:
    assert (
        "\n::warning file=app/pool.py,title=Not reviewed::the model server did not answer "
        "within 120 s; lines 40-63; try again, or raise REVIEWBOT_TIMEOUT\n"
    ) in render_github(full_review())


def test_what_policy_leaves_out_is_only_in_the_coverage() -> None:
    assert render_github(clean_review()) == (
        "::notice::100 of 102 changed lines reviewed; 2 not: package-lock.json (lock file)\n"
    )


def test_an_empty_diff_is_one_notice() -> None:
    assert render_github(empty_review()) == "::notice::Nothing to review.\n"


def test_no_text_begins_a_command_or_a_property_of_its_own() -> None:
    finding, gap, _ = render_github(hostile_review()).splitlines()
    assert finding.startswith(r"::warning file=app/\x1b[2J evil`name`.py,line=7,")
    assert gap.startswith("::warning file=a%0A%3A%3Aerror%3A%3Ab%2Cc%3Ad%250A.py,title=")
