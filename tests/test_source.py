"""What a person may name to be reviewed, as git sees it; and what a hostile checkout may not do."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fakes import faults
from tests.fakes.model_server import ModelServer, Tgi
from tests.run import Repository, Run, added, environment, on_terminal, reviewbot


def plan(repository: Repository, *source: str, **settings: str) -> Run:
    arguments = ("review", "--plan", "--format", "json", *source)
    return reviewbot(*arguments, folder=repository.folder, env=settings)


def files(run: Run) -> list[tuple[str, int, int]]:
    """Path, added and removed lines of each file of the change."""
    return [(one["path"], one["added"], one["removed"]) for one in run.document["files"]]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One commit on main, and a branch `work` of it with one more."""
    repository = Repository(tmp_path / "repository")
    repository.commit("a.py", "one", "two")
    repository.git("checkout", "-q", "-b", "work")
    repository.commit("b.py", "three")
    return repository


def test_what_is_staged_is_reviewed_and_nothing_else(repository: Repository) -> None:
    repository.write("a.py", "one", "two", "staged")
    repository.git("add", "a.py")
    repository.write("a.py", "one", "two", "staged", "not staged")
    assert files(plan(repository, "--staged")) == [("a.py", 1, 0)]


def test_nothing_staged_is_nothing_to_review(repository: Repository) -> None:
    run = reviewbot("review", "--staged", folder=repository.folder)
    assert (run.code, run.stderr) == (0, "")
    assert "othing to review" in run.stdout


def test_the_first_commit_of_all_can_be_staged(tmp_path: Path) -> None:
    fresh = Repository(tmp_path / "fresh")
    fresh.write("a.py", "one")
    fresh.git("add", "a.py")
    assert files(plan(fresh, "--staged")) == [("a.py", 1, 0)]


def test_a_base_compares_the_work_tree_with_where_the_branch_left(repository: Repository) -> None:
    repository.write("a.py", "one", "two", "not committed")
    repository.git("stash", "-q")
    repository.git("checkout", "-q", "main")
    repository.commit("later.py", "is not of this branch")
    repository.git("checkout", "-q", "work")
    repository.git("stash", "pop", "-q")
    run = plan(repository, "--base", "main")
    assert files(run) == [("a.py", 1, 0), ("b.py", 1, 0)]


def test_untracked_files_are_listed_with_the_remedy_and_do_not_fail(
    repository: Repository,
) -> None:
    repository.write("new.py", "unknown")
    repository.write("sub/näme.py", "unknown")
    repository.write(".gitignore", "*.log")
    repository.write("debug.log", "ignored")
    sub = Repository(repository.folder / "sub" / "..")  # listed alike from a folder below
    run = plan(sub, "--base", "main")
    assert run.code == 0
    assert {path for path, _ in run.gaps} == {".gitignore", "new.py", "sub/näme.py"}
    assert {reason for _, reason in run.gaps} == {"untracked; `git add -N` makes git show it"}
    repository.git("add", "-N", "new.py")
    assert ("new.py", 1, 0) in files(plan(repository, "--base", "main"))


def test_a_commit_is_reviewed_against_its_parent(repository: Repository) -> None:
    assert files(plan(repository, "--commit", "HEAD")) == [("b.py", 1, 0)]


def test_the_first_commit_of_all_is_reviewed_whole(repository: Repository) -> None:
    repository.git("config", "log.showRoot", "false")
    assert files(plan(repository, "--commit", "main")) == [("a.py", 2, 0)]


@pytest.mark.parametrize("merges", ["combined", "separate"])
def test_a_merge_is_reviewed_against_its_first_parent(repository: Repository, merges: str) -> None:
    repository.git("checkout", "-q", "main")
    repository.commit("a.py", "one", "two", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge work", "work")
    repository.git("config", "log.diffMerges", merges)
    assert files(plan(repository, "--commit", "HEAD")) == [("b.py", 1, 0)]


def test_an_annotated_tag_names_its_commit(repository: Repository) -> None:
    repository.git("tag", "-a", "v1", "-m", "One")
    assert files(plan(repository, "--commit", "v1")) == [("b.py", 1, 0)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("main..work", [("b.py", 1, 0)]),
        ("work..main", [("b.py", 0, 1)]),
        ("main...work", [("b.py", 1, 0)]),
        ("work...main", []),
        ("main..", [("b.py", 1, 0)]),
        ("HEAD~1..HEAD", [("b.py", 1, 0)]),
    ],
)
def test_a_range_is_reviewed_as_git_diff_shows_it(
    repository: Repository, source: str, expected: list[tuple[str, int, int]]
) -> None:
    assert files(plan(repository, source)) == expected


