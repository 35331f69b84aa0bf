"""What the git of this machine writes about one hostile repository, against its own numstat."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewbot.diff.parse import FileDiff, parse_diff

Row = tuple[str, str, str]
"""Added and removed lines, "-" for a binary, and the path."""

SUBMODULE = "1" * 40
PAGE = "".join(f"line {number} of a page\n" for number in range(30)).encode()
NAMES = (
    b"plain.txt", b"sp ace/fi le.txt", b" lead", b"trail ", b"a/a", b"b/b", b"a b/c", b"x b/x",
    b"tab\there", b"new\nline", b'quo"te', b"back\\slash", b"bell\x07", b'"quoted"', b"-- dash",
    "caf\u00e9.txt".encode(), "zwei w\u00f6rter".encode(),
    *((b"latin\xe9.txt", b"latin \xe9.txt") if sys.platform == "linux" else ()),
)  # fmt: skip
OLD: dict[bytes, bytes] = {
    **dict.fromkeys(NAMES, PAGE),
    b"crlf": b"a\r\nb\r\n",
    b"cr": b"a\rb\nc\n",
    b"separators": "x\x85y\u2028z\u2029\x0b\x0c\x1c\n".encode(),
    b"mark": b"\xef\xbb\xbfa\n",
    b"latin": b"caf\xe9\n",
    b"dashes": b"-- a/x\n-- comment\nx\n-- end\n",
    b"patch": b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
    b"escape": b"\x1b[31mred\x1b[m\n",
    b"no newline": b"a\nb",
    b"newline": b"a",
    b"gone": PAGE,
    b"gone empty": b"",
    b"moved from": PAGE.replace(b"page", b"moved"),
    b"copied": PAGE.replace(b"page", b"copied"),
    b"binary": bytes(range(256)),
    b"tool.sh": b"#!/bin/sh\n",
    b"becomes a link": b"text\n",
    b"rewritten": PAGE.replace(b"page", b"book"),
    b"long": b"x" * 240_000 + b"\n",
}
NEW: dict[bytes, bytes] = {
    **{name: PAGE.replace(b"line 3 ", b"LINE 3 ").replace(b"line 20 ", b"") for name in NAMES},
    b"crlf": b"a\r\nB\r\n",
    b"cr": b"a\rb\nc\rd\n",
    b"separators": "X\x85y\u2028z\u2029\x0b\x0c\x1c\n".encode(),
    b"mark": b"a\n",
    b"latin": b"caf\xe8\n",
    b"dashes": b"++ b/x\n++ comment\nx\n++ end\n",
    b"patch": b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+c\n",
    b"escape": b"\x1b[32mgreen\x1b[m\n",
    b"no newline": b"a\nc",
    b"newline": b"a\n",
    b"come": PAGE.replace(b"page", b"new file"),
    b"come empty": b"",
    b"moved to": PAGE.replace(b"page", b"moved").replace(b"line 5 ", b"LINE 5 "),
    b"copied": PAGE.replace(b"page", b"copied"),
    b"copy": PAGE.replace(b"page", b"copied"),
    b"binary": bytes(range(255, -1, -1)),
    b"come.bin": b"\0\1",
    b"tool.sh": b"#!/bin/sh\n",
    b"rewritten": b"".join(b"%d\n" % number for number in range(40)),
    b"long": b"y" * 240_000 + b"\n",
}


def git(folder: Path, *arguments: str) -> bytes:
    """Run git without the user's settings, as somebody who exists."""
    who = {f"GIT_{role}_{part}": "a@example.com" for role in ("AUTHOR", "COMMITTER")
           for part in ("NAME", "EMAIL")}  # fmt: skip
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=folder, env=env | who, check=True, capture_output=True
    ).stdout


def write(folder: Path, files: dict[bytes, bytes]) -> None:
    for name, content in files.items():
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def commit(folder: Path, *, submodule: str) -> None:
    git(folder, "add", "-A")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{submodule},lib/sub")
    git(folder, "commit", "-q", "-m", "A commit\n\n--- a/not\n+++ b/not\n@@ -1 +1 @@\n-a\n+b\n")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits between which everything happens that git has a line for."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "-b", "main")
    write(folder, OLD)
    (folder / "becomes a file").symlink_to("nowhere")
    commit(folder, submodule=SUBMODULE)
    for name in OLD.keys() - NEW.keys():
        (folder / os.fsdecode(name)).unlink()
    (folder / "becomes a file").unlink()
    write(folder, NEW | {b"becomes a file": b"text\n"})
    (folder / "becomes a link").symlink_to("elsewhere")
    (folder / "tool.sh").chmod(0o755)
    commit(folder, submodule="2" * 40)
    return folder


def numstat(folder: Path, *options: str) -> Counter[Row]:
    r"""Ask git what it counts; a renamed file has an empty path, then `\0old\0new\0`."""
    text = git(folder, "diff", "--numstat", "-z", *options, "HEAD~", "HEAD").decode(
        "utf-8", "replace"
    )
    rows = re.finditer(r"([\d-]+)\t([\d-]+)\t(?:([^\0]+)|\0[^\0]*\0([^\0]*))\0", text)
    return Counter((row[1], row[2], row[3] or row[4]) for row in rows)


