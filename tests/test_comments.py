"""What people read on GitHub: where it stands, that it fits, and that it does nothing."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff.hunks import Line
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Review
from reviewbot.github import check_output
from reviewbot.github.comments import (
    MOST_CHARACTERS,
    MOST_INLINE,
    Comment,
    Commentable,
    Draft,
    build_draft,
    commentable_lines,
    fitted,
    unreviewed,
)
from reviewbot.github.marker import Mark, find_marks, marker_key, render_marker
from reviewbot.github.suggestion import harmless, suggestion_block
from reviewbot.report.escape import UNSEEN
from tests.diffs import Made, git_diffs, modified, read
from tests.reviews import (
    HOSTILE,
    INJECTION,
    LEFT_OVER,
    LOST_CLEANUP,
    clean_review,
    full_review,
    hostile_review,
    removed,
    right,
)

KEY = marker_key("secret")
MARK = Mark(repository_id=7, number=12, base="main", head="a" * 40, run=1)
MARKER = render_marker(MARK, KEY)
EARLIER = render_marker(replace(MARK, run=0), KEY)
PATHS = ("app/orders.py", "web/src/cart.ts", HOSTILE.path)
EVERYWHERE = Commentable(dict.fromkeys(PATHS, ((1, 10_000, 1, 10_000),)))
NOWHERE = Commentable({})


def draft_of(review: Review, lines: Commentable = EVERYWHERE, most: int = MOST_INLINE) -> Draft:
    draft = build_draft(review, lines, MARK, KEY, seconds=3.4, most_inline=most)
    assert draft is not None
    return draft


def having(*findings: Finding, **more: Any) -> Review:
    return replace(full_review(), findings=findings, **more)


def only_comment(finding: Finding) -> Comment:
    [comment] = draft_of(having(finding)).comments
    return comment


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def file(*hunks: str, path: str = "a.py") -> FileDiff:
    text = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n" + "".join(hunks)
    [read] = parse_diff(text.encode())
    return read


def at(side: str, start: int, line: int, path: str = "a.py") -> Finding:
    return replace(INJECTION, path=path, side=side, start_line=start, line=line)  # type: ignore[arg-type]


# where a comment may stand


TWO_HUNKS = file("@@ -1,3 +1,4 @@\n a\n-b\n+B\n+C\n d\n", "@@ -20,2 +21,2 @@\n x\n-y\n+Y\n")


@pytest.mark.parametrize(
    ("side", "start", "line", "holds"),
    [
        ("RIGHT", 1, 4, True), ("RIGHT", 4, 4, True), ("RIGHT", 5, 5, False),
        ("RIGHT", 4, 5, False), ("RIGHT", 0, 1, False), ("RIGHT", 4, 21, False),
        ("RIGHT", 21, 22, True), ("RIGHT", 3, 2, False), ("LEFT", 1, 3, True),
        ("LEFT", 4, 4, False), ("LEFT", 20, 21, True), ("LEFT", 3, 20, False),
    ],
)  # fmt: skip
def test_a_comment_stands_within_one_hunk(side: str, start: int, line: int, holds: bool) -> None:  # noqa: FBT001
    assert commentable_lines([TWO_HUNKS]).holds(at(side, start, line)) is holds


def test_a_file_that_is_not_in_the_diff_takes_no_comment() -> None:
    assert not commentable_lines([TWO_HUNKS]).holds(at("RIGHT", 1, 1, "b.py"))


def test_a_missing_newline_and_a_blank_line_without_its_space_are_counted_right() -> None:
    odd = file("@@ -1,3 +1,3 @@\n a\n\n-b\n\\ No newline at end of file\n+B\n"
               "\\ No newline at end of file\n")  # fmt: skip
    lines = commentable_lines([odd])
    assert lines.hunks == {"a.py": ((1, 4, 1, 4),)}


def test_a_path_that_could_not_be_read_as_it_is_takes_no_comment() -> None:
    data = b'diff --git "a/\\351.py" "b/\\351.py"\n--- "a/\\351.py"\n+++ "b/\\351.py"\n'
    [lossy] = parse_diff(data + b"@@ -1 +1 @@\n-a\n+b\n")
    assert commentable_lines([lossy]).hunks == {}


def accepted(made: Iterable[Made]) -> dict[str, list[set[tuple[str, int]]]]:
    """What GitHub takes comments on, line by line, from how the diff was made."""
    return {
        one.path: [
            {("LEFT", line.old) for line in lines if line.sign != "+"}
            | {("RIGHT", line.new) for line in lines if line.sign != "-"}
            for _, lines in one.hunks
        ]
        for one in made
    }


@settings(max_examples=300)
@given(git_diffs(least=1), st.data())
def test_a_line_takes_a_comment_exactly_where_the_diff_has_it(
    made: list[Made], data: st.DataObject
) -> None:
    lines, truth = commentable_lines(read(made)), accepted(made)
    path = data.draw(st.sampled_from(sorted(truth)))
    side = data.draw(st.sampled_from(("LEFT", "RIGHT")))
    start = data.draw(st.integers(0, 40))
    end = start + data.draw(st.integers(0, 4))
    wanted = {(side, number) for number in range(start, end + 1)}
    assert lines.holds(at(side, start, end, path)) == any(wanted <= hunk for hunk in truth[path])


@settings(max_examples=200)
@given(modified(), st.lists(st.tuples(st.sampled_from(("LEFT", "RIGHT")), st.integers(1, 30),
                                      st.integers(0, 3)), min_size=1, max_size=40))  # fmt: skip
def test_every_comment_is_commentable_and_no_finding_is_lost(
    made: Made, spots: list[tuple[str, int, int]]
) -> None:
    findings = [at(side, start, start + more, made.path) for side, start, more in spots]
    draft = draft_of(having(*findings), commentable_lines(read([made])))
    hunks = accepted([made])[made.path]
    assert len(draft.comments) <= MOST_INLINE
    for one in draft.comments:
        first = one.line if one.start_line is None else one.start_line
        assert first <= one.line
        assert one.start_line != one.line
        assert any({(one.side, first), (one.side, one.line)} <= hunk for hunk in hunks)
    in_body = draft.body.count(INJECTION.title)
    assert len(draft.comments) + in_body == len(findings)


def test_the_lines_of_a_large_diff_are_counted_and_not_made() -> None:
    body = "".join(f"+line {number}\n" for number in range(100_000))
    large = file(f"@@ -0,0 +1,100000 @@\n{body}")
    assert commentable_lines([large]).hunks == {"a.py": ((1, 1, 1, 100_001),)}


# what is drafted


def test_without_a_finding_there_is_no_draft() -> None:
    assert build_draft(clean_review(), EVERYWHERE, MARK, KEY, seconds=1) is None


def test_a_comment_names_its_lines_as_github_wants_them() -> None:
    comments = draft_of(full_review()).comments
    spans = [(one.path, one.side, one.start_line, one.line) for one in comments]
    assert spans == [
        ("app/orders.py", "RIGHT", 41, 43),
        ("app/orders.py", "RIGHT", 60, 84),
        ("app/orders.py", "RIGHT", None, 97),
        ("web/src/cart.ts", "RIGHT", None, 18),
        ("web/src/cart.ts", "LEFT", 44, 45),
    ]


def test_the_body_tells_what_was_done_and_what_not_and_ends_with_the_mark() -> None:
    draft = draft_of(full_review())
    assert draft.commit_id == MARK.head
    assert draft.body.startswith("5 findings: 1 critical, 2 major, 2 minor\n")
    for words in (
        "`app/pool.py`: the model server did not answer within 120 s",
        "Left out by policy: 2",
        "3 more findings, less likely, not shown.",
        "**188 of 214 changed lines reviewed; 26 not: ",
        "<sub>granite-4.1-3b · 5 calls · 6,086 tokens · 3 s</sub>",
    ):
        assert words in draft.body
    assert draft.body.endswith(MARKER)
    assert find_marks(draft.body, [KEY]) == (MARK,)


def test_the_gravest_stand_inline_in_the_order_of_the_diff_and_the_others_in_the_body() -> None:
    small = replace(INJECTION, severity="minor")
    minor = [replace(small, title=f"small {n}", line=50 + n, start_line=50 + n) for n in range(30)]
    grave = replace(INJECTION, title="grave", line=99, start_line=99)
    draft = draft_of(having(*minor, grave))
    titles = [re.findall(r"\*\*(.+?)\*\*", one.body)[0] for one in draft.comments]
    assert titles == [f"small {n}" for n in range(24)] + ["grave"]
    for n in range(24, 30):
        assert f"### small {n}\n\n`app/orders.py:{50 + n}` · minor" in draft.body


def test_a_finding_on_lines_that_take_no_comment_stands_in_the_body_with_its_place() -> None:
    draft = draft_of(full_review(), NOWHERE)
    assert draft.comments == ()
    assert "`app/orders.py:41-43` · critical · security" in draft.body
    assert "`web/src/cart.ts:44-45` · major · resources · removed lines 44-45" in draft.body


def test_a_refused_review_can_be_drafted_without_inline_comments() -> None:
    draft = draft_of(full_review(), EVERYWHERE, most=0)
    assert draft.comments == ()
    assert draft.body.count("\n### ") == 6
    assert find_marks(draft.body, [KEY]) == (MARK,)


def test_of_one_finding_said_thirty_times_no_more_than_the_cap_stand_inline() -> None:
    draft = draft_of(having(*[INJECTION] * 30))
    assert len(draft.comments) == MOST_INLINE
    assert draft.body.count(INJECTION.title) == 5


def test_two_drafts_of_a_review_are_the_same() -> None:
    assert draft_of(hostile_review()) == draft_of(hostile_review())


# suggestions


def suggesting(suggestion: str, *excerpt: Line) -> Finding:
    lines = excerpt or (right(40, "a"), right(41, "b"), right(42, "c"), right(43, "d"))
    return replace(INJECTION, suggestion=suggestion, excerpt=lines)


@pytest.mark.parametrize(
    ("suggestion", "block"),
    [
        ("x = 1", "```suggestion\nx = 1\n```"),
        ("\tx\n\n\ty", "```suggestion\n\tx\n\n\ty\n```"),
        ("x\n", "```suggestion\nx\n\n```"),
        ("", "```suggestion\n```"),
        ("```\na\n````", "`````suggestion\n```\na\n````\n`````"),
        ("@property\n<b>&amp;", "```suggestion\n@property\n<b>&amp;\n```"),
    ],
)
def test_a_suggestion_is_one_that_github_applies_exactly(suggestion: str, block: str) -> None:
    assert suggestion_block(suggesting(suggestion)) == block


@pytest.mark.parametrize(
    "finding",
    [
        suggesting("x\r"), suggesting("x\ry"), suggesting("x\x1b[1m"), suggesting("x\u202ey"),
        suggesting("x\u200by"), suggesting("x\0"), suggesting("x\ud800"),
        suggesting(f"# {EARLIER}"),
        suggesting("/merge"), suggesting("::error::x"), suggesting("##[error]"),
        suggesting("x", right(41, "a"), removed(40, "b"), right(42, "c"), right(43, "d")),
        suggesting("x", right(41, "a\r"), right(42, "c\r"), right(43, "d\r")),
        suggesting("x", right(41, "a"), right(43, "d")),
        suggesting("x", right(99, "a")),
    ],
)  # fmt: skip
def test_a_suggestion_that_github_may_not_apply_exactly_only_shows_the_change(
    finding: Finding,
) -> None:
    block = suggestion_block(finding)
    assert block.startswith("```diff\n")
    assert "suggestion" not in block
    assert not set(UNSEEN.findall(block)) - {"\n", "\u200b"}
    block.encode()


def test_nothing_is_suggested_on_removed_lines_or_where_nothing_was() -> None:
    assert suggestion_block(replace(LOST_CLEANUP, suggestion="x")) == ""
    assert suggestion_block(replace(INJECTION, suggestion=None)) == ""


def test_removed_lines_beside_the_range_do_not_matter() -> None:
    beside = suggesting("x", removed(39, "z"), right(41, "a"), right(42, "b"), right(43, "c"),
                        removed(40, "y"))  # fmt: skip
    assert suggestion_block(beside).startswith("```suggestion\n")


def test_a_suggestion_too_long_is_left_out_and_that_is_said() -> None:
    body = only_comment(suggesting("x\n" * 20_000)).body
    assert "*The suggestion is too long to show.*" in body
    assert "```suggestion" not in body


def test_the_deletion_of_a_line_with_a_windows_line_end_only_shows() -> None:
    assert "```diff\n-     print(" in only_comment(LEFT_OVER).body


# limits


def test_a_long_text_is_cut_and_that_is_said() -> None:
    body = only_comment(replace(INJECTION, body="word " * 20_000)).body
    assert "*This text was cut.*" in body
    assert len(body) < 5_000
    assert (
        "*This text was cut.*"
        in draft_of(having(replace(INJECTION, body="w" * 9_999)), NOWHERE).body
    )


def test_a_text_cut_within_code_closes_the_code() -> None:
    body = only_comment(replace(INJECTION, body="```\n" + "@all " * 5_000, suggestion=None)).body
    assert body.count("```") == 2


def test_findings_without_room_stand_in_a_line_each() -> None:
    many = [replace(INJECTION, body="b" * 3_000, title=f"number {n}", line=n, start_line=n)
            for n in range(1, 201)]  # fmt: skip
    body = draft_of(having(*many), NOWHERE).body
    assert units(body) <= MOST_CHARACTERS
    assert "### number 1\n" in body
    assert "- `app/orders.py:200`: number 200 · critical" in body
    assert all(f"number {n}" in body for n in range(1, 201))


def test_of_three_thousand_gaps_some_are_named_and_the_others_counted() -> None:
    policy = tuple(NotReviewed(f"p{n}", None, "lock file", policy=True) for n in range(2_000))
    gaps = tuple(NotReviewed(f"g{n}", None, "no answer; again", policy=False) for n in range(1_000))
    text = unreviewed(having(INJECTION, not_reviewed=policy + gaps), 12_000)
    assert units(text) <= 12_000
    assert "- `g0`: no answer; again" in text
    named = text.count("\n- `")
    assert f"*{3_000 - named} more not reviewed.*" in text


def test_one_path_longer_than_the_room_is_only_counted() -> None:
    long = NotReviewed("\x01" * 4_000, None, "x", policy=False)
    assert unreviewed(having(INJECTION, not_reviewed=(long,)), 12_000) == "*1 not reviewed.*"
    assert unreviewed(having(INJECTION, not_reviewed=()), 12_000) == ""


def test_what_does_not_fit_is_counted_by_its_noun() -> None:
    text = fitted(
        ["head"], [("x" * 200, "thing"), ("y", "note"), ("z" * 300, "thing")], ["end"], 300
    )
    assert text == "head\n\ny\n\n*2 things did not fit into this text.*\n\nend"


# hostile text


PIECES = (
    "@someone", "@org/team", "`", "``", "```", "````", "~~~", "<b>", "<!--", "-->", "</details>",
    "<script>", "![x](http://e.example/x.png)", "[x](//e.example)", "https://e.example",
    "www.e.example", "a@e.example", "#12", "o/r#3", "GH-4", "&lt;", "&#64;x", "\\", "\n", "\r\n",
    "\n\n", "- ", "1. ", "> ", "# ", "---", "===", "| a | b |", "\n|-|-|\n", "    ", "\t",
    "/merge", "\n/lgtm\n", "::error::", "##[error]", "<!-- reviewbot:v1 ", EARLIER, MARKER,
    "```suggestion\n", "\u202e", "\u200b", "\0", "\ud800", "\U0001f600" * 9, "[^1]", "$`x`$", "*_*",
    "x" * 3_000, "\U000e0001" * 800, "\n" * 500, "@a " * 900,
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(codec=None), max_size=9),
                max_size=9).map("".join)  # fmt: skip
TITLES = TEXT.map(lambda text: text.strip() or "Untitled")  # `build_finding` leaves none empty
# an escape, or a code span, or a run of backticks that opens none; the first keeps its place
SPAN = re.compile(r"\\[!-/:-@\[-`{-~]|(?P<ticks>`+)(?!`).*?[^`](?P=ticks)(?!`)|`+")
OURS = re.compile(r"</?(?:sub|details|summary)>|" + re.escape(MARKER))


@st.composite
def hostile(draw: st.DrawFn) -> Review:
    """A review in which every word of the model, of the diff and of paths is a stranger's."""
    lines = tuple(right(number, draw(TEXT).replace("\n", " ")) for number in range(6, 9))
    finding = replace(
        HOSTILE, title=draw(TITLES), body=draw(TEXT), suggestion=draw(TEXT), source=draw(TEXT),
        excerpt=lines, start_line=draw(st.sampled_from((6, 7))),
        side=draw(st.sampled_from(("LEFT", "RIGHT", "RIGHT"))),
    )  # fmt: skip
    elsewhere = replace(finding, path=draw(TEXT), title=draw(TITLES), body=draw(TEXT))
    gaps = tuple(
        NotReviewed(draw(TEXT), None, draw(TEXT), policy=draw(st.booleans())) for _ in range(2)
    )
    times = draw(st.sampled_from((1,) * 9 + (30,)))
    return having(
        *(finding, elsewhere) * times,
        model=draw(TEXT),
        caution=draw(TEXT),
        not_reviewed=gaps * times,
    )


