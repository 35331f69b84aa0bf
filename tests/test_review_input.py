"""What is no good diff, and where no result can be written: one clear line and no traceback."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.model_server import ModelServer, Tgi, closed_port_url
from tests.run import COMMAND, added, changed, environment, review, reviewbot

DIFF = added("a.py", "x = 1", "y = 2  # BUG")
LOCK = added("package-lock.json", "{}")
COMBINED = (
    "diff --cc m.py\nindex 1,2..3\n--- a/m.py\n+++ b/m.py\n@@@ -1,1 -1,1 +1,1 @@@\n  a\n++b\n"
)
BROKEN = "diff --git a/bad.py b/bad.py\n--- a/bad.py\n+++ b/bad.py\n@@ -1,4 +1,5 @@\n a\n+b\n"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Tgi()) as server:
        yield server


@pytest.fixture
def diff(tmp_path: Path) -> Path:
    path = tmp_path / "change.diff"
    path.write_text(DIFF)
    return path


# Nothing to review.


@pytest.mark.parametrize("text", ["", "\n\n", "commit 1234567890\nAuthor: A\n\n    words\n"])
def test_an_empty_diff_is_fine_and_needs_no_server(text: str) -> None:
    run = reviewbot("review", "-", stdin=text, model_url=closed_port_url())
    assert (run.code, run.stderr) == (0, "")
    assert "othing to review" in run.stdout


def test_an_empty_diff_needs_no_model_either() -> None:
    run = reviewbot("review", "-", stdin="")
    assert (run.code, run.stderr) == (0, "")


def test_what_policy_leaves_out_is_no_failure_and_needs_no_server() -> None:
    run = review(LOCK, closed_port_url())
    assert (run.code, run.stderr) == (0, "")
    assert run.gaps == [("package-lock.json", "lock file")]
    assert run.document["coverage"] == {"changed_lines": 1, "reviewed_lines": 0}


def test_a_rename_alone_is_fine() -> None:
    text = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
    run = review(text, closed_port_url())
    assert (run.code, run.gaps) == (0, [])
    assert run.document["files"][0]["old_path"] == "x"


# A diff that is not whole.


def test_a_combined_diff_is_not_reviewed_and_comes_with_the_remedy(server: ModelServer) -> None:
    run = review(COMBINED + DIFF, server.url)
    assert (run.code, run.findings) == (2, [("a.py", "RIGHT", 2, 2)])
    [(path, reason)] = run.gaps
    assert path == "m.py"
    assert "git diff PARENT MERGE" in reason
    assert run.document["coverage"] == {"changed_lines": 2, "reviewed_lines": 2}
    assert "m.py" in run.stderr


def test_a_broken_file_costs_the_others_nothing_and_its_line_is_named(server: ModelServer) -> None:
    run = review(DIFF + BROKEN + added("c.py", "z  # BUG"), server.url)
    assert run.code == 2
    assert run.findings == [("a.py", "RIGHT", 2, 2), ("c.py", "RIGHT", 1, 1)]
    [(path, reason)] = run.gaps
    assert (path, reason.startswith("line 13 of the diff: ")) == ("bad.py", True)
    assert run.stderr == f"reviewbot: bad.py: {reason}\n"


def test_complete_hunks_before_the_break_are_reviewed(server: ModelServer) -> None:
    text = changed("a.py", " a", "+b  # BUG", " c") + "@@ -90,3 +91,4 @@\n x\n+y\n"
    run = review(text, server.url)
    assert (run.code, run.findings) == (2, [("a.py", "RIGHT", 2, 2)])
    assert run.document["not_reviewed"][0]["lines"] == [["LEFT", 90, 92], ["RIGHT", 91, 94]]


def test_a_gap_beats_findings_whatever_may_fail(server: ModelServer) -> None:
    assert review(COMBINED + DIFF, server.url, "--fail-on", "never").code == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html>\n<html>", "line 1: this is no diff: it begins '<!DOCTYPE html>'"),
        (b"\n\nhello\n", "line 3: this is no diff"),
        (b"\x7fELF\0\0\0\0", "line 1: this is binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary data"),
        (b"\x1b]0;title\x07<html>", "this is no diff"),
    ],
)
def test_what_is_no_diff_is_told_with_its_line(data: bytes, words: str) -> None:
    run = reviewbot("review", "-", stdin=data, model_url=closed_port_url())
    assert run.code == 2
    assert words in run.complaint
    assert "\x1b" not in run.stderr


def test_undecodable_bytes_come_out_as_a_replacement_character(server: ModelServer) -> None:
    text = added("a.py", "name = 'caf\xe9'  # BUG").encode("latin-1")
    run = review(text, server.url)
    assert run.code == 1
    assert "caf\ufffd" in run.document["findings"][0]["body"]


# A file that cannot be read.


def test_a_diff_is_read_from_a_file(server: ModelServer, diff: Path) -> None:
    run = reviewbot("review", diff.name, folder=diff.parent, model_url=server.url)
    assert run.code == 1
    assert "a.py:2" in run.stdout


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    run = reviewbot("review", "nowhere.diff", folder=tmp_path)
    assert run.code == 2
    assert run.complaint == (
        "reviewbot: there is no file nowhere.diff (for a commit: --commit nowhere.diff)"
    )


@pytest.mark.parametrize("name", [".", "", "..", "a" * 300, "a" * 300 + "..b", "a.diff/x"])
def test_what_is_no_file_is_told(diff: Path, name: str) -> None:
    diff.rename(diff.parent / "a.diff")
    run = reviewbot("review", name, folder=diff.parent)
    assert run.code == 2
    assert run.complaint.startswith("reviewbot: ")


def test_a_huge_diff_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.diff"
    with huge.open("wb") as file:
        file.truncate(300_000_000)
    script = 'ulimit -v 350000; "$0" review huge.diff; echo "code $?"'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"code 2\n"
    assert done.stderr == (b"reviewbot: the diff is larger than 200 MB (REVIEWBOT_MAX_DIFF_MB)\n")


def test_the_limit_of_a_diff_can_be_set_and_holds_for_standard_input_too() -> None:
    text = added("a.py", *["x" * 1000] * 1100)
    run = reviewbot("review", "-", stdin=text, max_diff_mb=1)
    assert run.code == 2
    assert run.complaint.endswith("larger than 1 MB (REVIEWBOT_MAX_DIFF_MB)")
    assert reviewbot("review", "-", "--plan", stdin=text, max_diff_mb=2).code == 0


@pytest.mark.parametrize("source", ["", " -"])
def test_a_closed_standard_input_is_told(source: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" review{source} <&-; echo "code $?"', COMMAND],
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"code 2\n"
    assert done.stderr.count(b"\n") == 1


# Where the result goes.


def test_the_result_is_written_to_a_file_with_the_modes_of_a_new_file(
    server: ModelServer, tmp_path: Path
) -> None:
    out = tmp_path / "result.json"
    run = review(DIFF, server.url, "--output", out)
    assert (run.code, run.out, run.stderr) == (1, b"", "")
    assert '"version": 1' in out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.glob(".reviewbot-*")] == []


def test_an_old_result_stays_whole_where_the_review_fails(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    out.write_text("old")
    run = review(DIFF, "http://nowhere.invalid:99999", "--output", out)
    assert (run.code, out.read_text()) == (2, "old")
    assert [path.name for path in tmp_path.glob(".reviewbot-*")] == []


@pytest.mark.parametrize("name", ["", "missing/result.json", "change.diff/result.json"])
def test_a_place_that_cannot_be_written_is_told_before_any_call(
    server: ModelServer, diff: Path, name: str
) -> None:
    run = review(DIFF, server.url, "--output", diff.parent / name)
    assert run.code == 2
    assert "--output" in run.complaint
    assert server.calls == []


def test_a_full_disk_is_told_in_one_line(server: ModelServer) -> None:
    script = f'"$0" review - --model-url {server.url} >/dev/full; echo "code $?" >&2'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND],
        input=DIFF.encode(),
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b"reviewbot: standard output: No space left on device\ncode 2\n"


@pytest.mark.parametrize("words", ["--help", "--version", "review --help"])
def test_a_full_disk_is_told_for_the_help_as_well(words: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" {words} >/dev/full; echo "code $?" >&2', COMMAND],
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert b"Traceback" not in done.stderr
    assert done.stderr.endswith(b"No space left on device\ncode 2\n")


def test_a_reader_that_leaves_early_causes_no_traceback_and_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "large.diff").write_text(added("a.py", *["x = 1"] * 20_000))
    script = '"$0" review --show-prompt large.diff | head -c 5; echo " ${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"===== ")
    assert done.stdout != b"===== 1\n"


def test_standard_output_that_is_closed_is_told(server: ModelServer) -> None:
    script = f'"$0" review - --model-url {server.url} >&-; echo "code $?" >&2'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND],
        input=DIFF.encode(),
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert b"Traceback" not in done.stderr
    assert done.stderr.endswith(b"code 2\n")


def test_a_device_can_be_the_output(server: ModelServer) -> None:
    script = f'"$0" review - --model-url {server.url} -o /dev/stdout | head -1'
    done = subprocess.run(
        ["bash", "-c", script, COMMAND],
        input=DIFF.encode(),
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("a.py:2 · major · correctness\n".encode(), b"")


# What was typed.


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "xml"),
        ("--fail-on", "none"),
        ("--max-findings", "-1"),
        ("--max-findings", "many"),
        ("--nonsense",),
        ("a.diff", "b.diff"),
    ],
)
def test_what_cannot_be_understood_is_told_on_stderr(words: tuple[str, ...]) -> None:
    run = reviewbot("review", *words)
    assert (run.code, run.out) == (2, b"")
    assert "Traceback" not in run.stderr
    assert words[0] in run.stderr or words[-1] in run.stderr


def test_a_glob_that_cannot_be_read_is_told() -> None:
    run = reviewbot("review", "-", "--include", "a[b", "--plan", stdin=DIFF)
    assert (run.code, "Traceback" in run.stderr) in {(0, False), (2, False)}
