"""`reviewbot doctor`: settings come in; what works is printed, and for the rest the remedy."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from reviewbot import bootstrap
from reviewbot.budget import budget_for
from reviewbot.cli.output import may_colour
from reviewbot.errors import ReviewbotError
from reviewbot.findings.calibration import SHIPPED
from reviewbot.git import worktree
from reviewbot.model.ask import Asker, Patience, Ports
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate
from reviewbot.model.kept import NothingKept
from reviewbot.model.probe import check_schema
from reviewbot.report.escape import one_line
from reviewbot.servers.completion import ServerInfo
from reviewbot.settings import Settings, load_settings

Line = tuple[bool, str, str]
"""Whether it is well, what was looked at, and what was seen or is to be done."""


def run(env_file: Path | None) -> int:
    """Check what a review needs, one line each; 0 where all is well, else 1."""
    well = True
    for fine, name, words in _checks(env_file):
        well = well and fine
        mark = "ok  " if fine else "FAIL"
        if may_colour(sys.stdout):
            mark = click.style(mark, fg="green" if fine else "red", bold=not fine)
        click.echo(f"{mark}  {name:<9} {one_line(words)}")
    return 0 if well else 1


def _checks(env_file: Path | None) -> Iterator[Line]:
    config = bootstrap.config_file()
    try:
        settings = load_settings({}, os.environ, env_file=env_file, config_file=config)
        yield True, "settings", f"valid; file: {config if config.is_file() else 'none'}"
    except ReviewbotError as error:
        yield False, "settings", str(error)
        return
    try:
        yield True, "git", worktree.version()
    except ReviewbotError as error:
        yield False, "git", str(error)
    yield from asyncio.run(_server(settings))
    if settings.analyzers:
        yield True, "analyzers", _analyzers()
    if any((settings.github_app_id, settings.github_webhook_secret, settings.database_url)):
        from reviewbot.cli.doctor_service import service_checks  # noqa: PLC0415

        yield from service_checks(settings)


def _analyzers() -> str:
    from reviewbot.engine.around import installed_analyzers  # noqa: PLC0415  # slow

    here, lacking = installed_analyzers()
    remedy = "pip install 'reviewbot[analyzers]'"
    absent = f"; not installed: {', '.join(lacking)} ({remedy})" if lacking else ""
    return f"{', '.join(here)}{absent}"


async def _server(settings: Settings) -> list[Line]:
    """Meet the model server, reckon with its limits, and ask whether it holds to the schema."""
    lines: list[Line] = []
    name = "server"
    try:
        async with _connect(settings) as connection:
            info = connection.info
            lines.append((True, name, f"{info.kind} at {connection.url} runs {info.model}"))
            name = "limits"
            budget = budget_for(info, settings.answer_tokens)
            words = f"reads {info.max_total:,} tokens at once: {budget.diff:,} of diff a call"
            lines.append((True, name, words))
            name = "judge"
            lines.append((True, name, _calibration(settings, info)))
            name = "schema"
            if settings.schema == "parse":
                lines.append((True, name, "not checked (REVIEWBOT_SCHEMA=parse)"))
                return lines
            patience = Patience(settings.call_seconds, settings.retry_seconds)
            nothing = NothingKept()
            ports = Ports(
                connection.server, connection.url, Gate(1), nothing, nothing, patience=patience
            )
            await check_schema(Asker(ports, info, budget.prompt), connection.url, nothing)
            lines.append((True, name, "answers are held to it"))
    except ReviewbotError as error:
        lines.append((False, name, str(error)))
    return lines


def _calibration(settings: Settings, info: ServerInfo) -> str:
    if not settings.judge:
        return "not asked (REVIEWBOT_JUDGE=false)"
    calibration = bootstrap.load_calibration(settings.calibration, info)
    if not calibration.trusts_judge:
        return f"not asked: {calibration.made_with}"
    words = f"calibrated with {calibration.made_with}"
    return words if calibration != SHIPPED else f"{words}; see reviewbot eval calibrate"


def _connect(settings: Settings) -> AbstractAsyncContextManager[Connection]:
    if settings.model_url is not None:
        return bootstrap.connect(settings)
    from reviewbot.cli.models import installed_model  # noqa: PLC0415

    return bootstrap.run_model(settings, installed_model(settings)[1])
