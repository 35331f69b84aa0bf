"""Settings come in; out come the parts of the service that they choose."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import platformdirs

from reviewbot.errors import ServerError, SettingsError
from reviewbot.github.webhook import Policy
from reviewbot.service import broker, metrics, queue, schema
from reviewbot.service.api import Check, Parts
from reviewbot.service.database import Database, open_database
from reviewbot.service.group_commit import GroupCommit
from reviewbot.service.jobs import mark_published
from reviewbot.service.queue import Publisher
from reviewbot.service.sweeper import Sweeper
from reviewbot.settings import Secret, Settings

if TYPE_CHECKING:
    from celery import Celery


def data_folder(settings: Settings) -> Path:
    """Give the folder of the service's state."""
    return (settings.data_dir or Path(platformdirs.user_data_dir("reviewbot"))).absolute()


def check_service(settings: Settings) -> None:
    """Raise `SettingsError`, with the remedy, where the service lacks what it cannot do without."""
    if settings.github_app_id is None:
        raise SettingsError(
            "REVIEWBOT_GITHUB_APP_ID is not set: it stands on the App's page on GitHub"
            " (deploy/README.md says how to create one)"
        )
    if settings.github_webhook_secret is None:
        raise SettingsError(
            "REVIEWBOT_GITHUB_WEBHOOK_SECRET is not set: without it anyone could send deliveries;"
            " choose a long random text and give GitHub the same"
        )
    private_key(settings)


def private_key(settings: Settings) -> Secret:
    """Give the App's private key, from the setting or its file."""
    if settings.github_private_key is not None:
        return settings.github_private_key
    path = settings.github_private_key_file
    if path is None:
        raise SettingsError(
            "REVIEWBOT_GITHUB_PRIVATE_KEY or REVIEWBOT_GITHUB_PRIVATE_KEY_FILE must be set:"
            " generate a private key on the App's page on GitHub"
        )
    try:
        return Secret(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no PEM file"
        raise SettingsError(f"REVIEWBOT_GITHUB_PRIVATE_KEY_FILE {path}: {reason}") from None


def secrets_of(settings: Settings) -> list[Secret]:
    """Give every secret that must never be printed."""
    every = [getattr(settings, name) for name in Settings.__struct_fields__]
    found = [one for one in every if isinstance(one, Secret)]
    path = settings.github_private_key_file
    return [*found, private_key(settings)] if path is not None else found


def broker_url(settings: Settings) -> str:
    """Give the broker's address; only `reviewbot serve` brings one of its own."""
    if settings.broker_url is None:
        raise SettingsError(
            "REVIEWBOT_BROKER_URL is not set: write redis://host:6379/0, or run `reviewbot serve`,"
            " which brings a broker of its own"
        )
    return settings.broker_url.reveal()


def make_queue(settings: Settings) -> "Celery":
    """Make the Celery application."""
    return queue.make_app(broker_url(settings))


def make_database(settings: Settings) -> Database:
    """Open the database, its tables those of this version."""
    folder = data_folder(settings)
    database = open_unprepared(settings)
    schema.prepare(database, folder)
    return database


def open_unprepared(settings: Settings) -> Database:
    """Open the database, whatever tables it has."""
    url = settings.database_url.reveal() if settings.database_url else None
    return open_database(url, data_folder(settings))


def owners_of(settings: Settings) -> frozenset[str]:
    """Give the accounts of REVIEWBOT_ALLOWED_OWNERS in small letters; empty: the App's own."""
    names = (name.strip().lower() for name in settings.allowed_owners.split(","))
    return frozenset(name for name in names if name)


def make_parts(settings: Settings) -> Parts:
    """Make what the API works with."""
    check_service(settings)
    assert settings.github_webhook_secret is not None
    assert settings.github_app_id is not None
    database = make_database(settings)
    metrics.collect_jobs(database)
    send = queue.make_sender(broker_url(settings))

    def published(job_ids: Sequence[int]) -> None:
        with database.write() as connection:
            mark_published(connection, job_ids, time.time())

    return Parts(
        secrets=(settings.github_webhook_secret.reveal().encode(),),
        policy=Policy(
            settings.github_app_id, owners_of(settings), settings.skip_drafts, settings.skip_bots,
            settings.skip_own,
        ),
        inbox=GroupCommit(database),
        publisher=Publisher(send, published),
        sweeper=Sweeper(database, send, settings.keep_days),
        checks=_checks(settings, database),
    )  # fmt: skip


def _checks(settings: Settings, database: Database) -> dict[str, Check]:
    async def look_at_database() -> str:
        return await asyncio.to_thread(_see_database, database)

    async def look_at_broker() -> str:
        return await asyncio.to_thread(broker.check_broker, broker_url(settings))

    async def look_at_model() -> str:
        return await asyncio.to_thread(_see_model, settings)

    return {"database": look_at_database, "broker": look_at_broker, "model": look_at_model}


def _see_database(database: Database) -> str:
    return f"{database.kind}, revision {schema.revision(database)}"


def _see_model(settings: Settings) -> str:
    """Ask the model server whether it is well, without the client that a review needs."""
    if settings.model_url is None:
        raise ServerError("REVIEWBOT_MODEL_URL is not set")
    root = settings.model_url.rstrip("/").removesuffix("/v1")
    try:
        with urlopen(f"{root}/health", timeout=2):  # noqa: S310  # it is checked at the door
            return "answers"
    except (OSError, ValueError) as error:
        raise ServerError(f"the model server does not answer ({type(error).__name__})") from None
