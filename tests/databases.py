"""The fixture `database`: a test that takes it runs on SQLite and on a real, private PostgreSQL.

    pytest_plugins = "tests.databases"

The server, and where its programs come from, is in `tests.postgres`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewbot.service.database import Database
from tests import postgres
from tests.deliveries import Inbox


@pytest.fixture(params=postgres.KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An own database with the tables of this version."""
    with postgres.fresh_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def inbox(database: Database) -> Inbox:
    """The database with the steps of deliveries and jobs."""
    return Inbox(database)
