"""`reviewbot serve` and `reviewbot api`: settings come in; the service runs until it is ended."""

import gc
import json
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.request import urlopen

import click
import msgspec

from reviewbot.bootstrap_service import (
    check_service,
    data_folder,
    make_database,
    open_unprepared,
    secrets_of,
)
from reviewbot.cli.output import may_colour
from reviewbot.environment import without_settings
from reviewbot.errors import BrokerError, SettingsError
from reviewbot.report.escape import visible
from reviewbot.service import broker, schema
from reviewbot.service.supervisor import Part, Supervisor, locked
from reviewbot.settings import Secret, Settings, to_environment

_DRAIN_SECONDS = 5
_OBJECTS = 10_000  # that the API makes between two looks for cycles; Python's own are 700
_COLOURS = {"broker": "yellow", "model": "magenta", "worker": "cyan", "api": "blue"}


def run_api(settings: Settings) -> int:
    """Serve the API. Raises `ReviewbotError` where it cannot start."""
    import uvicorn  # noqa: PLC0415

    from reviewbot.bootstrap_service import make_parts  # noqa: PLC0415
    from reviewbot.service.api import make_api  # noqa: PLC0415
    from reviewbot.service.logs import set_up_logs  # noqa: PLC0415

    check_service(settings)
    set_up_logs(settings.log_format, secrets_of(settings), part="api")
    # a delivery makes many objects and no cycles: looking for those costs a tenth of its time
    gc.set_threshold(_OBJECTS)
    uvicorn.run(
        make_api(make_parts(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return 0


def run_upgrade(settings: Settings) -> int:
    """Upgrade the database, and say from where to where."""
    database = open_unprepared(settings)
    before = schema.upgrade(database)
    click.echo(f"the database was of revision {before or 'none'} and is of {schema.HEAD}")
    return 0


def run_serve(settings: Settings) -> int:
    """Run all parts of the service; children of this process, which end with it.

    Raises `ReviewbotError` where one cannot start.
    """
    from reviewbot.bootstrap_worker import make_app  # noqa: PLC0415

    check_service(settings)
    make_app(settings)  # a key that is none is told before anything is started
    if not settings.port:
        raise SettingsError("REVIEWBOT_PORT must be a port: GitHub is to find it")
    folder = data_folder(settings)
    with locked(folder):
        make_database(settings).close()  # before several processes look at its tables at once
        parts, settings = _own_parts(settings, folder)
        supervisor = Supervisor([*parts, *_ours(settings)], _say)
        with _signals_to(supervisor):
            supervisor.run(lambda: _welcome(settings))
    _say("serve", "ended")
    return 0


def _own_parts(settings: Settings, folder: Path) -> tuple[list[Part], Settings]:
    """Give the parts that stand in for servers which are not set, and the settings with them."""
    parts = []
    settings = msgspec.structs.replace(settings, data_dir=folder)
    if settings.broker_url is None:
        private = broker.make_broker(folder / "broker")
        parts.append(_broker_part(private))
        settings = msgspec.structs.replace(settings, broker_url=Secret(private.url))
    if settings.model_url is None:
        part, url, key = _model_part(settings)
        parts.append(part)
        settings = msgspec.structs.replace(
            settings, model_url=url, model_key=Secret(key), model_server="llamacpp", model=None
        )
    return parts, settings


def _broker_part(private: broker.Broker) -> Part:
    def is_ready() -> bool:
        try:
            broker.check_broker(private.url)
        except BrokerError:
            return False
        return True

    return Part("broker", private.command, without_settings(os.environ), is_ready)


def _model_part(settings: Settings) -> tuple[Part, str, str]:
    """Run a model beside the worker, never in it; gives its address and its key, too."""
    from reviewbot.cli.models import choose_model  # noqa: PLC0415
    from reviewbot.servers.embedded import command, make_order  # noqa: PLC0415

    _, path = choose_model(settings)
    key, port = secrets.token_urlsafe(32), _free_port()
    url = f"http://127.0.0.1:{port}"
    order = make_order(path, key, threads=settings.threads, context=settings.context, port=port)
    part = Part(
        "model", command(), without_settings(os.environ), _answers(f"{url}/health"),
        stdin=json.dumps(order), grace=2.0,
    )  # fmt: skip
    return part, url, key


def _ours(settings: Settings) -> list[Part]:
    env = without_settings(os.environ) | to_environment(settings)
    folder = Path(sys.executable).parent
    worker = (
        sys.executable, "-m", "celery", "--quiet", "-A", "worker.app", "worker", "--without-gossip",
        "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else settings.host  # noqa: S104
    return [
        Part("worker", worker, env, ready_words="worker ready"),
        Part("api", (str(folder / "reviewbot"), "api"), env,
             _answers(f"http://{host}:{settings.port}/livez")),
    ]  # fmt: skip


def _answers(url: str) -> Callable[[], bool]:
    def is_ready() -> bool:
        try:
            with urlopen(url, timeout=1):  # noqa: S310  # our own address
                return True
        except OSError:
            return False

    return is_ready


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _welcome(settings: Settings) -> None:
    _say("serve", f"ready: GitHub's deliveries go to http://{settings.host}:{settings.port}"
                  "/webhooks/github; Ctrl-C ends it")  # fmt: skip


_printing = threading.Lock()


def _say(name: str, line: str) -> None:
    """Print a line of a part. Those of JSON stay as they are, for whoever collects them."""
    with _printing:
        if line.startswith("{") and not sys.stdout.isatty():
            click.echo(line)
            return
        label = f"{name:<6}"
        if may_colour(sys.stdout):
            label = click.style(label, fg=_COLOURS.get(name, "green"))
        click.echo(f"{label} │ {visible(click.unstyle(line))}")


@contextmanager
def _signals_to(supervisor: Supervisor) -> Iterator[None]:
    """End the parts in order at SIGTERM or Ctrl-C, and at once at a second one."""

    def end(_number: int, _frame: FrameType | None) -> None:
        if supervisor.stop.is_set():
            supervisor.hurry.set()
        supervisor.stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
