"""`reviewbot review`: options come in; the review is printed, and an exit code comes out."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot import bootstrap, engine
from reviewbot.budget import Budget, budget_for
from reviewbot.cli.output import Output, may_colour
from reviewbot.cli.progress import show_progress
from reviewbot.context.known import KnownFiles
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.diff.triage import Glob
from reviewbot.engine import Plan
from reviewbot.errors import InputError
from reviewbot.findings.finding import SEVERITIES
from reviewbot.findings.review import Review
from reviewbot.model.connection import Connection
from reviewbot.model.gate import Gate
from reviewbot.report.escape import one_line
from reviewbot.report.words import gaps, stage_costs, without
from reviewbot.settings import Settings, load_settings
from reviewbot.source import Request, Source, load_source, open_repository

if TYPE_CHECKING:
    from reviewbot.cli.pull_request import OpenPull
    from reviewbot.context.repository import Repository
    from reviewbot.engine.around import Around

REVIEWED, FOUND, INCOMPLETE = 0, 1, 2
_NAMED_GAPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed; each field is the option of its name."""

    env_file: Path | None
    source: str | None
    staged: bool
    base: str | None
    commit: str | None
    pr: str | None
    post: bool
    form: str
    output: Path | None
    fail_on: str
    model_url: str | None
    model: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    max_findings: int | None
    show_all: bool
    stats: bool
    plan_only: bool
    exact: bool
    show_prompt: bool
    no_cache: bool


def _check(options: Options) -> None:
    """Refuse what would be passed over, or would say of a plan that it was a review."""
    if options.plan_only and options.form not in ("text", "json"):
        raise InputError(f"--plan is printed as text or json, not as {options.form}")
    if options.exact and not options.plan_only:
        raise InputError("--exact goes with --plan")
    if options.post and options.pr is None:
        raise InputError("--post goes with --pr")
    if options.post and (options.plan_only or options.show_prompt):
        raise InputError("--post goes with a review, and not with a plan")


def run(options: Options) -> int:
    """Review what was asked for; gives the exit code. Raises `ReviewbotError` and prints nothing
    on stdout where the input or the server cannot be used.
    """
    _check(options)
    settings = load_settings(
        {
            "model_url": options.model_url,
            "model": options.model,
            "max_findings": options.max_findings,
        },
        os.environ,
        env_file=options.env_file,
        config_file=bootstrap.config_file(),
    )
    request = Request(options.source, options.staged, options.base, options.commit, options.pr)
    pull = _open_pull(settings, options.pr)
    fetch = pull.fetch if pull else None
    source = load_source(request, Path.cwd(), settings.max_diff_mb * 1_000_000, fetch)
    files = list(parse_diff(source.data)) if source.data.strip() or not pull else []
    repository = pull.around(files) if pull else open_repository(source, files, Path.cwd())
    around = partial(_around, repository, files)
    source = Source(b"", source.not_reviewed)  # the hunks have the text now
    with Output(options.output) as output:
        review, prompts = _made(options, settings, source, files, around)
        if isinstance(repository, KnownFiles) and repository.problem:
            lacking = (repository.problem, *review.went_without)
            review = replace(review, went_without=lacking)
        output.write(_render(review, options) if prompts is None else prompts)
    if not review.calibrated and review.model is not None:
        words = f"the judge is not calibrated for {review.model}: see reviewbot eval calibrate"
        click.echo(f"reviewbot: {one_line(words)}", err=True)
    for line in stage_costs(review.usage) if options.stats else ():
        click.echo(line, err=True)
    if pull is not None and options.post:
        pull.post(review, files)
    return _exit_code(review, options.fail_on)


def _open_pull(settings: Settings, name: str | None) -> "OpenPull | None":
    if name is None:
        return None
    from reviewbot.cli.pull_request import OpenPull  # noqa: PLC0415  # few reviews are of one

    return OpenPull(settings, name)


def _made(
    options: Options,
    settings: Settings,
    source: Source,
    files: list[FileDiff],
    around: "Callable[[Budget], Around]",
) -> tuple[Review, str | None]:
    """Give the review or the preview of one, and with --show-prompt the prompts as text.

    What may ask a person or download a model comes before the event loop, whose first Ctrl-C
    only cancels what waits in it.
    """

    def plan_for(budget: Budget) -> Plan:
        return engine.plan(
            files, budget, include=_glob(options.include), exclude=_glob(options.exclude),
            also_not_reviewed=source.not_reviewed,
        )  # fmt: skip

    assumed = budget_for(bootstrap.assumed_info(settings), settings.answer_tokens)
    plan = plan_for(assumed)
    if options.show_prompt:
        return engine.preview(plan), _prompts(
            plan, around(assumed) if settings.code_context else None
        )
    if not plan.chunks or (options.plan_only and not options.exact):
        return engine.preview(plan), None
    connecting, caution = _server(settings)
    again = partial(_plan_again, plan, plan_for)
    review = asyncio.run(_review(options, settings, connecting, again, around))
    return replace(review, caution=caution), None


