"""Whatever the diff or the model says: no format breaks, and nothing acts."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.diff.hunks import Line
from reviewbot.findings.review import Review
from reviewbot.report.escape import UNSEEN
from reviewbot.report.plan import render_plan_text
from reviewbot.report.rdjson import render_rdjson
from reviewbot.report.sarif import render_sarif
from reviewbot.report.text import render_text
from tests.golden_reports import FORMATS, REVIEWS
from tests.reviews import CHUNKS, HOSTILE, LOCK_FILE, full_review

PIECES = (
    "`",
    "```",
    "~~~",
    "::error::",
    "##[error]",
    "<b>",
    "](",
    "\x1b[2J",
    "\r",
    "\u202e",
    "%0A",
)
ANY_TEXT = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(codec=None), max_size=12)),
    max_size=8,
).map("".join)

ALL_FORMATS: dict[str, Callable[[Review], str]] = {
    **FORMATS,
    "plan": partial(render_plan_text, color=False, width=80),
    "narrow": partial(render_text, color=False, width=1),
}


def review_of(path: str, title: str, body: str, suggestion: str, source: str) -> Review:
    excerpt = tuple(
        Line("+", text, 1, number) for number, text in enumerate(source.split("\n"), start=6)
    )
    finding = replace(
        HOSTILE, path=path, title=title, body=body, suggestion=suggestion, excerpt=excerpt
    )
    left_out = (
        replace(LOCK_FILE, path=path, reason=body, policy=False),
        replace(LOCK_FILE, path=path, reason=title),
    )
    return replace(
        full_review(),
        model=title,
        chunks=(replace(CHUNKS[0], path=path),),
        findings=(finding, replace(finding, side="LEFT")),
        not_reviewed=left_out,
    )


@pytest.mark.parametrize("name", ALL_FORMATS)
@given(path=ANY_TEXT, title=ANY_TEXT, body=ANY_TEXT, suggestion=ANY_TEXT, source=ANY_TEXT)
def test_any_text_is_printable_in_every_format(
    name: str, path: str, title: str, body: str, suggestion: str, source: str
) -> None:
    text = ALL_FORMATS[name](review_of(path, title, body, suggestion, source))
    text.encode("utf-8")
    unseen = set(UNSEEN.findall(text)) - {"\n"}
    # A space of no width is how Markdown breaks mentions and links, and moves nothing.
    assert unseen <= {"\u200b"}


@pytest.mark.parametrize("name", ["json", "sarif", "rdjson"])
@given(path=ANY_TEXT, title=ANY_TEXT, body=ANY_TEXT, suggestion=ANY_TEXT, source=ANY_TEXT)
def test_any_text_can_be_parsed_back(
    name: str, path: str, title: str, body: str, suggestion: str, source: str
) -> None:
    text = FORMATS[name](review_of(path, title, body, suggestion, source))
    assert isinstance(json.loads(text.encode("utf-8")), dict)


@given(path=ANY_TEXT, title=ANY_TEXT, body=ANY_TEXT, suggestion=ANY_TEXT, source=ANY_TEXT)
def test_no_line_but_an_annotation_begins_a_command(
    path: str, title: str, body: str, suggestion: str, source: str
) -> None:
    review = review_of(path, title, body, suggestion, source)
    rendered = "".join(FORMATS[name](review) for name in ("80.txt", "md", "json", "sarif"))
    assert not [line for line in rendered.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in rendered


@given(path=ANY_TEXT, title=ANY_TEXT, body=ANY_TEXT, suggestion=ANY_TEXT, source=ANY_TEXT)
def test_annotations_are_one_line_each(
    path: str, title: str, body: str, suggestion: str, source: str
) -> None:
    lines = FORMATS["github"](review_of(path, title, body, suggestion, source)).splitlines()
    assert len(lines) == 5
    assert all(line.startswith(("::warning file=", "::notice::")) for line in lines)


def test_two_renderings_of_a_review_are_the_same_bytes() -> None:
    for review in REVIEWS.values():
        assert render_sarif(review) == render_sarif(review)
        assert render_rdjson(review) == render_rdjson(review)
