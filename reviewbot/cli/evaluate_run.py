"""`reviewbot eval run` and `eval judge`: a dataset or a run comes in; a model is asked."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import click
import msgspec

from reviewbot import bootstrap
from reviewbot.budget import budget_for
from reviewbot.cli.models import connect_any
from reviewbot.engine import Stages
from reviewbot.errors import InputError
from reviewbot.evaluation.agreement import agree
from reviewbot.evaluation.dataset import Dataset, Split, read_dataset, read_sources
from reviewbot.evaluation.judge import ModelJudge
from reviewbot.evaluation.meaning import Verdicts, ask_missing
from reviewbot.evaluation.record import RunInfo, read_info, write_info
from reviewbot.evaluation.reviewed import questions, read_run
from reviewbot.evaluation.run import Bench, Ran, run_cases
from reviewbot.model.ask import Ports
from reviewbot.model.connection import Connection
from reviewbot.model.kept import NothingKept
from reviewbot.model.prompt import digest_prompts
from reviewbot.report.escape import one_line
from reviewbot.settings import Settings, load_settings

DONE, UNFINISHED = 0, 2


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed; `settings` are those of the options that are settings."""

    env_file: Path | None
    dataset: Path
    run: Path
    part: str | None
    settings: Mapping[str, object]


class Known(msgspec.Struct, frozen=True):
    """A line of known judgements."""

    golden: str
    comment: str
    same: bool


def run_dataset(options: Options) -> int:
    """Review the cases that have no record yet; 2 where some wait for another try."""
    settings = _load(options.env_file, options.settings)
    dataset = read_dataset(options.dataset)
    part = next((one for one in get_args(Split) if one == options.part), None)
    ran = asyncio.run(_run(settings, dataset, part, options.run))
    for case, reason in ran.waiting:
        click.echo(one_line(f"reviewbot: {case} waits for another try: {reason}"), err=True)
    click.echo(one_line(f"{options.run}: {ran.reviewed} cases reviewed"))
    if not ran.waiting:
        click.echo(one_line(f"score it by: reviewbot eval score {options.run}"))
    return UNFINISHED if ran.waiting else DONE


async def _run(settings: Settings, dataset: Dataset, part: Split | None, folder: Path) -> Ran:
    async with connect_any(settings) as connection:
        stages = bootstrap.make_stages(settings, connection.info, for_the_record=True)
        _open(folder, _info(settings, dataset, part, connection, stages))
        bench = Bench(
            folder=folder,
            dataset=dataset,
            sources=read_sources(dataset),
            info=connection.info,
            budget=budget_for(connection.info, settings.answer_tokens),
            ports=_ports(settings, connection),
            stages=stages,
        )
        with _alone(folder), _bar("cases") as tell:
            return await run_cases(bench, part, tell)


def _open(folder: Path, info: RunInfo) -> None:
    """Begin a run, or go on with the one that lies there if it is made in the same way."""
    if not (folder / "run.json").exists():
        try:
            write_info(folder, info)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error
        return
    differs = _differing(read_info(folder), info)
    if differs:
        raise InputError(
            f"{folder} holds a run that was made otherwise ({', '.join(differs)}): name another"
            " folder by --out"
        )


def _differing(one: RunInfo, other: RunInfo) -> list[str]:
    """Name what differs between two runs; of the settings, which."""
    names = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
    if "settings" not in names:
        return names
    switches = one.settings.keys() | other.settings.keys()
    of_them = [name for name in switches if one.settings.get(name) != other.settings.get(name)]
    return [name for name in names if name != "settings"] + sorted(of_them)


def _info(
    settings: Settings, dataset: Dataset, part: Split | None, connection: Connection, stages: Stages
) -> RunInfo:
    budget = budget_for(connection.info, settings.answer_tokens)
    switches: dict[str, str | int | float | bool | None] = {
        "code_context": stages.context and budget.context > 0,
        "merge": stages.merge,
        "claim_checks": stages.checks,
        "judge": stages.judge,
        "wording": stages.wording,
        "analyzers": stages.analyzers,
        "answer_tokens": settings.answer_tokens,
        "prompt_tokens": budget.prompt,
        "schema": settings.schema,
        "prompts": digest_prompts(),
    }
    return RunInfo(
        dataset=str(dataset.folder.resolve()),
        name=dataset.about.name,
        split=part,
        model=connection.info.model,
        server=connection.info.kind,
        looks=stages.looks,
        threshold=stages.threshold,
        cap=stages.most,
        version=version("reviewbot"),
        digest=dataset.digest,
        settings=switches,
        calibration=stages.calibration,
    )


def judge_meaning(
    env_file: Path | None,
    run: Path,
    dataset: Path | None,
    known: Path | None,
    options: Mapping[str, object],
) -> int:
    """Let a model give every verdict that a score by meaning needs, and say how far to trust it."""
    settings = _load(env_file, options)
    read = read_run(run, dataset)
    judgements = _known(known) if known else []
    return asyncio.run(_judge(settings, run, list(questions(read)), judgements))


async def _judge(
    settings: Settings, run: Path, pairs: list[tuple[str, str]], known: list[Known]
) -> int:
    async with connect_any(settings) as connection:
        judge = ModelJudge(_ports(settings, connection), connection.info)
        with _alone(run), _bar("verdicts") as tell:
            verdicts = Verdicts(run, judge.model)
            asked = await ask_missing(pairs, judge, verdicts, tell)
            await ask_missing([(one.golden, one.comment) for one in known], judge, verdicts, tell)
    click.echo(one_line(f"{run}: {asked} verdicts of {judge.model}"))
    told = [(verdicts.same((one.golden, one.comment)), one.same) for one in known]
    nothing_known = "not comparable with published figures: no known judgements (--known)"
    click.echo(one_line(agree(told, judge.model).sentence() if told else nothing_known))
    return DONE


def _known(path: Path) -> list[Known]:
    known: list[Known] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            known.append(msgspec.json.decode(line, type=Known))
        except ValueError as error:  # of msgspec, or of bytes that are no UTF-8
            raise InputError(f"{path}, line {number}: {error}") from error
    return known


def _load(env_file: Path | None, options: Mapping[str, object]) -> Settings:
    return load_settings(
        options, os.environ, env_file=env_file, config_file=bootstrap.config_file()
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a run's folder while it is written: two processes would ask the same twice."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another `reviewbot eval` works on {folder}") from None
        yield
    finally:
        os.close(descriptor)


def _ports(settings: Settings, connection: Connection) -> Ports:
    store = bootstrap.open_store(settings)  # of which only the probe is kept
    ports = bootstrap.make_ports(settings, connection, store, keep_answers=False)
    assert isinstance(ports.kept, NothingKept)
    return ports


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar on a terminal's stderr, and elsewhere nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from tqdm import tqdm  # noqa: PLC0415  # only a terminal needs it

    with tqdm(desc=unit, unit=f" {unit}", file=sys.stderr, leave=False) as bar:

        def tell(done: int, whole: int) -> None:
            bar.total = whole
            bar.n = done
            bar.refresh()

        yield tell