def _plan_again(plan: Plan, plan_for: Callable[[Budget], Plan], budget: Budget) -> Plan:
    """Plan for what the server really reads, where that is not what was assumed."""
    return plan if budget == plan.budget else plan_for(budget)


async def _review(
    options: Options,
    settings: Settings,
    connecting: AbstractAsyncContextManager[Connection],
    plan_for: Callable[[Budget], Plan],
    around: "Callable[[Budget], Around]",
) -> Review:
    """Meet the server, and let it answer, or with --plan --exact only count."""
    async with connecting as connection:
        plan = plan_for(budget_for(connection.info, settings.answer_tokens))
        if options.plan_only:
            exact = await engine.count_exactly(plan, connection.server, Gate(settings.concurrency))
            return engine.preview(plan, exact)
        store = bootstrap.open_store(settings)
        stages = bootstrap.make_stages(settings, connection.info, show_all=options.show_all)
        ports = bootstrap.make_ports(settings, connection, store, keep_answers=not options.no_cache)
        with closing(store):
            async with show_progress(len(plan.chunks)) as tell:
                looked_up = around(plan.budget)
                review = await engine.review(plan, connection.info, ports, tell, stages, looked_up)
    if store.problem:
        click.echo(f"reviewbot: {one_line(store.problem)}", err=True)
    return review


def _server(
    settings: Settings,
) -> tuple[AbstractAsyncContextManager[Connection], str | None]:
    """Choose the server that is set or a model of our own, and what is to be said of it."""
    if settings.model_url is not None:
        return bootstrap.connect(settings), None
    from reviewbot.cli.models import caution, choose_model  # noqa: PLC0415

    entry, path = choose_model(settings)
    return bootstrap.run_model(settings, path), None if entry.readable else caution(entry)


def _glob(patterns: tuple[str, ...]) -> Glob | None:
    """Compile patterns as in a .gitignore: `*.py`, `docs/`, `/src/**/*.ts`."""
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # most runs give no pattern

    try:
        return GitIgnoreSpec.from_lines(patterns).match_file
    except ValueError as error:
        raise InputError(f"--include or --exclude: {error}") from error


def _around(repository: "Repository | None", files: Sequence[FileDiff], budget: Budget) -> "Around":
    """Make what the stages look up in."""
    from reviewbot.engine.around import Around  # noqa: PLC0415  # its grammars load slowly

    return Around(files, repository, budget.context)


def _prompts(plan: Plan, around: "Around | None") -> str:
    from reviewbot.model.prompt import Shown, build_messages  # noqa: PLC0415

    parts = [
        f"===== {message.role} =====\n{message.content}\n"
        for chunk in plan.chunks
        for message in build_messages(Shown(chunk, around.notes(chunk) if around else ()))
    ]
    return "".join(parts) or "Nothing to ask.\n"


def _render(review: Review, options: Options) -> str:
    return _RENDER[options.form](review, options)


def _text(review: Review, options: Options) -> str:
    from reviewbot.report.plan import render_plan_text  # noqa: PLC0415
    from reviewbot.report.text import render_text  # noqa: PLC0415

    terminal = options.output is None and sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, 120) if terminal else 100
    render = render_plan_text if options.plan_only else render_text
    return render(review, color=terminal and may_colour(sys.stdout), width=width)


def _json(review: Review, _: Options) -> str:
    from reviewbot.report.document import render_json  # noqa: PLC0415

    return render_json(review)


def _sarif(review: Review, _: Options) -> str:
    from reviewbot.report.sarif import render_sarif  # noqa: PLC0415

    return render_sarif(review)


def _rdjson(review: Review, _: Options) -> str:
    from reviewbot.report.rdjson import render_rdjson  # noqa: PLC0415

    return render_rdjson(review)


def _markdown(review: Review, _: Options) -> str:
    from reviewbot.report.markdown import render_markdown  # noqa: PLC0415

    return render_markdown(review)


def _github(review: Review, _: Options) -> str:
    from reviewbot.report.annotations import render_github  # noqa: PLC0415

    return render_github(review)


_RENDER: dict[str, Callable[[Review, Options], str]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "rdjson": _rdjson,
    "markdown": _markdown,
    "github": _github,
}


def _exit_code(review: Review, fail_on: str) -> int:
    """Say with the exit code how it went; a gap is told on stderr too, and beats findings."""
    said = (f"{one_line(gap.path)}: {one_line(gap.reason)}" for gap in gaps(review))
    for text in without(review):
        click.echo(f"reviewbot: {text}", err=True)
    lines = list(dict.fromkeys(said))
    for line in lines[:_NAMED_GAPS]:
        click.echo(f"reviewbot: {line}", err=True)
    if len(lines) > _NAMED_GAPS:
        click.echo(f"reviewbot: and {len(lines) - _NAMED_GAPS} more, not reviewed", err=True)
    if lines:
        return INCOMPLETE
    grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()
    return FOUND if any(finding.severity in grave for finding in review.findings) else REVIEWED
