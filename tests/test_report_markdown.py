"""Markdown: what a stranger's text may look like, and what it may not do."""

import pytest

from reviewbot.report.markdown import render_markdown
from reviewbot.report.safe_markdown import code_span, fence, safe_line, safe_markdown
from tests.reviews import empty_review, full_review


@pytest.mark.parametrize(
    ("typed", "safe"),
    [
        ("<b>&amp;", r"\<b\>\&amp;"),
        ("![x](y)", r"!\[x\](y)"),
        ("http://a.example", "http:\u200b//a.example"),
        ("_WWW.a.example", "\\_WWW\u200b.a.example"),
        ("ask @someone", "ask @\u200bsomeone"),
        ("see a/b#12 and GH-7", "see a/b#\u200b12 and GH-\u200b7"),
        ("# Head", r"\# Head"),
        ("- # Head", r"- \# Head"),
        ("===", r"\==="),
        ("---:", r"\---:"),
        ("a | b", r"a \| b"),
        ("*a* ~b~ $c$", r"\*a\* \~b\~ \$c\$"),
        ("an `open tick", r"an \`open tick"),
        (r"a \` b", r"a \\\` b"),
        ("\x1b[1m", r"\\x1b\[1m"),
    ],
)
def test_what_would_act_is_shown_as_typed(typed: str, safe: str) -> None:
    assert safe_markdown(typed) == safe


@pytest.mark.parametrize(
    "text",
    [
        "- a list\n- of two",
        "1. one\n2. two",
        "snake_case_name, `@code <b>`, ``a`b``",
        "```\n@code <b>\n```",
        "a #tag, a C# word, 5 - 3",
    ],
)
def test_lists_and_code_stay_as_they_are(text: str) -> None:
    assert safe_markdown(text) == text


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fence(["````"], "diff") == "`````diff\n````\n`````"
    assert safe_markdown("~~~html\n```\n</b>\n~~~\n<b>") == "````\n```\n</b>\n````\n\\<b\\>"


def test_a_fence_that_is_never_closed_is_closed() -> None:
    assert safe_markdown("```\n<b>") == "```\n<b>\n```"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a.py", "`a.py`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        (" a", "`  a `"),
        ("", "`  `"),
        ("a\nb", r"`a\nb`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code_span(text) == span


def test_a_title_cannot_leave_its_line() -> None:
    assert "\n" not in safe_line("a ``` b")


def test_a_command_for_a_ci_runner_is_disarmed() -> None:
    assert not [line for line in render_markdown(full_review()).splitlines() if line[:2] == "::"]


def test_the_last_line_is_the_coverage() -> None:
    last = render_markdown(full_review()).splitlines()[-1]
    assert last.startswith("**188 of 214 changed lines reviewed; 26 not: app/pool.py (")


def test_an_empty_diff_says_so() -> None:
    assert render_markdown(empty_review()) == "## Code review\n\n**Nothing to review.**\n"