def test_a_file_whose_name_looks_like_a_range_is_a_file(repository: Repository) -> None:
    repository.write("main..work", *added("c.py", "x").splitlines())
    assert files(plan(repository, "main..work")) == [("c.py", 1, 0)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--commit", "nowhere"), "git knows no commit 'nowhere' here"),
        (("--base", "nowhere"), "git knows no commit 'nowhere' here"),
        (("nowhere..main",), "git knows no commit 'nowhere' here"),
        (("--commit", ""), "git knows no commit '' here"),
        (("--commit=--output=x",), "git knows no commit '--output=x' here"),
        (("--base=--output=x",), "git knows no commit '--output=x' here"),
        (("--", "--output=x..main"), "git knows no commit '--output=x' here"),
        (("--commit", "HEAD:a.py"), "git knows no commit 'HEAD:a.py' here"),
        (("--staged", "--base", "main"), "name one thing to review"),
        (("--commit", "HEAD", "main..work"), "name one thing to review"),
        (("-", "--staged"), "name one thing to review"),
        ((), "say what to review"),
    ],
)
def test_what_cannot_be_reviewed_is_told(
    repository: Repository, words: tuple[str, ...], said: str
) -> None:
    before = sorted(repository.folder.iterdir())
    run = plan(repository, *words)
    assert run.code == 2
    assert said in run.complaint
    assert sorted(repository.folder.iterdir()) == before


@pytest.mark.parametrize(
    "words", [("--staged",), ("--base", "main"), ("--commit", "HEAD"), ("main..work",)]
)
def test_outside_of_a_repository_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    run = reviewbot("review", *words, folder=tmp_path, env={"GIT_CEILING_DIRECTORIES": "/"})
    assert run.code == 2
    assert "not a git repository" in run.complaint


def test_branches_without_a_common_commit_are_told(repository: Repository) -> None:
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit("c.py", "three")
    run = plan(repository, "--base", "main")
    assert run.code == 2
    assert run.complaint == "reviewbot: 'main' and HEAD have no commit in common"


def test_without_git_on_the_path_it_is_told(repository: Repository) -> None:
    run = plan(repository, "--staged", PATH="/nowhere")
    assert run.code == 2
    assert "there is no git on PATH" in run.complaint


def test_paths_are_told_whatever_is_in_them(repository: Repository) -> None:
    hostile = 'we"ird\n name\x1b[31m.py'
    repository.write(hostile, "x")
    raw = repository.folder.joinpath(b"caf\xe9.py".decode("utf-8", "surrogateescape"))
    raw.write_text("y\n")
    repository.git("add", "-A")
    run = plan(repository, "--staged")
    assert sorted(files(run)) == [("caf\ufffd.py", 1, 0), (hostile, 1, 0)]
    text = reviewbot("review", "--plan", "--staged", folder=repository.folder)
    assert text.code == 0
    assert b"\x1b" not in text.out


def test_on_a_terminal_the_work_tree_is_reviewed_against_the_default_branch(
    repository: Repository,
) -> None:
    repository.write("a.py", "one", "two", "three")
    below = repository.folder / "below"
    below.mkdir()
    words = ("review", "--plan", "--format", "json")
    run, _ = on_terminal(*words, streams="stdin", folder=below)
    assert (run.code, files(run)) == (0, [("a.py", 1, 0), ("b.py", 1, 0)])


def test_on_a_terminal_origins_head_is_the_default_branch(
    repository: Repository, tmp_path: Path
) -> None:
    repository.git("checkout", "-q", "work")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", str(repository.folder), str(clone))
    (clone / "b.py").write_text("three\nfour\n")
    run, _ = on_terminal("review", "--plan", "--format", "json", streams="stdin", folder=clone)
    assert files(run) == [("b.py", 1, 0)]


def test_on_a_terminal_without_a_default_branch_it_is_told(tmp_path: Path) -> None:
    fresh = Repository(tmp_path / "fresh")
    run, _ = on_terminal("review", streams="stdin", folder=fresh.folder)
    assert run.code == 2
    assert "say --base REF" in run.complaint


def test_on_a_terminal_outside_of_a_repository_it_is_told(tmp_path: Path) -> None:
    run, _ = on_terminal("review", streams="stdin", folder=tmp_path)
    assert run.code == 2
    assert "say what to review" in run.complaint


# A hostile checkout.


