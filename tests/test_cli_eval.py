"""`reviewbot eval` as a person types it: score, compare, context and import."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from reviewbot.cli.evaluate import evaluate
from reviewbot.errors import InputError
from reviewbot.evaluation.dataset import read_dataset, read_sources
from reviewbot.evaluation.imported import Source, import_dataset, split_of
from reviewbot.evaluation.meaning import Verdicts
from reviewbot.evaluation.reviewed import parse_case, questions, read_run, repository_of
from tests.test_score import CASES, make_run

REAL = Path(__file__).parents[2] / "shared" / "data" / "review-bench"
real = pytest.mark.skipif(not REAL.exists(), reason=f"the pull requests are not here: {REAL}")

DIFF = """\
diff --git a/old.py b/app.py
similarity index 90%
rename from old.py
rename to app.py
--- a/old.py
+++ b/app.py
@@ -20,6 +20,6 @@ def mean(values):
     # one
     # two
     # three
-    return sum(values) / len(values) if values else 0
+    return sum(values) / len(values)
     # four
     # five
diff --git a/poetry.lock b/poetry.lock
--- a/poetry.lock
+++ b/poetry.lock
@@ -1 +1 @@
-a
+b
"""
BODY = "".join(f"    x{number} = {number}\n" for number in range(2, 23))
HEAD = f"def mean(values):\n{BODY}    return sum(values) / len(values)\n    # four\n    # five\n"
BASE = HEAD.replace("len(values)\n", "len(values) if values else 0\n")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(evaluate, [str(one) for one in arguments])


def output_of(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exception is None, result.output
    return result.stdout


def said(first: int, last: int, path: str = "app.py", side: str = "right") -> dict[str, Any]:
    return {
        "path": path, "from_line": first, "to_line": last, "side": side, "text": f"at {first}",
        "severity": None, "category": "Code Defect", "source": "people",
    }  # fmt: skip


def make_source(folder: Path, *golden: dict[str, Any], **changes: object) -> Path:
    """Write a folder as the importer reads it, with one pull request of the set "a"."""
    (folder / "diffs").mkdir(parents=True)
    (folder / "diffs" / "one.diff").write_text(DIFF, encoding="utf-8")
    request = {
        "id": "a/one", "set": "a", "language": "Python", "title": None, "repo": "one",
        "diff": "diffs/one.diff", "golden": golden, "golden_nolines": [{"text": "somewhere"}],
        "known_bad": [{"path": "app.py", "from_line": 9, "to_line": 7, "text": "no"}],
    }  # fmt: skip
    file = {"id": "a/one", "path": "app.py", "old_path": "old.py", "base": BASE, "head": HEAD}
    (folder / "prs.jsonl").write_text(json.dumps(request | changes) + "\n", encoding="utf-8")
    packed = gzip.compress((json.dumps(file) + "\n").encode())
    (folder / "changed-files.jsonl.gz").write_bytes(packed)
    return folder


def test_score_prints_tables_with_everything_that_was_asked_for(tmp_path: Path) -> None:
    printed = output_of("score", make_run(tmp_path, CASES, known_bad=[9]))
    for words in (
        "made, part 'report': 4 cases reviewed by scripted (fake)",
        "false findings per clean case: 1.000", "repeats of rejected comments, by line: 2",
        "Matched by line, k=0", "Matched by line, k=3", "as many at random", "chance floor",
        "By language", "By size", "By the goldens' category", "without claim checks",
        "without several looks", "Tokens against recall", "Cost of all cases",
        "calibration from a simulation",
    ):  # fmt: skip
        assert words in printed


def test_score_prints_json(tmp_path: Path) -> None:
    score = json.loads(output_of("score", make_run(tmp_path, CASES), "--json"))
    assert score["rules"][2]["shown"]["one_to_one"]["recall"]["value"] == pytest.approx(2 / 3)
    assert [row["name"] for row in score["by_language"]] == ["Go", "Python"]
    assert [row["without"] for row in score["stages"]] == [
        "claim checks", "judge", "several looks", "merging", "analyzers' proofs",
        "threshold", "cap",
    ]  # fmt: skip


def test_score_writes_a_page(tmp_path: Path) -> None:
    output_of("score", make_run(tmp_path, CASES), "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert 'id="case-4"' in page


def test_by_meaning_is_scored_only_when_the_judge_has_said_everything(tmp_path: Path) -> None:
    folder = make_run(tmp_path, CASES)
    verdicts = Verdicts(folder, "judge-8b")
    first, *others = dict.fromkeys(questions(read_run(folder)))
    verdicts.keep(first, same=True)
    result = run("score", folder)
    assert "7 of 8 verdicts of judge-8b lack" in result.stderr
    assert "by meaning" not in result.stdout
    for pair in others:
        verdicts.keep(pair, same=False)
    assert "Matched by meaning; judge: judge-8b (not comparable" in output_of("score", folder)
    refused = run("score", folder, "--judge", "other")
    assert isinstance(refused.exception, InputError)
    assert "holds no verdicts of other" in str(refused.exception)


def test_compare_says_what_is_more_than_noise(tmp_path: Path) -> None:
    folder = make_run(tmp_path, CASES)
    printed = output_of("compare", folder, folder)
    assert "4 cases in both runs" in printed
    assert "within noise" in printed
    rules = json.loads(output_of("compare", folder, folder, "--json"))["rules"]
    assert [rule["rule"] for rule in rules] == [f"by line, k={lines}" for lines in (0, 1, 3)]


def test_a_folder_that_is_no_run_is_an_error_of_the_caller(tmp_path: Path) -> None:
    result = run("score", tmp_path)
    assert isinstance(result.exception, InputError)
    assert "holds no run" in str(result.exception)


def test_import_makes_a_dataset_with_our_sides_and_the_files_before_and_after(
    tmp_path: Path,
) -> None:
    source = make_source(tmp_path / "bench", said(23, 23), said(23, 23, side="left"))
    printed = output_of("import", source, tmp_path / "new" / "data")
    assert "1 cases (" in printed
    assert "2 goldens" in printed
    dataset = read_dataset(tmp_path / "new" / "data")
    [case] = dataset.cases
    assert dataset.about.name == "bench"
    assert [golden.side for golden in case.golden] == ["RIGHT", "LEFT"]
    assert case.golden[0].category == "Code Defect"
    assert (case.known_bad[0].from_line, case.known_bad[0].to_line) == (7, 9)
    assert case.split == split_of("a/one")
    files = parse_case(dataset, case)
    repository = repository_of(files, read_sources(dataset)["a/one"])
    assert repository is not None
    assert repository.head("app.py") == HEAD
    assert repository.base("app.py") == BASE
    assert repository.head("old.py") is None
    assert [place.line for place in repository.find(["mean", "x"])["mean"]] == [1]


def test_a_case_with_faults_on_unknown_lines_alone_is_not_clean(tmp_path: Path) -> None:
    dataset = import_dataset(Source(make_source(tmp_path / "bench")), tmp_path / "data")
    assert not dataset.cases[0].is_clean


def test_import_takes_one_set_and_never_writes_over_anything(tmp_path: Path) -> None:
    source = make_source(tmp_path / "bench", said(23, 23))
    assert import_dataset(Source(source, "a"), tmp_path / "a").about.name == "bench-a"
    with pytest.raises(InputError, match="is there already"):
        import_dataset(Source(source), tmp_path / "a")
    with pytest.raises(InputError, match="no pull request of the set 'b'"):
        import_dataset(Source(source, "b"), tmp_path / "b")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"diff": "../../secret"}, "leads out of"),
        ({"diff": "diffs/none.diff"}, "is not there"),
        ({"golden": [{"path": "a"}]}, r"prs\.jsonl, line 1: .*from_line"),
        ({"golden": [said(0, 0)]}, r"cases\.jsonl, line 1: .*from_line"),
    ],
)
def test_a_broken_source_leaves_nothing_behind(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    source = make_source(tmp_path / "bench", **changes)
    with pytest.raises(InputError, match=words):
        import_dataset(Source(source), tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["bench"]


def test_the_split_never_changes() -> None:
    names = [f"set/{number}" for number in range(300)]
    assert [split_of(name) for name in ("set/0", "set/1", "set/2")] == [
        "calibrate", "report", "report",
    ]  # fmt: skip
    assert 70 < [split_of(name) for name in names].count("calibrate") < 130


def test_context_says_which_goldens_are_shown_with_what_is_around_them(tmp_path: Path) -> None:
    source = make_source(
        tmp_path / "bench", said(23, 23), said(22, 23, side="left"), said(1, 1),
        said(1, 1, path="poetry.lock"), said(1, 1, path="gone.py"),
    )  # fmt: skip
    import_dataset(Source(source), tmp_path / "data")
    printed = output_of("context", tmp_path / "data")
    counts = [line.rsplit(maxsplit=1) for line in printed.splitlines()]
    assert ["in a reviewed hunk, and shown", "2"] in counts
    assert ["- with their enclosing definition", "2"] in counts
    assert ["- lock file", "1"] in counts
    assert "not shown: a/one: app.py:1: not in a hunk" in printed
    assert "not shown: a/one: gone.py:1: the file is not in the diff" in printed
    recall = json.loads(output_of("context", tmp_path / "data", "--json"))
    assert [one["definition"] for one in recall["goldens"][:2]] == ["mean", "mean"]


def test_without_the_files_the_definition_comes_from_the_diff_or_not_at_all(
    tmp_path: Path,
) -> None:
    source = make_source(tmp_path / "bench", said(23, 23))
    (source / "changed-files.jsonl.gz").unlink()
    dataset = import_dataset(Source(source), tmp_path / "data")
    assert read_sources(dataset) == {}
    assert "in a reviewed hunk, and shown" in output_of("context", tmp_path / "data")


@real
def test_the_real_pull_requests_have_34_cases_and_171_goldens_of_which_167_are_shown(
    tmp_path: Path,
) -> None:
    dataset = import_dataset(Source(REAL), tmp_path / "data")
    assert len(dataset.cases) == 34
    assert sum(len(case.golden) for case in dataset.cases) == 171
    assert not any(case.is_clean for case in dataset.cases)
    recall = json.loads(output_of("context", tmp_path / "data", "--json"))
    missing = [one["missing"] for one in recall["goldens"] if one["missing"]]
    assert sorted(missing) == ["lock file", "not in a hunk", "not in a hunk", "not in a hunk"]
