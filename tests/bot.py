"""The whole bot in processes of its own: the fake GitHub in, its reviews out.

    with Bot(tmp_path) as bot:
        pull = bot.github.repository().opens_pull_request({"a.py": "x = 1  # BUG\\n"})
        bot.settles()
        [comment] = pull.comments

The API, the Celery workers and Valkey are real, as are git, the database and HTTP. At the end each
process is alive, no job waits, and nothing that GitHub answered broke its own description.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from reviewbot.service import broker, listing
from reviewbot.service.database import Database, open_database
from tests.fakes.forge import FakeGitHub
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.run import COMMAND, ONE_LOOK, variables

CELERY = Path(sys.executable).parent / "celery"
ROOT = Path(__file__).parents[1]
MODEL_KEY = "the-key-of-the-model-server"
LIVE = ("new", "running", "posting")


def eventually(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Part:
    """One process of the bot; what it writes goes to a file."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], folder: Path):
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self, seconds: float = 15.0) -> int:
        """Ask it to end, and wait for that."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9


class Bot:
    """The bot and what it talks to. `settings` are those of the service."""

    def __init__(
        self, folder: Path, *, workers: int = 1, model: ModelServer | None = None,
        database_url: str | None = None, **settings: str | float | Path,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.github = FakeGitHub(folder)
        self.model = model or ModelServer(Tgi(), Finder(), api_key=MODEL_KEY)
        self._own_broker = broker.make_broker(folder / "broker")
        self.port = free_port()
        key = folder / "key.pem"
        key.write_text(self.github.private_key)
        given: dict[str, str | float | Path] = {
            "github_app_id": 4242, "github_private_key_file": key,
            "github_webhook_secret": self.github.secret, "github_url": self.github.url,
            "github_write_interval": 0, "data_dir": folder / "data", "port": self.port,
            "broker_url": self._own_broker.url, "model_url": self.model.url,
            "model_key": MODEL_KEY, "log_format": "json",
        }  # fmt: skip
        database = {"database_url": database_url} if database_url else {}
        home = {"HOME": str(folder), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        plain = variables(retry_seconds=0.01) | ONE_LOOK | variables(max_findings=200)
        self.env = home | plain | variables(**(given | database | settings))
        self.database: Database = open_database(database_url, folder / "data")
        self.github.webhook_url = f"http://127.0.0.1:{self.port}/webhooks/github"
        self.broker = self.starts_broker()
        self.api = self.starts_api()
        self.workers = [self.starts_worker(number) for number in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        parts = [*self.workers, self.api, self.broker]
        alive = [part.alive for part in parts]
        try:
            if kind is None:
                self.settles()
                assert all(alive), "a process ended by itself"
                assert not self.github.violations, "\n".join(self.github.violations[:5])
                said = self.said()
                assert "Traceback" not in said
                assert [one for one in self.secrets() if one in said] == []
        finally:
            codes = [part.end() for part in parts]
            self.github.close()
            self.model.close()
            self.database.close()
        if kind is None:
            assert -9 not in codes, "a process did not end when it was asked to"

    def starts_broker(self) -> Part:
        return Part("broker", list(self._own_broker.command), self.env, self.folder)

    def starts_api(self) -> Part:
        part = Part("api", [str(COMMAND), "api"], self.env, self.folder)
        eventually(lambda: self.is_live() or not part.alive)
        assert part.alive, part.log.read_text()
        return part

    def starts_worker(self, number: int = 0, **settings: str | float) -> Part:
        command = [str(CELERY), "-A", "worker.app", "worker", "--without-gossip",
                   "--without-mingle", "--without-heartbeat", "-n", f"w{number}@tests"]  # fmt: skip
        env = self.env | variables(**settings)
        return Part(f"worker{number}", command, env, self.folder)

    def kills(self, part: str) -> None:
        """Kill the broker, the API, or the first worker."""
        {"broker": self.broker, "api": self.api, "worker": self.workers[0]}[part].kill()

    def starts(self, part: str) -> None:
        """Start one of them again."""
        if part == "broker":
            self.broker = self.starts_broker()
        elif part == "api":
            self.api = self.starts_api()
        else:
            self.workers[0] = self.starts_worker()

    def is_live(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def said(self) -> str:
        """All that the processes wrote."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def secrets(self) -> list[str]:
        """What must never stand in anything that is written."""
        key = self.github.private_key.splitlines()[1]
        return [MODEL_KEY, self.github.secret, key, *self.github.every_token]

    def forgets_redeliveries(self) -> None:
        """Let the next start ask GitHub for missed deliveries, as it does every five minutes."""
        with self.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM job WHERE kind = 'redeliver'")

    def live_jobs(self) -> list[listing.Row]:
        with self.database.read() as connection:
            return listing.list_jobs(connection, LIVE, 1000)

    def jobs(self, *states: str) -> list[listing.Row]:
        """The reviews in these states, or in all, oldest first."""
        chosen = states or (*LIVE, "done", "superseded", "failed")
        with self.database.read() as connection:
            rows = listing.list_jobs(connection, chosen, 1000)
        return [row for row in reversed(rows) if row.kind == "review"]

    def settles(self, seconds: float = 30.0) -> None:
        """Wait until nothing is left to do, and every check run is completed."""
        eventually(lambda: not (self.live_jobs() or self.open_checks() or self.untold()), seconds)

    def untold(self) -> int:
        """How many ended jobs whose check run is not completed yet."""
        with self.database.read() as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM job WHERE check_open")
            count: int = found.scalar_one()
            return count

    def open_checks(self) -> list[int]:
        return [
            check.id
            for repo in self.github.repos.values()
            for check in repo.checks
            if check.status != "completed"
        ]
