"""Settings of the service come in; out comes what of its parts works, and else the remedy."""

from collections.abc import Callable, Iterator

from reviewbot.bootstrap_service import (
    broker_url,
    check_service,
    open_unprepared,
)
from reviewbot.bootstrap_worker import make_app
from reviewbot.errors import DatabaseError, GitHubDeniedError, ReviewbotError
from reviewbot.service import broker, schema
from reviewbot.settings import Settings

Line = tuple[bool, str, str]


def service_checks(settings: Settings) -> Iterator[Line]:
    """Look at the App's credentials and permissions, the database and the broker."""
    for name, look in (
        ("service", _settings), ("github", _github), ("database", _database), ("broker", _broker),
    ):  # fmt: skip
        yield _line(name, look, settings)


def _line(name: str, look: Callable[[Settings], str], settings: Settings) -> Line:
    try:
        return True, name, look(settings)
    except ReviewbotError as error:
        return False, name, str(error)


def _settings(settings: Settings) -> str:
    check_service(settings)
    return "its settings are complete"


def _github(settings: Settings) -> str:
    check_service(settings)
    app = make_app(settings)
    account = app.account()
    if lacks := app.lacks():
        raise GitHubDeniedError(f"the App {account.slug} lacks: " + "; ".join(lacks))
    return f"the App {account.slug} of {account.login} has all that it needs"


def _database(settings: Settings) -> str:
    database = open_unprepared(settings)
    found = schema.revision(database)
    if found is None and database.kind == "sqlite":
        return "an SQLite file; its tables are made when the service starts"
    if found != schema.HEAD:
        raise DatabaseError(
            f"it is of revision {found or 'none'} and {schema.HEAD} is needed:"
            " run `reviewbot db upgrade`"
        )
    return f"{database.kind}, revision {found}"


def _broker(settings: Settings) -> str:
    if settings.broker_url is None:
        return f"`reviewbot serve` brings its own: {broker.find_binary()}"
    return broker.check_broker(broker_url(settings))
