"""Settings come in; out come the parts that they choose. The one place that picks them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import platformdirs

from reviewbot.budget import DEFAULT_INFO
from reviewbot.engine.stages import Stages
from reviewbot.errors import InputError, SettingsError, TemporaryError
from reviewbot.findings.calibration import SHIPPED, Calibration
from reviewbot.github.marker import MarkerKey, marker_key
from reviewbot.model.ask import Patience, Ports
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate
from reviewbot.model.kept import KeptInFile, NothingKept
from reviewbot.servers.completion import ServerInfo
from reviewbot.settings import Settings

if TYPE_CHECKING:
    from reviewbot.servers.client import Client

_START_PATIENCE = 2.0  # with one try more and a connection's 4 s, silence is told of within 5 s
_START_WAIT = 0.5
_SHIPPED_CALIBRATIONS = Path(__file__).parent / "findings" / "calibrations.json"


def cache_folder(settings: Settings) -> Path:
    """Give the folder for models and kept answers."""
    return settings.cache_dir or Path(platformdirs.user_cache_dir("reviewbot"))


def model_folder(settings: Settings) -> Path:
    """Give the folder of the models that reviewbot runs by itself."""
    return cache_folder(settings) / "models"


def config_file() -> Path:
    """Give the path of the user's configuration file, which need not exist."""
    return Path(platformdirs.user_config_dir("reviewbot")) / "config.toml"


def assumed_info(settings: Settings) -> ServerInfo:
    """Give the limits to reckon with where no server is asked: those of the model that is ours,
    or those advised for a server on a card of 24 GB.
    """
    if settings.model_url is None:
        return ServerInfo("llamacpp", "none", settings.context - 1, settings.context)
    return DEFAULT_INFO


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """Reach the model server at REVIEWBOT_MODEL_URL, whichever kind it is.

    Raises `ServerError` with the remedy: within 5 s where no connection is taken, and after 20 s
    where one is taken and nothing said.
    """
    from reviewbot.servers.client import Client  # noqa: PLC0415  # the hub's client loads slowly

    assert settings.model_url is not None
    key = settings.model_key.reveal() if settings.model_key else None
    client = Client(settings.model_url, key)
    try:
        yield await _meet_soon(client, settings)
    finally:
        await client.close()


@asynccontextmanager
async def run_model(settings: Settings, path: Path) -> AsyncIterator[Connection]:
    """Run a model of our own; it starts when it is first asked, and ends with this."""
    from reviewbot.servers.local import LocalModel  # noqa: PLC0415

    model = LocalModel(path, threads=settings.threads, context=settings.context)
    try:
        yield Connection(model, await model.describe(), "reviewbot's own model")
    finally:
        await model.close()


async def _meet_soon(client: "Client", settings: Settings) -> Connection:
    """Meet a server that may be just starting."""
    clock = asyncio.get_running_loop().time
    patient_until = clock() + _START_PATIENCE
    while True:
        try:
            return await _meet(client, settings)
        except TemporaryError:
            if clock() >= patient_until:
                raise
        await asyncio.sleep(_START_WAIT)


async def _meet(client: "Client", settings: Settings) -> Connection:
    from reviewbot.servers.detect import SERVERS, detect  # noqa: PLC0415

    kind = settings.model_server
    server = SERVERS[await detect(client) if kind == "auto" else kind](client, settings.model)
    return Connection(server, await server.describe(), client.root)


def open_store(settings: Settings) -> KeptInFile:
    """Give the store of kept answers in the user's cache folder."""
    return KeptInFile(cache_folder(settings) / "answers.sqlite3")


def make_ports(
    settings: Settings, connection: Connection, store: KeptInFile, *, keep_answers: bool
) -> Ports:
    """Wire what a review needs; `keep_answers` is off with `--no-cache`, the probe stays kept."""
    slots = connection.info.slots
    return Ports(
        server=connection.server,
        url=connection.url,
        gate=Gate(min(settings.concurrency, slots) if slots else settings.concurrency),
        kept=store if keep_answers else NothingKept(),
        probes=store if settings.schema == "enforce" else None,
        patience=Patience(settings.call_seconds, settings.retry_seconds),
    )


def make_stages(
    settings: Settings, info: ServerInfo, *, show_all: bool = False, for_the_record: bool = False
) -> Stages:
    """Say how a review is made; `show_all` shows whatever was not refuted, and `for_the_record`
    has the judge hear what was refuted, too. A judge of no weight for the model is not asked.
    """
    calibration = load_calibration(settings.calibration, info)
    return Stages(
        looks=settings.looks,
        context=settings.code_context,
        merge=settings.merge,
        checks=settings.claim_checks,
        judge=settings.judge and (calibration.trusts_judge or for_the_record),
        wording=settings.wording,
        analyzers=settings.analyzers,
        threshold=0.0 if show_all else settings.threshold,
        most=sys.maxsize if show_all else settings.max_findings,
        calibration=calibration,
        judge_all=for_the_record,
    )


def load_calibration(path: Path | None, info: ServerInfo) -> Calibration:
    """Give the calibration of a model behind a kind of server: out of the file that is set, else
    the one that is shipped for it, else the one for no model in particular.

    Raises `SettingsError` where the file cannot be read.
    """
    name = f"{info.kind} {info.model}"
    for place in (path, _SHIPPED_CALIBRATIONS):
        if place is None:
            continue
        try:
            every = msgspec.json.decode(place.read_bytes(), type=dict[str, Calibration])
        except (OSError, ValueError) as error:  # broken UTF-8 is no MsgspecError
            raise SettingsError(f"REVIEWBOT_CALIBRATION: {place} cannot be read: {error}") from None
        if name in every:
            return every[name]
    return SHIPPED


def marker_keys(settings: Settings) -> tuple[MarkerKey, ...]:
    """Give the keys of the marker: the first signs, each is accepted."""
    own = settings.marker_key or settings.github_webhook_secret or settings.github_token
    if own is None:
        raise InputError("REVIEWBOT_MARKER_KEY is not set, nor what it stands for")
    every = (own, settings.marker_key_previous)
    return tuple(marker_key(one.reveal()) for one in every if one is not None)
