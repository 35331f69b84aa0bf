"""Settings come in; out comes what a worker process works with: GitHub, git, the model.

Apart from `bootstrap_service`, since the API needs none of it, and PyGithub alone is 22 MB.
"""

import os
import socket
from contextlib import AbstractAsyncContextManager
from functools import partial

from reviewbot import bootstrap
from reviewbot.bootstrap_service import (
    check_service,
    data_folder,
    make_database,
    owners_of,
    private_key,
)
from reviewbot.errors import ModelUnavailableError
from reviewbot.git.fetch import Limits
from reviewbot.git.store import Store
from reviewbot.github.app import App
from reviewbot.model.ask import Patience, Ports
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate, Key
from reviewbot.model.kept import Kept
from reviewbot.service import chores, metrics
from reviewbot.service.answers import KeptForAll
from reviewbot.service.beat import Beat
from reviewbot.service.loop import Loop
from reviewbot.service.model import SharedModel
from reviewbot.service.process import Process
from reviewbot.service.review_job import Rules, Tools, review_pull
from reviewbot.service.running import Register
from reviewbot.service.work import Work
from reviewbot.settings import Settings

_FREE_BYTES = 1_000_000_000


def make_app(settings: Settings) -> App:
    """Make the App; raises `SettingsError` where its id or key is missing or none."""
    assert settings.github_app_id is not None
    return App(
        settings.github_url, settings.github_app_id, private_key(settings),
        note_limit=metrics.note_limit,
    )  # fmt: skip


def make_worker(settings: Settings) -> Process:
    """Make what one worker process works with."""
    check_service(settings)
    database = make_database(settings)
    register = Register()
    name = f"{socket.gethostname()}:{os.getpid()}"
    model = SharedModel(lambda: _connect(settings), settings.concurrency)
    loop = Loop()
    tools = Tools(
        database=database,
        app=make_app(settings),
        loop=loop,
        model=model,
        store=make_store(settings),
        keys=bootstrap.marker_keys(settings),
        ports=partial(_ports, settings, model.gate, KeptForAll()),
        stages=lambda connection: bootstrap.make_stages(settings, connection.info),
        rules=Rules(
            owners_of(settings), settings.skip_drafts, settings.skip_bots,
            settings.check_fail_on, settings.github_write_interval, settings.answer_tokens,
            Limits(diff=settings.max_diff_mb * 1_000_000),
            settings.code_context or settings.claim_checks or settings.analyzers,
        ),
    )  # fmt: skip
    kinds = {
        "review": partial(review_pull, tools),
        "merge_check": partial(chores.pass_merge_queue, tools),
        "redeliver": partial(chores.redeliver, tools),
        "purge": partial(chores.purge, tools),
    }
    beat = Beat(database, register, name, settings.lease_seconds, model.share)
    work = Work(database, register, name, settings.lease_seconds, kinds)
    return Process(loop, beat, model, register, work)


def make_store(settings: Settings) -> Store:
    """Make the store of fetched repositories."""
    folder = data_folder(settings) / "repositories"
    return Store(folder, settings.repositories_mb * 1_000_000, _FREE_BYTES)


def _connect(settings: Settings) -> AbstractAsyncContextManager[Connection]:
    """Reach the model server: a worker runs no model, since each of several would run one."""
    if settings.model_url is None:
        raise ModelUnavailableError(
            "REVIEWBOT_MODEL_URL is not set; `reviewbot serve` runs a model where there is none"
        )
    return bootstrap.connect(settings)


def _ports(
    settings: Settings, gate: Gate, probes: Kept, connection: Connection, kept: Kept, key: Key
) -> Ports:
    return Ports(
        server=connection.server,
        url=connection.url,
        gate=gate,
        kept=kept,
        probes=probes if settings.schema == "enforce" else None,
        patience=Patience(settings.call_seconds, settings.retry_seconds),
        key=key,
    )
