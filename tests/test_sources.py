"""What real git says of files and names: work trees, commits, and clones that lack contents."""

import os
from pathlib import Path

import pytest

from reviewbot.context.gather import gather
from reviewbot.context.repository import MOST_PLACES, Place
from reviewbot.context.repository import Repository as Port
from reviewbot.context.sources import Sources
from reviewbot.diff.chunk import split_file
from reviewbot.diff.parse import parse_diff
from reviewbot.errors import GitError
from reviewbot.git.run import Leash
from reviewbot.git.sources import (
    MAX_FILE,
    Commits,
    WorkTree,
    bare_runner,
    checkout_runner,
)
from tests.run import Repository


@pytest.fixture
def work(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "work")


def tree(work: Repository, base: str, **old_paths: str) -> WorkTree:
    return WorkTree(checkout_runner(work.folder), base, old_paths)


def bare(work: Repository, base: str, head: str, *clone: str) -> Commits:
    """Clone a repository as the service does, and look at two of its commits."""
    work.git("config", "uploadpack.allowFilter", "true")
    folder = work.folder.parent / "bare.git"
    work.git("clone", "-q", "--bare", *clone, f"file://{work.folder}", str(folder))
    return Commits(bare_runner(folder, Leash()), base, head)


def test_a_work_tree_gives_its_files_and_those_of_the_base(work: Repository) -> None:
    base = work.commit("src/a.py", "def old(): pass")
    work.write("src/a.py", "def new(): pass", "é")
    repository: Port = tree(work, base)
    assert repository.head("src/a.py") == "def new(): pass\né\n"
    assert repository.base("src/a.py") == "def old(): pass\n"
    assert repository.head("src/b.py") is None
    assert repository.base("src/b.py") is None
    assert repository.head("src") is None
    assert repository.base("src") is None


def test_a_renamed_file_has_its_base_by_its_old_path(work: Repository) -> None:
    base = work.commit("a.py", "one")
    work.git("mv", "a.py", "b.py")
    repository = WorkTree(checkout_runner(work.folder), base, {"b.py": "a.py"})
    assert repository.base("b.py") == "one\n"


def test_names_are_found_as_whole_words_in_code_as_it_lies_on_the_disk(work: Repository) -> None:
    work.commit("a b/é.py", "parse(1)", "parser(2)", "x.parse", "$parse")
    work.commit("notes.txt", "parse")
    base = work.commit("c.go", "func Parse() {}")
    work.write("c.go", "package c", "func parse() {}")
    work.write("untracked.py", "parse()")
    repository = tree(work, base)
    found = repository.find(["parse", "nothing", "Parse"])
    assert found == {
        "parse": (
            Place("a b/é.py", 1, "parse(1)"),
            Place("a b/é.py", 3, "x.parse"),
            Place("c.go", 2, "func parse() {}"),
        ),
        "nothing": (),
        "Parse": (),
    }
    assert repository.searched
    assert not repository.partial


def test_a_folder_below_the_top_searches_the_whole_work_tree(work: Repository) -> None:
    work.commit("a.py", "parse()")
    base = work.commit("deep/b.py", "parse()")
    repository = WorkTree(checkout_runner(work.folder / "deep"), base)
    assert [place.path for place in repository.find(["parse"])["parse"]] == ["a.py", "deep/b.py"]
    assert repository.head("a.py") == "parse()\n"


@pytest.mark.parametrize(
    "path",
    ["../secret.py", "/etc/passwd", "link.py", "folder/secret.py", ".git/config", "a.py/", "./a.py",
     "a\0.py", "\ud800.py", "", "sub/.GIT/config", "pipe.py"],
)  # fmt: skip
def test_nothing_outside_of_the_work_tree_is_read(work: Repository, path: str) -> None:
    base = work.commit("a.py", "one")
    outside = work.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("secret")
    (work.folder.parent / "secret.py").write_text("secret")
    (work.folder / "link.py").symlink_to(outside / "secret.py")
    (work.folder / "folder").symlink_to(outside)
    os.mkfifo(work.folder / "pipe.py")
    assert tree(work, base).head(path) is None
    assert tree(work, base).base(path) is None


def test_a_huge_file_is_not_read(work: Repository) -> None:
    base = work.commit("a.py", "x" * MAX_FILE)
    assert tree(work, base).head("a.py") is None
    assert tree(work, base).base("a.py") is None