@pytest.fixture
def hostile(repository: Repository, tmp_path: Path) -> Repository:
    """A repository whose own settings name a program for all that git can run one for."""
    marks, hooks = tmp_path / "marks", tmp_path / "hooks"
    for folder in (marks, hooks):
        folder.mkdir()

    def program(name: str) -> str:
        path = hooks / name
        path.write_text(f"#!/bin/sh\ntouch '{marks}/{name}'\ncat\n")
        path.chmod(0o755)
        return str(path)

    other = Repository(tmp_path / "other")
    other.commit("inner.txt", "one")
    add = ("-c", "protocol.file.allow=always", "submodule", "-q", "add", str(other.folder), "inner")
    repository.git(*add)
    repository.commit(".gitattributes", "*.py diff=evil filter=evil", "*.txt filter=e=vil")
    repository.commit("t.txt", "one")
    repository.git("config", "gpg.program", program("gpg"))
    settings = {
        "core.fsmonitor": program("fsmonitor"),
        "core.hooksPath": str(hooks),
        "core.pager": program("pager"),
        "core.sshCommand": program("ssh"),
        "diff.external": program("external"),
        "diff.evil.textconv": program("textconv"),
        "diff.evil.command": program("command"),
        "filter.evil.clean": program("clean"),
        "filter.evil.required": "true",
        "filter.e=vil.clean": program("clean-other"),
        "log.showSignature": "true",
        "log.diffMerges": "combined",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "0",
        "diff.orderFile": str(tmp_path / "nowhere"),
        "diff.relative": "true",
        "diff.submodule": "log",
        "color.ui": "always",
    }
    for name in ("post-index-change", "post-checkout"):
        program(name)
    _sign_head(repository)
    for key, value in settings.items():
        repository.git("config", key, value)
    inner = Repository(repository.folder / "inner")
    inner.write("inner.txt", "two")
    inner.git("config", "core.fsmonitor", program("inner-fsmonitor"))
    repository.write("a.py", "one", "two", "three")
    _write_racily(repository, "t.txt", "two")
    return repository


def _write_racily(repository: Repository, name: str, text: str) -> None:
    """Write as many bytes as before at the same time as before, and as the index: git must read
    the file to see that it changed, and filter what it reads.
    """
    file, index = repository.folder / name, repository.folder / ".git" / "index"
    then = file.stat().st_mtime_ns
    repository.git("config", "core.trustctime", "false")
    repository.write(name, text)
    for one in (file, index):
        os.utime(one, ns=(then, then))


def _sign_head(repository: Repository) -> None:
    """Put a signature on the last commit, which git would let a program check."""
    head, _, message = repository.git("cat-file", "commit", "HEAD").partition("\n\n")
    seal = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
    raw = repository.folder / ".git" / "raw"
    raw.write_text(f"{head}\n{seal}\n\n{message}\n")
    signed = repository.git("hash-object", "-t", "commit", "-w", str(raw))
    repository.git("update-ref", "HEAD", signed)


SOURCES: list[tuple[str, ...]] = [
    ("--base", "main"),
    ("--staged",),
    ("--commit", "HEAD"),
    ("main..HEAD",),
]


def test_no_program_of_a_hostile_checkout_is_run(hostile: Repository, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    for mark in marks.iterdir():
        mark.unlink()
    runs = [plan(hostile, *source) for source in SOURCES]
    assert [mark.name for mark in marks.iterdir()] == []
    assert [run.code for run in runs] == [0, 0, 0, 0]
    assert files(runs[0])[-1] == ("t.txt", 1, 0)
    assert ("a.py", 1, 0) in files(runs[0])


def test_git_itself_would_run_them(hostile: Repository, tmp_path: Path) -> None:
    for words in (["diff", "-O/dev/null", "main"], ["show", "-O/dev/null", "HEAD"]):
        subprocess.run(
            ["git", *words], cwd=hostile.folder, env=environment(), capture_output=True, check=False
        )
    marks = {mark.name for mark in (tmp_path / "marks").iterdir()}
    assert {"fsmonitor", "external", "clean", "clean-other", "gpg", "inner-fsmonitor"} <= marks


def test_objects_that_a_clone_lacks_are_not_fetched(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    source = f"file://{repository.folder}"
    repository.git("clone", "-q", "--filter=blob:none", "--no-checkout", source, str(clone))
    run = reviewbot("review", "--commit", "HEAD", "--plan", folder=clone)
    assert run.code == 2
    assert "git diff main... | reviewbot review -" in run.complaint


def test_the_filters_of_the_user_stay(repository: Repository, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text('[filter "upper"]\n\tclean = tr a-z A-Z\n')
    repository.commit(".gitattributes", "*.py filter=upper")
    repository.write("a.py", "one", "two", "three")
    words = ("review", "--show-prompt", "--base", "main")
    run = reviewbot(*words, folder=repository.folder, env={"GIT_CONFIG_GLOBAL": str(config)})
    assert "THREE" in run.stdout


def test_a_settings_file_of_the_checkout_is_not_read(tmp_path: Path) -> None:
    diff = added("a.py", "x  # BUG")
    (tmp_path / "change.diff").write_text(diff)
    with ModelServer(Tgi()) as theirs, ModelServer(Tgi()) as ours:
        theirs.fault(faults.INVALID)
        for name in (".env", "config.toml", "reviewbot.toml", ".reviewbot"):
            lines = f"REVIEWBOT_MODEL_URL={theirs.url}\nREVIEWBOT_SCHEMA=none\nPASSWORD=s3cret\n"
            (tmp_path / name).write_text(lines)
        run = reviewbot("review", "change.diff", folder=tmp_path, model_url=ours.url)
        assert (run.code, run.stderr, theirs.requests) == (1, "", [])
