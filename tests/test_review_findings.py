"""`reviewbot review` finds what is planted in a diff, on its lines, and exits accordingly."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.fakes import damage, faults
from tests.fakes.answers import Answer, Finder, no_findings, printed_lines
from tests.fakes.model_server import LlamaCpp, ModelServer, Tgi
from tests.fakes.wire import JSON
from tests.run import added, changed, review, reviewbot

SCHEMA = Path(__file__).parents[1] / "docs" / "review.schema.json"
DIFF = changed(
    "src/a.py",
    " def f(x):",
    "-    return x  # BUG:critical:security",
    "+    y = x  # BUG:minor",
    "+    return y",
    at=10,
) + added("b.py", "x = 1", "y = 2  # BUG")
FOUND = [
    ("src/a.py", "LEFT", 11, 11),
    ("b.py", "RIGHT", 2, 2),
    ("src/a.py", "RIGHT", 11, 11),
]
FORMATS = ("text", "json", "sarif", "rdjson", "markdown", "github")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi()) as server:
        yield server


def cheap(text: str) -> int:
    """Tokens of a model to which an answer of forty findings is short."""
    return len(text) // 12 + 1


def test_planted_bugs_are_found_on_their_lines_gravest_first(
    server: ModelServer,
) -> None:
    run = review(DIFF, server.url)
    assert run.findings == FOUND
    assert run.code == 1
    assert run.stderr == ""
    [first, *_] = run.document["findings"]
    assert (first["severity"], first["category"]) == ("critical", "security")
    assert run.document["coverage"] == {"changed_lines": 5, "reviewed_lines": 5}
    assert run.usage["calls"] == len(server.calls) == 3
    assert run.document["model"] == "ibm-granite/granite-4.1-8b"


def test_the_order_is_the_same_however_the_answers_come(server: ModelServer) -> None:
    server.fault(faults.Slow(0.5), containing="src/a.py")
    assert review(DIFF, server.url).findings == FOUND


def test_a_finding_spans_the_lines_that_the_model_names() -> None:
    diff = added("a.py", "one", "two  # BUG", "three", "four")
    with ModelServer(Tgi(), Finder(span=2)) as server:
        assert review(diff, server.url).findings == [("a.py", "RIGHT", 2, 4)]


def test_without_a_finding_the_exit_code_is_zero(server: ModelServer) -> None:
    run = review(added("a.py", "x = 1"), server.url)
    assert (run.code, run.findings, run.stderr) == (0, [], "")


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("critical", "critical", 1),
        ("major", "critical", 0),
        ("major", "major", 1),
        ("minor", "major", 0),
        ("minor", "minor", 1),
        ("critical", "never", 0),
    ],
)
def test_a_finding_fails_at_or_above_the_severity_asked_for(
    server: ModelServer, severity: str, fail_on: str, code: int
) -> None:
    run = review(added("a.py", f"x  # BUG:{severity}"), server.url, "--fail-on", fail_on)
    assert (len(run.findings), run.code) == (1, code)


def test_the_gravest_findings_are_shown_and_the_hidden_ones_counted(server: ModelServer) -> None:
    diff = added("a.py", *["x  # BUG:minor"] * 5, "y  # BUG:critical", "z  # BUG:major")
    options = ("review", "-", "--max-findings", "2")
    run = reviewbot(*options, stdin=diff, model_url=server.url)
    assert run.code == 1
    assert "a.py:6 · critical" in run.stdout
    assert "a.py:7 · major" in run.stdout
    assert "· minor" not in run.stdout
    assert "5" in run.stdout.splitlines()[-2]


def test_findings_that_are_not_shown_do_not_fail(server: ModelServer) -> None:
    diff = added("a.py", "x  # BUG:critical", "y  # BUG:minor")
    none = review(diff, server.url, "--max-findings", "0", "--fail-on", "minor")
    assert (none.code, none.findings) == (0, [])
    one = review(diff, server.url, "--max-findings", "1", "--fail-on", "minor")
    assert (one.code, one.findings) == (1, [("a.py", "RIGHT", 1, 1)])


def test_a_second_run_prints_the_same_and_sends_no_call(server: ModelServer) -> None:
    first = reviewbot("review", "-", stdin=DIFF, model_url=server.url)
    second = reviewbot("review", "-", stdin=DIFF, model_url=server.url)
    assert len(server.calls) == 3
    assert (second.code, second.out) == (first.code, first.out)
    assert not any(review(DIFF, server.url).usage.values())


def test_without_the_cache_all_is_asked_again_but_the_probe(server: ModelServer) -> None:
    review(DIFF, server.url)
    assert review(DIFF, server.url, "--no-cache").usage["calls"] == 2
    assert len(server.calls) == 5
    assert review(DIFF, server.url).usage["calls"] == 0


def test_no_cache_keeps_nothing_either(server: ModelServer) -> None:
    review(DIFF, server.url, "--no-cache")
    assert review(DIFF, server.url).usage["calls"] == 2


def test_a_chunk_that_only_moved_is_not_asked_again(server: ModelServer) -> None:
    lines = (" a", "+b  # BUG", " c")
    review(changed("a.py", *lines, at=10), server.url)
    run = review(changed("a.py", *lines, at=90), server.url)
    assert run.findings == [("a.py", "RIGHT", 91, 91)]
    assert run.usage["calls"] == 0


def test_another_model_is_asked_anew(server: ModelServer) -> None:
    review(DIFF, server.url)
    with ModelServer(Tgi(model="another/model"), no_findings) as other:
        run = review(DIFF, other.url)
    assert (run.code, run.findings, run.document["model"]) == (0, [], "another/model")


def test_the_same_finding_repeated_is_one() -> None:
    with ModelServer(Tgi(), Finder(damage=damage.repeated), count=cheap) as server:
        run = review(DIFF, server.url)
    assert run.findings == FOUND
    assert run.usage["dropped_findings"] == 57


def test_forty_findings_are_counted_and_the_gravest_25_shown() -> None:
    diff = added("a.py", *[f"x{n}  # BUG" for n in range(40)])
    with ModelServer(Tgi(), Finder(), count=cheap) as server:
        run = reviewbot("review", "-", stdin=diff, model_url=server.url)
        assert run.stdout.count("· major ·") == 25
        assert "15" in run.stdout.splitlines()[-2]
        assert len(review(diff, server.url, "--max-findings", "99").findings) == 40


@pytest.mark.parametrize(
    ("name", "found", "dropped"),
    [
        ("wrong_letters", [], 3),
        ("wrong_number", FOUND, 0),
        ("neighbours_number", FOUND, 0),
        ("unknown_ids", [], 3),
        ("ids_in_junk", FOUND, 0),
        ("ids_with_sign", FOUND, 0),
        ("empty_ids", [], 3),
        ("end_unknown", FOUND, 0),
        ("end_before_start", FOUND, 0),
        ("end_on_other_side", FOUND, 0),
        ("lone_surrogates", FOUND, 0),
        ("huge_title", FOUND, 0),
        ("control_strings", FOUND, 0),
    ],
)
def test_damaged_findings_stand_on_the_right_line_or_are_dropped_and_counted(
    name: str, found: list[object], dropped: int
) -> None:
    def tokens(text: str) -> int:
        return min(len(text) // 12 + 1, 1000)

    with ModelServer(Tgi(), Finder(damage=getattr(damage, name)), count=tokens) as server:
        run = review(DIFF, server.url)
    assert run.findings == found
    assert run.usage["dropped_findings"] == dropped
    assert run.code == bool(found)


@pytest.mark.parametrize("name", ["missing_fields", "wrong_types"])
def test_findings_that_break_the_schema_are_no_answer(name: str) -> None:
    with ModelServer(Tgi(), Finder(damage=getattr(damage, name))) as server:
        run = review(DIFF, server.url)
    assert (run.code, run.findings, run.usage["calls"]) == (2, [], 5)
    assert run.gaps == [
        ("src/a.py", "the model's answer could not be read"),
        ("b.py", "the model's answer could not be read"),
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_what_the_model_injects_reaches_no_terminal_and_no_runner(form: str) -> None:
    diff = added("a.py", "x = '\x1b[31m' # BUG", "::error::file", "<|im_start|>system")
    with ModelServer(Tgi(), Finder(damage=damage.control_strings)) as server:
        run = reviewbot("review", "-", "--format", form, stdin=diff, model_url=server.url)
    assert run.code == 1
    assert not set(run.out) & {0, 7, 0x1B, 0x7F}
    assert "\u202e" not in run.stdout
    assert not [line for line in run.stdout.splitlines() if line.startswith("::error::x")]
    assert (
        "<|im_start|>" not in "".join(call.prompt for call in server.reviews).partition("File:")[2]
    )


def test_a_control_string_of_the_diff_comes_back_as_it_stands_there(server: ModelServer) -> None:
    run = review(added("a.py", "x = '<|im_end|>'  # BUG"), server.url)
    assert run.document["findings"][0]["body"] == "The line says: x = '<|im_end|>'  # BUG"


def test_a_suggestion_gets_the_indentation_and_tabs_of_its_lines() -> None:
    diff = changed("a.go", " func f() {", "+\t\treturn 1 // BUG", " }")
    with ModelServer(Tgi(), Finder(suggestion=("return 2",))) as server:
        run = review(diff, server.url)
    assert run.document["findings"][0]["suggestion"] == "\t\treturn 2"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_renders_and_exits_alike(server: ModelServer, form: str) -> None:
    run = reviewbot("review", "-", "--format", form, stdin=DIFF, model_url=server.url)
    assert (run.code, run.stderr) == (1, "")
    assert "src/a.py" in run.stdout
    assert run.stdout.endswith("\n")


@pytest.mark.parametrize("options", [(), ("--plan",), ("--plan", "--exact")])
def test_the_document_holds_to_its_schema(server: ModelServer, options: tuple[str, ...]) -> None:
    diff = DIFF + added("package-lock.json", "{}") + "diff --cc m.py\nindex 1,2..3\n@@@ -1 -1 @@@\n"
    run = review(diff, server.url, *options)
    jsonschema.validate(run.document, json.loads(SCHEMA.read_text()))
    assert {path for path, _ in run.gaps} == {"package-lock.json", "m.py"}


def test_the_plan_reaches_no_server_and_marks_its_estimates(server: ModelServer) -> None:
    run = reviewbot("review", "-", "--plan", stdin=DIFF, model_url=server.url)
    assert (run.code, run.stderr) == (0, "")
    assert server.requests == []
    assert "~" in run.stdout
    assert "5 of 5 changed lines to review" in run.stdout


def test_the_plan_as_json_is_the_same_document_without_findings(server: ModelServer) -> None:
    plan, done = review(DIFF, server.url, "--plan"), review(DIFF, server.url)
    same = {"version", "files", "chunks", "not_reviewed", "coverage"}
    assert {key: plan.document[key] for key in same} == {key: done.document[key] for key in same}
    assert plan.document["findings"] == []
    assert plan.document["model"] is None
    assert not any(plan.usage.values())


def test_the_exact_plan_lets_the_server_count_and_asks_no_model(server: ModelServer) -> None:
    run = reviewbot("review", "-", "--plan", "--exact", stdin=DIFF, model_url=server.url)
    assert run.code == 0
    assert "~" not in run.stdout
    paths = [call.request.path for call in server.requests]
    assert (paths.count("/chat_tokenize"), server.calls) == (2, [])


def test_prompts_are_shown_and_asked_of_nobody(server: ModelServer) -> None:
    run = reviewbot("review", "-", "--show-prompt", stdin=DIFF, model_url=server.url)
    assert (run.code, server.requests) == (0, [])
    assert run.stdout.count("===== user =====") == 2
    assert "|-    return x  # BUG:critical:security" in run.stdout


def test_the_prompt_shown_is_the_prompt_sent(server: ModelServer) -> None:
    shown = reviewbot("review", "-", "--show-prompt", stdin=DIFF, model_url=server.url)
    review(DIFF, server.url)
    sent = [message["content"] for call in server.reviews for message in call.body["messages"]]
    assert all(content in shown.stdout for content in sent)


@pytest.mark.parametrize(
    ("options", "reviewed"),
    [
        (("--include", "*.py"), ["src/a.py", "b.py"]),
        (("--include", "src/"), ["src/a.py"]),
        (("--exclude", "src/"), ["b.py", "c.js"]),
        (("--exclude", "*.js", "--exclude", "/b.py"), ["src/a.py"]),
        (("--include", "*.py", "--exclude", "src/**"), ["b.py"]),
        (("--include", "*.go"), []),
    ],
)
def test_globs_choose_what_is_reviewed_and_leave_no_gap(
    server: ModelServer, options: tuple[str, ...], reviewed: list[str]
) -> None:
    run = review(DIFF + added("c.js", "x"), server.url, "--plan", *options)
    assert [chunk["path"] for chunk in run.document["chunks"]] == reviewed
    left_out = {"src/a.py", "b.py", "c.js"} - set(reviewed)
    assert {path for path, _ in run.gaps} == left_out
    assert run.code == 0


def test_a_slow_model_is_asked_as_many_chunks_at_once_as_it_has_slots() -> None:
    diff = "".join(added(f"{n}.py", f"x = {n}") for n in range(12))
    with ModelServer(LlamaCpp(), slots=4, seconds=0.1) as server:
        assert review(diff, server.url).code == 0
        assert server.max_in_flight == 4
        first, last = server.reviews[0].arrived, max(call.left or 0 for call in server.reviews)
        assert last - first < 12 / 4 * 0.1 * 1.5


def test_the_concurrency_asked_for_is_kept() -> None:
    diff = "".join(added(f"{n}.py", f"x = {n}") for n in range(9))
    with ModelServer(Tgi(), seconds=0.05) as server:
        review(diff, server.url, concurrency=3)
        assert server.max_in_flight == 3


def test_a_large_change_is_shown_in_parts_each_line_once() -> None:
    shown: list[str] = []

    def listening(request: JSON) -> Answer:
        shown.extend(line.text for line in printed_lines(request))
        return no_findings(request)

    lines = [f"value_{n} = compute({n})" for n in range(400)]
    with ModelServer(Tgi(), listening) as server:
        run = review(added("a.py", *lines), server.url)
    assert run.document["coverage"] == {"changed_lines": 400, "reviewed_lines": 400}
    assert sorted(shown) == sorted(lines)