def test_settings_of_the_repository_change_nothing_and_run_nothing(work: Repository) -> None:
    base = work.commit("a.py", "parse()", "# é")
    work.commit(".gitattributes", "*.py diff=evil filter=evil")
    touched = work.folder.parent / "touched"
    for name in ("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "core.fsmonitor"):
        work.git("config", name, f"touch {touched}; cat")
    for name in ("grep.column", "grep.fullName", "submodule.recurse", "color.ui"):
        work.git("config", name, "always" if name == "color.ui" else "true")
    work.git("config", "grep.patternType", "perl")
    work.write("a.py", "parse()", "parse")
    touched.unlink(missing_ok=True)
    found = tree(work, base).find(["parse"])["parse"]
    assert [(place.path, place.line) for place in found] == [("a.py", 1), ("a.py", 2)]
    assert not touched.exists()


@pytest.mark.parametrize(
    "name", ["-e", "--open-files-in-pager=touch", "a\0b", "\ud800", "a\nb", ""]
)
def test_strange_names_find_nothing(work: Repository, name: str) -> None:
    base = work.commit("a.py", "parse()")
    assert tree(work, base).find([name]).get(name, ()) == ()
    assert len(tree(work, base).find([name, "parse"])["parse"]) == 1


def test_only_so_many_places_of_a_name_are_given(work: Repository) -> None:
    base = work.commit("a.py", *["parse()"] * (MOST_PLACES + 5), "other()")
    found = tree(work, base).find(["parse", "other"])
    assert len(found["parse"]) == MOST_PLACES
    assert len(found["other"]) == 1


def test_a_name_that_is_everywhere_does_not_hide_the_others(work: Repository) -> None:
    base = work.commit("a.py", *[f"parse() {'x' * 9_000}"] * 1_000, "other()")
    repository = tree(work, base)
    found = repository.find(["parse", "other"])
    assert "parse" not in found
    assert found["other"] == (Place("a.py", 1_001, "other()"),)
    assert repository.partial


def test_without_time_left_nothing_is_found_and_it_is_partial(work: Repository) -> None:
    base = work.commit("a.py", "parse()")
    repository = WorkTree(checkout_runner(work.folder, seconds=0), base)
    assert repository.find(["parse"]) == {}
    assert repository.partial
    assert Commits(checkout_runner(work.folder, seconds=0), base, base).partial


class _StopError(Exception):
    pass


def stop() -> None:
    raise _StopError


def test_who_stops_the_review_stops_the_search(work: Repository) -> None:
    base = work.commit("a.py", "parse()")
    commits = Commits(bare_runner(work.folder / ".git", Leash(stop)), base, base)
    with pytest.raises(_StopError):
        commits.find(["parse"])


@pytest.mark.parametrize("commit", ["HEAD", "--all", "", "abc"])
def test_only_ids_name_commits(work: Repository, commit: str) -> None:
    base = work.commit("a.py", "one")
    with pytest.raises(GitError, match="hexadecimal"):
        Commits(checkout_runner(work.folder), base, commit)


def test_outside_of_a_work_tree_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GitError):
        checkout_runner(tmp_path)


def test_a_bare_clone_gives_both_commits(work: Repository) -> None:
    base = work.commit("d/a.py", "old()")
    head = work.commit("d/a.py", "new()", "old_new()")
    repository: Port = bare(work, base, head)
    assert repository.head("d/a.py") == "new()\nold_new()\n"
    assert repository.base("d/a.py") == "old()\n"
    assert repository.find(["new", "old"]) == {"new": (Place("d/a.py", 1, "new()"),), "old": ()}
    assert not repository.partial


def test_of_a_partial_clone_what_is_there_is_searched_and_nothing_is_fetched(
    work: Repository,
) -> None:
    work.commit("d/far.py", "def parse(): pass")
    base = work.commit("d/near.py", "parse()")
    head = work.commit("d/near.py", "parse()", "parse(2)")
    commits = bare(work, base, head, "--filter=blob:none")
    folder = work.folder.parent / "bare.git"
    assert commits.find(["parse"]) == {}
    assert commits.head("d/near.py") is None
    work.git("-C", str(folder), "cat-file", "blob", f"{head}:d/near.py")  # git fetches it
    packs = len(list(folder.rglob("*.pack")))
    again = Commits(bare_runner(folder, Leash()), base, head)
    assert [place.line for place in again.find(["parse"])["parse"]] == [1, 2]
    assert again.head("d/near.py") == "parse()\nparse(2)\n"
    assert again.head("d/far.py") is None
    assert again.searched
    assert again.partial
    assert len(list(folder.rglob("*.pack"))) == packs


def test_what_a_partial_clone_lacks_is_listed_the_nearest_first(work: Repository) -> None:
    for path in ("z/a.py", "d/e/b.py", "d/c.py", "d/c.go"):
        work.commit(path, path)
    head = work.commit("README.txt", "read")
    commits = bare(work, head, head, "--filter=blob:none")
    ids = [work.git("rev-parse", f"{head}:{path}") for path in ("d/c.py", "d/e/b.py", "z/a.py")]
    assert list(commits.lacking(["d/near.py"])) == ids
    assert list(commits.lacking(["d/near.py"], most=1)) == ids[:1]


def test_of_a_clone_that_lacks_nothing_every_source_file_is_here(work: Repository) -> None:
    work.commit("README.txt", "read")
    work.commit("d/a.py", "a()")
    head = work.commit("b.go", "b")
    commits = bare(work, head, head)
    assert commits.here() == ("b.go", "d/a.py")
    assert commits.lacking(["d/a.py"]) == ()
    assert not commits.partial


def test_the_context_of_a_real_change_names_its_definitions_and_callers(work: Repository) -> None:
    work.commit("lib.py", "def parse(text):", "    return text")
    work.commit("app.py", "def main():", "    use(1)")
    base = work.commit("use.py", "def use(a):", "    return a")
    work.write("use.py", "def use(a, b):", "    return parse(a)")
    [file] = parse_diff(work.git("diff").encode() + b"\n")
    [chunk], _ = split_file(file, 1_000)
    context = gather(chunk, Sources(tree(work, base)))
    assert [piece.title for piece in context.pieces] == [
        "lib.py:1 function `parse` is used here",
        "app.py:2 calls `use`, whose signature the change alters",
    ]