def outside_code(text: str) -> str:
    """The text without fenced blocks and code spans, read apart from the code under test."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r"(`{3,})[^`]*$", line)
        if fence:
            fence = "" if re.fullmatch(rf"`{{{len(fence)},}}", line.strip()) else fence
        elif mark:
            fence = mark[1]
        else:
            kept.append(SPAN.sub(lambda found: "" if found["ticks"] else found[0], line))
    assert not fence
    return "\n".join(kept)


def texts_of(draft: Draft) -> list[str]:
    return [draft.body, *(one.body for one in draft.comments)]


@settings(max_examples=150, deadline=None)
@given(hostile(), st.sampled_from((EVERYWHERE, NOWHERE)))
def test_no_stranger_s_text_mentions_links_or_makes_html(
    review: Review, lines: Commentable
) -> None:
    for text in texts_of(draft_of(review, lines)):
        prose = OURS.sub("", outside_code(text))
        assert not re.search(r"@\w", prose)
        assert not re.search(r"(?<!\\)<", prose.replace("\\\\", ""))
        assert not re.search(r"(?<!\\)\[", prose.replace("\\\\", ""))
        assert "://" not in prose
        assert not re.search(r"www\.", prose, re.IGNORECASE)
        assert not re.search(r"#\d", prose)


@settings(max_examples=150, deadline=None)
@given(hostile(), st.sampled_from((EVERYWHERE, NOWHERE)))
def test_a_draft_is_within_its_limits_and_has_one_mark(review: Review, lines: Commentable) -> None:
    draft = draft_of(review, lines)
    assert len(draft.comments) <= MOST_INLINE
    assert find_marks(draft.body, [KEY]) == (MARK,)
    assert draft.body.endswith(f"\n\n{MARKER}")
    for text in texts_of(draft):
        assert 0 < units(text) <= MOST_CHARACTERS
        assert not set(UNSEEN.findall(text)) - {"\n", "\t", "\u200b"}
    for comment in draft.comments:
        assert find_marks(comment.body, [KEY]) == ()
        assert "<!-- reviewbot" not in comment.body


@settings(max_examples=100, deadline=None)
@given(hostile(), st.sampled_from((EVERYWHERE, NOWHERE)))
def test_no_line_is_a_command_for_a_bot_or_a_runner(review: Review, lines: Commentable) -> None:
    for text in texts_of(draft_of(review, lines)):
        assert not re.search(r"^\s*(?:/[A-Za-z]|::)", text, re.MULTILINE)
        assert "##[" not in text


@settings(max_examples=80, deadline=None)
@given(hostile())
def test_a_parser_of_markdown_sees_no_html_link_or_image_of_a_stranger(review: Review) -> None:
    markdown = pytest.importorskip("markdown_it", reason="comes with another package").MarkdownIt()
    for text in texts_of(draft_of(review, NOWHERE)):
        tokens = [token for block in markdown.parse(text) for token in (block.children or [block])]
        kinds = {token.type for token in tokens}
        assert not kinds & {"link_open", "image"}
        html = "".join(token.content for token in tokens if token.type.startswith("html_"))
        assert "<" not in OURS.sub("", html)
        words = "\n".join(token.content for token in tokens if token.type == "text")
        assert not re.search(r"@\w", words)
        assert "suggestion" not in {token.info for token in tokens if token.type == "fence"}


@pytest.mark.parametrize("lines", [EVERYWHERE, NOWHERE], ids=["inline", "in the body"])
def test_the_rule_of_an_analyzer_is_a_link_and_the_only_one(lines: Commentable) -> None:
    markdown = pytest.importorskip("markdown_it", reason="comes with another package").MarkdownIt()
    rule = "https://docs.astral.sh/ruff/rules/undefined-name"
    body = "Undefined name `x` (https://a.example)"
    finding = replace(INJECTION, source="ruff", body=body, link=rule)
    links = [
        token.attrs["href"]
        for text in texts_of(draft_of(having(finding), lines))
        for block in markdown.parse(text)
        for token in (block.children or ())
        if token.type == "link_open"
    ]
    assert links == [rule]


@given(TEXT)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


# the check run


@settings(max_examples=200, deadline=None)
@given(hostile())
def test_a_check_run_is_within_its_limits(review: Review) -> None:
    output = check_output.reviewed(review, "never", seconds=2)
    assert 0 < units(output.title) <= 255
    assert 0 < units(output.summary) <= 65_535
    assert output.conclusion == "neutral"
    assert len(output.annotations) == len(review.findings)
    for one in output.annotations:
        assert len(one.title) <= 255
        assert 0 < len(one.message.encode()) <= 64 * 1024
        assert 1 <= one.start_line <= one.end_line


@pytest.mark.parametrize(
    ("fail_on", "worst", "conclusion"),
    [
        ("never", "critical", "neutral"), ("critical", "critical", "failure"),
        ("critical", "major", "neutral"), ("major", "critical", "failure"),
        ("major", "minor", "neutral"), ("minor", "minor", "failure"),
    ],
)  # fmt: skip
def test_a_check_run_fails_only_for_what_the_setting_names(
    fail_on: str, worst: str, conclusion: str
) -> None:
    review = having(replace(INJECTION, severity=worst))  # type: ignore[arg-type]
    assert check_output.reviewed(review, fail_on, seconds=2).conclusion == conclusion


def test_a_check_run_of_a_review_without_findings_says_so() -> None:
    output = check_output.reviewed(clean_review(), "minor", seconds=2)
    assert (output.title, output.conclusion) == ("No findings.", "neutral")
    assert "`package-lock.json`: lock file" in output.summary


@pytest.mark.parametrize("reason", ["the pull request is closed", HOSTILE.title, "x" * 9_000])
def test_the_other_ends_say_why_and_never_fail_the_check(reason: str) -> None:
    failed = check_output.failed(reason, 41)
    ends = (check_output.superseded(reason), failed, check_output.merge_queue())
    assert "`reviewbot jobs show 41`" in failed.summary
    for output in ends:
        assert output.conclusion == "neutral"
        assert 0 < units(output.summary) <= 65_535
        assert not re.search(r"@\w", outside_code(output.summary))