def counts(files: list[FileDiff]) -> Counter[Row]:
    def row(file: FileDiff) -> Row:
        binary = ("-", "-")
        return (
            *(binary if file.binary else (str(file.added), str(file.removed))),
            file.path,
        )

    return Counter(row(file) for file in files)


OPTIONS = (
    "-U3", "-U0", "-U99999", "-M", "-M -C --find-copies-harder", "--no-renames", "-B",
    "--binary", "--full-index", "--no-prefix", "--src-prefix=c/ --dst-prefix=i/", "--patience",
    "--function-context", "--inter-hunk-context=9", "--color=always", "--raw -p", "--stat -p",
    "--color=always --color-moved=dimmed-zebra --ws-error-highlight=all", "--submodule=short",
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_a_diff_is_counted_as_git_counts_it(repository: Path, options: str) -> None:
    text = git(repository, "diff", *options.split(), "HEAD~", "HEAD")
    files = list(parse_diff(text))
    counted = [option for option in options.split() if option not in {"--raw", "--stat", "-p"}]
    assert counts(files) == numstat(repository, *counted)
    assert [file.damage for file in files if file.damage] == []


@pytest.mark.parametrize("quoting", ["true", "false"])
def test_paths_are_read_quoted_and_unquoted(repository: Path, quoting: str) -> None:
    text = git(repository, "-c", f"core.quotePath={quoting}", "diff", "HEAD~", "HEAD")
    assert counts(list(parse_diff(text))) == numstat(repository)


@pytest.mark.parametrize(
    "command",
    [
        "log -p -1",
        "log -p -1 --format=raw",
        "show --format=fuller",
        "format-patch -1 --stdout --binary",
        "format-patch -1 --stdout --binary --no-signature",
        "format-patch -1 --stdout --binary --signature=--",
    ],
)
def test_a_commit_is_read_as_its_diff_whatever_its_message_says(
    repository: Path, command: str
) -> None:
    files = list(parse_diff(git(repository, *command.split())))
    assert counts(files) == numstat(repository)
    assert [file.damage for file in files if file.damage] == []


def test_a_series_of_mails_is_read_mail_by_mail(repository: Path) -> None:
    both = list(parse_diff(git(repository, "format-patch", "--root", "--stdout", "HEAD")))
    last = list(parse_diff(git(repository, "format-patch", "-1", "--stdout", "HEAD")))
    assert both[-len(last) :] == last
    assert [file.damage for file in both if file.damage] == []


@pytest.mark.parametrize(
    "carry",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.decode("utf-8", "replace").encode("utf-16"),
    ],
    ids=["crlf", "byte order mark", "utf-16"],
)
def test_a_transport_costs_nothing(repository: Path, carry: Callable[[bytes], bytes]) -> None:
    text = git(repository, "diff", "HEAD~", "HEAD")
    assert list(parse_diff(carry(text))) == list(parse_diff(text))


def test_every_kind_of_change_is_named(repository: Path) -> None:
    text = git(repository, "diff", "-C", "--find-copies-harder", "HEAD~", "HEAD")
    files = {file.path: file for file in parse_diff(text)}
    named = {path: (file.status, file.old_path) for path, file in files.items()}
    assert named["moved to"] == ("renamed", "moved from")
    assert named["copy"] == ("copied", "copied")
    assert named["gone"] == ("deleted", None)
    assert named["come.bin"] == ("added", None)
    assert named["becomes a link"] == ("type changed", None)
    assert named["becomes a file"] == ("type changed", None)
    assert named["tool.sh"] == ("modified", None)
    assert files["lib/sub"].submodule
    assert files["becomes a link"].symlink
    assert files["binary"].binary


def test_a_merge_with_a_solved_conflict_is_combined_and_read_against_one_parent(
    tmp_path: Path,
) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, {"zwei w\u00f6rter".encode(): b"a\nb\nc\n"})
    commit(tmp_path, submodule=SUBMODULE)
    git(tmp_path, "checkout", "-q", "-b", "side")
    write(tmp_path, {"zwei w\u00f6rter".encode(): b"a\nside\nc\n"})
    git(tmp_path, "commit", "-q", "-a", "-m", "side")
    git(tmp_path, "checkout", "-q", "main")
    write(tmp_path, {"zwei w\u00f6rter".encode(): b"a\nmain\nc\n"})
    git(tmp_path, "commit", "-q", "-a", "-m", "main")
    git(tmp_path, "merge", "-q", "-s", "ours", "--no-commit", "side")
    write(tmp_path, {"zwei w\u00f6rter".encode(): b"a\nboth\nc\n"})
    git(tmp_path, "commit", "-q", "-a", "-m", "Merge side")
    [combined] = parse_diff(git(tmp_path, "show", "--cc"))
    [one_parent] = parse_diff(git(tmp_path, "diff", "HEAD^1", "HEAD"))
    assert (combined.path, combined.combined, combined.hunks) == ("zwei w\u00f6rter", True, ())
    assert (one_parent.path, one_parent.added, one_parent.removed) == ("zwei w\u00f6rter", 1, 1)
