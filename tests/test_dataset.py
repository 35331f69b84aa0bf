"""Folders of cases, whole and broken, and the files in which a run is kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from reviewbot.errors import InputError
from reviewbot.evaluation.dataset import Dataset, SourceFile, read_dataset, read_sources
from reviewbot.evaluation.record import (
    CandidateRecord,
    CaseRecord,
    Gap,
    Member,
    RunInfo,
    Spent,
    append_record,
    read_info,
    read_records,
    write_info,
)
from reviewbot.findings.calibration import SHIPPED

GOLDEN = {
    "path": "app.py", "side": "RIGHT", "from_line": 2, "to_line": 3,
    "severity": "major", "category": "correctness", "text": "off by one",
}  # fmt: skip
CASE: dict[str, Any] = {
    "id": "one", "language": "Python", "title": "A change", "split": "report",
    "diff": "diffs/one.diff", "golden": [GOLDEN], "known_bad": [],
}  # fmt: skip
ABOUT = {"name": "own", "version": "1", "licence": "Apache-2.0", "description": "ours"}


def make(folder: Path, *cases: object, about: object = ABOUT) -> Path:
    (folder / "diffs").mkdir(parents=True)
    (folder / "diffs" / "one.diff").write_text("--- a/app.py\n+++ b/app.py\n", encoding="utf-8")
    (folder / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    lines = "".join(f"{json.dumps(case)}\n" for case in cases)
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    return folder


def one_case(folder: Path) -> Dataset:
    return read_dataset(make(folder, CASE))


def test_a_dataset_is_read_with_its_diffs(tmp_path: Path) -> None:
    dataset = one_case(tmp_path / "d")
    [case] = dataset.cases
    assert dataset.about.name == "own"
    assert (case.golden[0].from_line, case.golden[0].to_line) == (2, 3)
    assert dataset.diff(case).startswith(b"--- a/app.py")
    assert dataset.of_split("report") == dataset.of_split(None) == (case,)
    assert dataset.of_split("calibrate") == ()
    assert not case.is_clean


def test_a_case_without_goldens_is_clean_unless_it_says_otherwise(tmp_path: Path) -> None:
    clean = CASE | {"id": "clean", "golden": []}
    unsure = CASE | {"id": "unsure", "golden": [], "clean": False}
    cases = read_dataset(make(tmp_path / "d", clean, unsure)).cases
    assert [case.is_clean for case in cases] == [True, False]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (CASE | {"diff": "../secret"}, "leads out of the dataset's folder"),
        (CASE | {"diff": "/etc/passwd"}, "leads out of the dataset's folder"),
        (CASE | {"diff": "diffs\\one.diff"}, "leads out of the dataset's folder"),
        (CASE | {"diff": "a\0b"}, "leads out of the dataset's folder"),
        (CASE | {"diff": "diffs/two.diff"}, "cannot be read: No such file"),
        (CASE | {"diff": "diffs"}, "cannot be read: Is a directory"),
        (CASE | {"split": "test"}, "split"),
        (CASE | {"goldens": []}, "unknown field `goldens`"),
        (CASE | {"golden": [GOLDEN | {"side": "right"}]}, "side"),
        (CASE | {"golden": [GOLDEN | {"from_line": 0}]}, "from_line"),
        (CASE | {"golden": [GOLDEN | {"from_line": 9}]}, "to_line 3 is before from_line 9"),
        (CASE | {"clean": True}, "a clean case has no golden"),
        (CASE | {"id": "first"}, "a second case 'first'"),
        ([], "Expected `object`, got `array`"),
    ],
)
def test_a_broken_case_is_refused_with_its_file_and_line(
    tmp_path: Path, case: object, words: str
) -> None:
    with pytest.raises(InputError) as raised:
        read_dataset(make(tmp_path / "d", CASE | {"id": "first"}, case))
    assert str(raised.value).startswith("cases.jsonl, line 2: ")
    assert words in str(raised.value)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "d", CASE | {"diff": "diffs/link"})
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "diffs" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="line 1: 'diffs/link' leads out"):
        read_dataset(folder)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.json cannot be read: No such file"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="holds no case"):
        read_dataset(make(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"dataset\.json: .*name"):
        read_dataset(make(tmp_path / "nameless", CASE, about=ABOUT | {"name": ""}))


@pytest.mark.parametrize("damage", [b"\xff\n", b'{"id": \n', b"\x00\n"])
def test_bytes_that_are_no_json_are_refused_with_their_line(tmp_path: Path, damage: bytes) -> None:
    folder = make(tmp_path / "d", CASE)
    with (folder / "cases.jsonl").open("ab") as file:
        file.write(b"\n" + damage)
    with pytest.raises(InputError, match=r"cases\.jsonl, line 3: "):
        read_dataset(folder)


def test_the_digest_changes_with_a_case_and_with_a_diff(tmp_path: Path) -> None:
    first = one_case(tmp_path / "a").digest
    assert one_case(tmp_path / "b").digest == first
    other = make(tmp_path / "c", CASE | {"title": "Another"})
    assert read_dataset(other).digest != first
    (tmp_path / "b" / "diffs" / "one.diff").write_text("+++", encoding="utf-8")
    assert read_dataset(tmp_path / "b").digest != first


def test_changed_files_are_read_plain_and_packed(tmp_path: Path) -> None:
    dataset = one_case(tmp_path / "d")
    assert read_sources(dataset) == {}
    line = json.dumps({"case": "one", "path": "app.py", "at": "head", "text": "x = 1\n"}) + "\n"
    (dataset.folder / "files.jsonl").write_text(line, encoding="utf-8")
    packed = line.replace("head", "base")
    (dataset.folder / "files.jsonl.gz").write_bytes(gzip.compress(packed.encode()))
    assert read_sources(dataset)["one"] == (
        SourceFile("one", "app.py", "head", "x = 1\n"),
        SourceFile("one", "app.py", "base", "x = 1\n"),
    )


@pytest.mark.parametrize(
    "packed",
    [b"plain text", gzip.compress(b"{}\n")[:-6], b"", gzip.compress(b"{}\n")],
    ids=["plain text", "cut", "empty", "no case"],
)
def test_a_damaged_archive_of_files_is_an_error_of_its_own(tmp_path: Path, packed: bytes) -> None:
    dataset = one_case(tmp_path / "d")
    (dataset.folder / "files.jsonl.gz").write_bytes(packed or b"\x1f\x8b")
    with pytest.raises(InputError, match=r"files\.jsonl\.gz"):
        read_sources(dataset)


def test_a_file_of_an_unknown_case_is_refused(tmp_path: Path) -> None:
    dataset = one_case(tmp_path / "d")
    line = json.dumps({"case": "two", "path": "app.py", "at": "head", "text": ""})
    (dataset.folder / "files.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=r"files\.jsonl, line 1: there is no case 'two'"):
        read_sources(dataset)


MEMBER = Member(1, "RIGHT", 2, 2, "major", "correctness", "Title", "Body\nmore")
RECORD = CaseRecord(
    case="one",
    model="granite",
    server="tgi",
    looks=3,
    candidates=(
        CandidateRecord(
            "app.py", "RIGHT", 2, 2, "major", "correctness", "Title", "Body",
            looks=(1, 3), judged=True, log_odds=1.5, probability=0.8, members=(MEMBER,),
        ),
    ),
    usage={"find": Spent(3, 300, 30, 200)},
    not_reviewed=(Gap("poetry.lock", None, "lock file"), Gap("a", (("LEFT", 1, 2),), "long")),
    prompt_tokens_by_look=(100, 100, 100),
)  # fmt: skip
INFO = RunInfo(
    "benchmarks/seeded", "own", "report", "granite", "tgi", 3, 0.5, 5, "0.1.0",
    digest="abc", settings={"temperature": 0.7}, calibration=SHIPPED,
)  # fmt: skip


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_info(tmp_path / "run", INFO)
    append_record(tmp_path / "run", RECORD)
    assert read_info(tmp_path / "run") == INFO
    assert read_records(tmp_path / "run") == {"one": RECORD}


def test_a_run_that_did_not_begin_has_no_reviews_and_no_info(tmp_path: Path) -> None:
    assert read_records(tmp_path) == {}
    with pytest.raises(InputError, match="holds no run"):
        read_info(tmp_path)


def test_a_torn_last_line_is_left_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    two = CaseRecord("two", "granite", "tgi", 1)
    append_record(tmp_path, RECORD)
    append_record(tmp_path, two)
    file = tmp_path / "reviews.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    assert list(read_records(tmp_path)) == ["one"]
    append_record(tmp_path, two)
    assert read_records(tmp_path) == {"one": RECORD, "two": two}


def test_a_torn_line_longer_than_a_block_is_cut_off_too(tmp_path: Path) -> None:
    append_record(tmp_path, RECORD)
    with (tmp_path / "reviews.jsonl").open("ab") as file:
        file.write(b"x" * 200_000)
    append_record(tmp_path, RECORD)
    assert (tmp_path / "reviews.jsonl").read_bytes().count(b"x" * 100) == 0
    assert read_records(tmp_path) == {"one": RECORD}


def test_a_file_that_is_one_torn_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_bytes(b'{"case": "o')
    append_record(tmp_path, RECORD)
    assert read_records(tmp_path) == {"one": RECORD}


def test_of_two_reviews_of_a_case_the_later_counts(tmp_path: Path) -> None:
    append_record(tmp_path, CaseRecord("one", "granite", "tgi", 1, failure="server gone"))
    append_record(tmp_path, RECORD)
    assert read_records(tmp_path) == {"one": RECORD}


def test_a_damaged_line_within_is_told_with_its_number(tmp_path: Path) -> None:
    append_record(tmp_path, RECORD)
    with (tmp_path / "reviews.jsonl").open("ab") as file:
        file.write(b"{]\n")
    append_record(tmp_path, RECORD)
    with pytest.raises(InputError, match=r"reviews\.jsonl, line 2: "):
        read_records(tmp_path)
