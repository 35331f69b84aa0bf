"""The local store of answers: bounded, shared, and never the reason why a review fails."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from reviewbot.model.kept import KeptInFile, NothingKept, content_key
from reviewbot.servers.completion import Completion, Message, Sampling, TokenChance
from tests.fakes.model_server import ModelServer, Tgi
from tests.run import added, environment, review

DIFF = added("a.py", "x = 1  # BUG")
ANSWER = Completion("text", "length", 3, 2, 1, ((TokenChance("a", -0.5),),))
LONG = Completion("x" * 2000, "stop")


def kept(store: KeptInFile, *keys: str) -> list[Completion | None]:
    async def get() -> list[Completion | None]:
        return [await store.get(key) for key in keys]

    return asyncio.run(get())


def keep(store: KeptInFile, completion: Completion, *keys: str) -> None:
    async def put() -> None:
        for key in keys:
            await store.put(key, completion)

    asyncio.run(put())


def rows(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        return [key for (key,) in database.execute("SELECT key FROM kept ORDER BY used")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "answers.sqlite3"


def test_an_answer_comes_back_as_it_was_in_another_process(path: Path) -> None:
    keep(KeptInFile(path), ANSWER, "one")
    assert kept(KeptInFile(path), "one", "two") == [ANSWER, None]


def test_a_second_answer_takes_the_first_ones_place(path: Path) -> None:
    store = KeptInFile(path)
    keep(store, LONG, "one")
    keep(store, ANSWER, "one")
    assert kept(store, "one") == [ANSWER]


def test_it_can_be_closed_and_used_again(path: Path) -> None:
    store = KeptInFile(path)
    keep(store, ANSWER, "one")
    store.close()
    assert kept(store, "one") == [ANSWER]


def test_its_size_is_bounded_and_what_was_used_last_stays(path: Path) -> None:
    store = KeptInFile(path, most_bytes=200_000)
    for number in range(400):
        keep(store, LONG, f"{number:03}")
        kept(store, "000")
    assert path.stat().st_size < 300_000
    assert 30 < len(rows(path)) < 100
    assert {"000", "399"} <= set(rows(path))


def test_what_another_version_wrote_is_asked_for_anew(path: Path) -> None:
    store = KeptInFile(path)
    keep(store, ANSWER, "one", "two")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE kept SET completion = '{\"words\": 1}' WHERE key = 'one'")
    assert kept(store, "one", "two") == [None, ANSWER]
    assert store.problem is None


@pytest.mark.parametrize("place", ["corrupt", "folder", "below a file", "full"])
def test_a_file_that_cannot_be_used_costs_the_cache_alone(tmp_path: Path, place: str) -> None:
    (tmp_path / "corrupt").write_bytes(b"this is no database" * 100)
    path = {
        "corrupt": tmp_path / "corrupt",
        "folder": tmp_path,
        "below a file": tmp_path / "corrupt" / "answers.sqlite3",
        "full": Path("/dev/full"),
    }[place]
    store = KeptInFile(path)
    assert kept(store, "one") == [None]
    assert f"answers are not kept: {path}: " in str(store.problem)
    keep(store, ANSWER, "one")
    assert kept(store, "one") == [ANSWER]


def test_a_disk_that_fills_up_later_costs_no_answer_of_this_run(path: Path) -> None:
    store = KeptInFile(path)
    keep(store, LONG, "one")
    with store._database() as database:
        database.execute("PRAGMA max_page_count = 8")
    keep(store, Completion("x" * 100_000, "stop"), "large")
    assert "disk is full" in str(store.problem)
    keep(store, ANSWER, "two")
    assert kept(store, "two") == [ANSWER]
    assert rows(path) == ["one"]


def test_several_processes_share_it(path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from reviewbot.model.kept import KeptInFile\n"
        "from reviewbot.servers.completion import Completion\n"
        "store = KeptInFile(Path(sys.argv[1]))\n"
        "for n in range(20):\n"
        "    asyncio.run(store.put(f'{sys.argv[2]} {n}', Completion('x', 'stop')))\n"
        "print(store.problem)\n"
    )
    words = [sys.executable, "-c", script, str(path)]
    processes = [
        subprocess.Popen([*words, str(n)], stdout=subprocess.PIPE, env=environment())
        for n in range(4)
    ]
    assert {process.communicate(timeout=30)[0] for process in processes} == {b"None\n"}
    assert len(rows(path)) == 80


def test_nothing_is_kept_where_that_was_asked_for() -> None:
    async def use() -> Completion | None:
        await NothingKept().put("one", ANSWER)
        return await NothingKept().get("one")

    assert asyncio.run(use()) is None


def test_a_key_changes_with_all_that_decides_an_answer() -> None:
    one, two = (Message("user", "one"),), (Message("system", "one"),)
    keys = {
        content_key(one, None, "model", Sampling()),
        content_key(two, None, "model", Sampling()),
        content_key(one + one, None, "model", Sampling()),
        content_key(one, {"type": "object"}, "model", Sampling()),
        content_key(one, None, "other", Sampling()),
        content_key(one, None, "model", Sampling(temperature=0.4)),
        content_key(one, None, "model", Sampling(seed=1)),
        content_key(one, None, "model", Sampling(max_tokens=512)),
    }
    assert len(keys) == 8
    assert content_key(one, None, "model", Sampling()) in keys


def test_a_surrogate_in_a_message_has_a_key_too() -> None:
    assert content_key((Message("user", "\ud800"),), None, "model", Sampling())


def test_a_review_goes_on_without_its_cache_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with ModelServer(Tgi()) as server:
        run = review(DIFF, server.url, cache_dir=tmp_path / "file")
        assert (run.code, len(run.findings)) == (1, 1)
        [line] = run.stderr.splitlines()
        assert line.startswith("reviewbot: answers are not kept: ")


def test_answers_are_kept_where_the_setting_says(tmp_path: Path) -> None:
    with ModelServer(Tgi()) as server:
        review(DIFF, server.url, cache_dir=tmp_path / "own")
    assert len(rows(tmp_path / "own" / "answers.sqlite3")) == 2
