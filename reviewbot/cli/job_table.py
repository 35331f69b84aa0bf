"""`reviewbot jobs`: what is stuck, why and since when, and how to have it done again."""

import time
from datetime import UTC, datetime

import click

from reviewbot.bootstrap_service import make_database
from reviewbot.errors import InputError
from reviewbot.report.escape import one_line
from reviewbot.service import listing
from reviewbot.service.jobs import ACTIVE
from reviewbot.service.listing import Row
from reviewbot.settings import Settings

STUCK = (*ACTIVE, "failed")
_REASON_WIDTH = 60


def list_jobs(settings: Settings, states: tuple[str, ...], most: int) -> int:
    """Print one line for each job: by default those that are alive or failed."""
    database = make_database(settings)
    with database.read() as connection:
        rows = listing.list_jobs(connection, states or STUCK, most)
    if not rows:
        click.echo(f"no job is {', '.join(states or STUCK)}")
        return 0
    table = [("ID", "STATE", "KIND", "FOR", "HEAD", "AGE", "STEPS", "WHY"), *map(_line, rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(table[0]) - 1)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        click.echo("  ".join([*cells, line[-1]]).rstrip())
    return 0


def show_job(settings: Settings, job_id: int) -> int:
    """Print all that is known of a job."""
    row = _find(settings, job_id)
    for name in Row.__dataclass_fields__:
        value = getattr(row, name)
        if name.endswith(("_at", "_before")):
            value = _moment(value)
        click.echo(f"{name:<13} {one_line(str(value))}")
    return 0


def replay_job(settings: Settings, job_id: int) -> int:
    """Have an ended job done again; the next sweep wakes a worker for it."""
    row = _find(settings, job_id)
    with make_database(settings).write() as connection:
        replayed = listing.replay(connection, job_id, time.time())
    if not replayed:
        raise InputError(
            f"job {job_id} is {row.state}: only a failed or superseded one is replayed"
        )
    click.echo(f"job {job_id} is new again; a worker takes it within seconds")
    return 0


def _find(settings: Settings, job_id: int) -> Row:
    with make_database(settings).read() as connection:
        row = listing.find_job(connection, job_id)
    if row is None:
        raise InputError(f"there is no job {job_id} (any more): see `reviewbot jobs list`")
    return row


def _line(row: Row) -> tuple[str, ...]:
    name = f"{row.owner_login}/{row.repository}#{row.number}" if row.number else "-"
    why = one_line(row.reason)
    if len(why) > _REASON_WIDTH:
        why = why[: _REASON_WIDTH - 1] + "…"
    return (
        str(row.id), row.state, row.kind, one_line(name), row.head[:8] or "-",
        _age(time.time() - row.created_at), str(row.progress), why,
    )  # fmt: skip


def _age(seconds: float) -> str:
    for size, letter in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f}{letter}"
    return f"{max(0.0, seconds):.0f}s"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds") if at else "-"
