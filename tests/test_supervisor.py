"""The supervisor with real children: sleepers, crashers, deaf ones, and the real Valkey."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from redis import Redis

from reviewbot.errors import BrokerError, InputError
from reviewbot.service.broker import Broker, check_broker, make_broker
from reviewbot.service.supervisor import Part, PartError, Supervisor, locked
from tests.bot import eventually

SLEEPS = "print('up', flush=True); import time; time.sleep(600)"
ENDS_SLOWLY = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(.3), sys.exit(0)))\n"
    "print('up', flush=True)\n"
    "time.sleep(600)"
)
DEAF = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "own = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('own', own.pid, flush=True)\n"
    "print('up', flush=True)\n"
    "time.sleep(600)"
)
CRASHES = "import sys; print('no luck', flush=True); sys.exit(3)"
ROOT = Path(__file__).parents[1]


def part(name: str, code: str, **more: object) -> Part:
    """A part that runs Python code, and is ready when it says that it is up."""
    options = {"ready_words": "up"} | more
    return Part(name, (sys.executable, "-c", code), os.environ, **options)  # type: ignore[arg-type]


class Running:
    """A supervisor in a thread; `said` is what it printed."""

    def __init__(self, *parts: Part, start_seconds: float = 30.0) -> None:
        self.said: list[tuple[str, str]] = []
        self.ready = threading.Event()
        self.problem: PartError | None = None
        self.supervisor = Supervisor(parts, lambda name, line: self.said.append((name, line)))
        self._start_seconds = start_seconds
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.supervisor.run(self.ready.set, self._start_seconds)
        except PartError as error:
            self.problem = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.end()

    def end(self) -> None:
        self.supervisor.stop.set()
        self.join()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    def lines(self, name: str) -> list[str]:
        return [line for who, line in self.said if who == name]

    def pids(self, name: str) -> list[int]:
        """The processes that a part has had, the last one last."""
        start = f"{name} started (process "
        return [
            int(line.removeprefix(start).rstrip(")"))
            for line in self.lines("serve")
            if line.startswith(start)
        ]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_parts_start_in_order_each_when_the_one_before_is_ready() -> None:
    with Running(part("one", SLEEPS), part("two", SLEEPS), part("three", SLEEPS)) as serve:
        assert serve.ready.wait(20)
        told = [(who, line.partition(" (")[0]) for who, line in serve.said]
    assert told == [
        ("serve", "one started"), ("one", "up"),
        ("serve", "two started"), ("two", "up"),
        ("serve", "three started"), ("three", "up"),
    ]  # fmt: skip


def test_they_end_in_the_reverse_order_each_in_its_own_time() -> None:
    with Running(part("one", SLEEPS), part("two", ENDS_SLOWLY), part("three", SLEEPS)) as serve:
        assert serve.ready.wait(20)
    assert serve.lines("serve")[-3:] == [
        "three ended (Terminated)", "two ended (status 0)", "one ended (Terminated)",
    ]  # fmt: skip


def test_one_that_does_not_end_is_killed_and_with_it_what_it_runs() -> None:
    with Running(part("deaf", DEAF, grace=0.3)) as serve:
        assert serve.ready.wait(20)
    assert serve.lines("serve")[-2:] == [
        "deaf does not end; it is killed", "deaf ended (Killed)",
    ]  # fmt: skip
    grandchild = int(serve.lines("deaf")[0].split()[1])
    eventually(lambda: is_gone(grandchild), 5)


def test_in_a_hurry_nobody_is_waited_for() -> None:
    with Running(part("deaf", DEAF, grace=60.0)) as serve:
        assert serve.ready.wait(20)
        serve.supervisor.stop.set()
        serve.supervisor.hurry.set()
        serve.join()
    assert serve.lines("serve")[-1] == "deaf ended (Killed)"


def test_one_that_is_killed_is_started_again_later_and_later() -> None:
    with Running(part("one", SLEEPS), part("two", SLEEPS)) as serve:
        assert serve.ready.wait(20)
        for times in (1, 2, 3):
            os.kill(serve.pids("one")[-1], signal.SIGKILL)
            eventually(lambda: len(serve.lines("one")) == times + 1)  # noqa: B023
        assert len(serve.pids("two")) == 1
    assert [line for line in serve.lines("serve") if "again" in line] == [
        "one ended (Killed); started again in 0.2 s",
        "one ended (Killed); started again in 0.4 s",
        "one ended (Killed); started again in 0.8 s",
    ]


def test_one_that_never_gets_up_is_given_up_on_with_its_last_words() -> None:
    with Running(part("one", SLEEPS), part("two", CRASHES)) as serve:
        serve.join()
    assert str(serve.problem).startswith("two ends as soon as it is started (status 3); it says: ")
    assert str(serve.problem).endswith("no luck")
    assert len(serve.pids("two")) == 5
    assert serve.lines("serve")[-1] == "one ended (Terminated)"


def test_one_that_gets_up_at_the_third_try_is_ready(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        f"file = pathlib.Path({str(tmp_path / 'tries')!r})\n"
        "with file.open('a') as out: out.write('x')\n"
        f"if file.stat().st_size < 3: sys.exit(1)\n{SLEEPS}"
    )
    with Running(part("slow", code)) as serve:
        assert serve.ready.wait(20)
    assert len(serve.pids("slow")) == 3


def test_a_program_that_is_not_there_is_named() -> None:
    gone = Part("broker", ("/nowhere/valkey-server",), {})
    with Running(part("one", SLEEPS), gone) as serve:
        serve.join()
    assert str(serve.problem) == (
        "broker cannot be started: /nowhere/valkey-server: No such file or directory"
    )
    assert is_gone(serve.pids("one")[0])


def test_one_that_is_not_ready_in_time_is_told_with_what_it_said() -> None:
    never = part("api", "print('waiting', flush=True); import time; time.sleep(600)")
    with Running(never, start_seconds=1.0) as serve:
        serve.join()
    assert str(serve.problem) == "api is not ready after 1 s; it says: waiting"


def test_an_earlier_part_is_looked_after_while_a_later_one_starts() -> None:
    slow = part("slow", f"import time; time.sleep(1.5); {SLEEPS}")
    with Running(part("one", SLEEPS), slow) as serve:
        eventually(lambda: serve.pids("slow"))
        os.kill(serve.pids("one")[0], signal.SIGKILL)
        eventually(lambda: len(serve.pids("one")) == 2)
        assert not serve.ready.is_set()
        assert serve.ready.wait(20)


def test_ready_words_are_seen_however_much_is_said_after_them() -> None:
    code = "import time; print(*['up', *range(5000)], sep=chr(10), flush=True); time.sleep(600)"
    with Running(part("chatty", code)) as serve:
        assert serve.ready.wait(20)
        eventually(lambda: len(serve.lines("chatty")) == 5001)


def test_whatever_bytes_a_part_writes_are_passed_on() -> None:
    code = f"import os; os.write(1, b'\\xff\\xfe\\n' + b'x' * 200_000 + b'\\n'); {SLEEPS}"
    with Running(part("odd", code)) as serve:
        assert serve.ready.wait(20)
    assert serve.lines("odd")[0] == "\ufffd\ufffd"
    assert sum(line.count("x") for line in serve.lines("odd")) == 200_000
    assert max(map(len, serve.lines("odd"))) <= 65_536


def test_a_part_is_given_its_line_and_its_input_stays_open_as_long_as_we_live() -> None:
    code = (
        "import sys\n"
        "print('got', sys.stdin.readline().strip(), flush=True)\n"
        "print('up', flush=True)\n"
        "print('then', repr(sys.stdin.read()), flush=True)"
    )
    with Running(part("model", code, stdin="an order")) as serve:
        assert serve.ready.wait(20)
        assert serve.lines("model") == ["got an order", "up"]
    assert serve.lines("serve")[-1].startswith("model ended")


def test_a_part_that_ends_before_it_reads_its_line_is_only_started_again() -> None:
    with Running(part("model", CRASHES, stdin="x" * 1_000_000)) as serve:
        serve.join()
    assert "ends as soon as it is started" in str(serve.problem)


def test_a_terminals_ctrl_c_is_not_for_the_parts() -> None:
    with Running(part("one", SLEEPS)) as serve:
        assert serve.ready.wait(20)
        pid = serve.pids("one")[0]
        assert os.getpgid(pid) == pid != os.getpgid(0)


@pytest.fixture
def private(tmp_path: Path) -> Broker:
    return make_broker(tmp_path / "broker")


def valkey(private: Broker) -> Part:
    return Part("broker", private.command, {}, lambda: answers(private))


def answers(private: Broker) -> bool:
    try:
        return bool(check_broker(private.url, 0.5))
    except BrokerError:
        return False


def test_a_killed_valkey_comes_back_with_what_it_held(private: Broker) -> None:
    with Running(valkey(private)) as serve:
        assert serve.ready.wait(20)
        redis = Redis(unix_socket_path=str(private.socket))
        redis.set("kept", "yes")
        os.kill(serve.pids("broker")[0], signal.SIGKILL)
        eventually(lambda: len(serve.pids("broker")) == 2 and answers(private))
        assert redis.get("kept") == b"yes"
        redis.close()
    assert serve.lines("serve")[-1] == "broker ended (status 0)"


class Own:
    """A supervisor in a process of its own, on a data folder with a Valkey and a sleeper."""

    def __init__(self, folder: Path) -> None:
        script = f"""
            import os, sys
            from pathlib import Path
            from reviewbot.service.supervisor import Part, Supervisor, locked
            from tests.test_supervisor import SLEEPS, make_broker, part, valkey
            folder = Path({str(folder)!r})
            with locked(folder):
                serve = Supervisor(
                    [valkey(make_broker(folder / "broker")), part("one", SLEEPS)],
                    lambda name, line: print(name, line, flush=True))
                serve.run(lambda: print("ready", flush=True))
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.pids: list[int] = []
        for line in self.process.stdout:
            if "started (process " in line:
                self.pids.append(int(line.rpartition(" ")[2].strip(")\n")))
            if line == "ready\n":
                break

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    started = Own(tmp_path / "data")
    yield started
    started.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_a_killed_supervisor_leaves_no_orphan_and_a_new_one_goes_on(
    own: Own, tmp_path: Path
) -> None:
    socket = make_broker(tmp_path / "data" / "broker").socket
    with Redis(unix_socket_path=str(socket)) as redis:
        redis.set("kept", "yes")
    own.kill()
    assert len(own.pids) == 2
    eventually(lambda: all(is_gone(pid) for pid in own.pids), 5)
    again = Own(tmp_path / "data")
    with Redis(unix_socket_path=str(socket)) as redis:
        assert redis.get("kept") == b"yes"
    again.kill()


def test_a_folder_in_use_is_refused_with_who_has_it(own: Own, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=rf"in use by another .*\(process {own.process.pid}\)"),
        locked(tmp_path / "data"),
    ):
        pass


def test_a_folder_is_free_again_when_its_holder_is_gone(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "data"):
            assert (tmp_path / "data" / "serve.lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_used_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="set REVIEWBOT_DATA_DIR"), locked(tmp_path / "file"):
        pass


def test_parts_end_with_a_supervisor_that_ends_by_an_error() -> None:
    class Odd(Exception):  # noqa: N818
        pass

    def fails() -> bool:
        raise Odd

    said: list[str] = []
    serve = Supervisor(
        [part("one", SLEEPS), part("two", SLEEPS, is_ready=fails)],
        lambda _, line: said.append(line),
    )
    begun = time.monotonic()
    with pytest.raises(Odd):
        serve.run(lambda: None)
    assert time.monotonic() - begun < 10
    assert said[-2:] == ["two ended (Terminated)", "one ended (Terminated)"]
