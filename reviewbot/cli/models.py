"""`reviewbot model`: the models that reviewbot can run by itself, and how to get one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import click

from reviewbot import bootstrap
from reviewbot.errors import ModelUnavailableError
from reviewbot.model.connection import Connection
from reviewbot.report.escape import one_line
from reviewbot.servers.catalogue import (
    Entry,
    find_entry,
    first_installed,
    installed,
    load_catalogue,
    model_path,
)
from reviewbot.settings import Settings


def list_models(settings: Settings) -> int:
    """Print each model of the catalogue: whether it is here, its size, licence and source."""
    folder = bootstrap.model_folder(settings)
    for entry in load_catalogue():
        here = "installed" if installed(entry, folder) else "not installed"
        size = f"{entry.size / 1e6:,.0f} MB" if entry.size else "size told by the hub"
        click.echo(f"{entry.name}  ({here})")
        click.echo(f"  {entry.title}, {entry.license}, {size}")
        for source in entry.sources:
            click.echo(f"  from {source}")
        click.echo(f"  sha256 {entry.sha256 or 'as the hub keeps it for the file'}")
        if not entry.readable:
            click.echo(f"  {caution(entry)}")
    return 0


def pull_model(settings: Settings, name: str | None) -> int:
    """Get the model of a name, or without one the first of the catalogue that can be had."""
    folder = bootstrap.model_folder(settings)
    name = name or settings.model
    if name is None and (here := first_installed(load_catalogue(), folder)):
        click.echo(f"{here[0].name} is installed: {here[1]}")
        return 0
    entry, path = _pull(_candidates(name), folder)
    click.echo(f"{entry.name} is installed: {path}")
    return 0


def print_path(settings: Settings, name: str | None) -> int:
    """Print where the file of a model lies, or would lie; 1 where it is not installed."""
    folder = bootstrap.model_folder(settings)
    name = name or settings.model
    entries = load_catalogue()
    chosen = find_entry(name, entries) if name else None
    if chosen is None:
        here = first_installed(entries, folder)
        chosen = here[0] if here else entries[0]
    click.echo(model_path(chosen, folder))
    return 0 if installed(chosen, folder) else 1


def connect_any(settings: Settings) -> AbstractAsyncContextManager[Connection]:
    """Reach the server that is set, or run a model of our own."""
    if settings.model_url is not None:
        return bootstrap.connect(settings)
    _, path = choose_model(settings)
    return bootstrap.run_model(settings, path)


def choose_model(settings: Settings) -> tuple[Entry, Path]:
    """Give the model to run where no server is set.

    One that is not here is downloaded only if a person at the terminal says so. Raises
    `ModelUnavailableError` with the command that gets one.
    """
    try:
        return installed_model(settings)
    except NotInstalledError:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
    entries = _candidates(settings.model)
    first = entries[0]
    size = f"{first.size / 1e9:.1f} GB" if first.size else "about 2 GB"
    question = f"No model server is set. Download {first.title} ({first.license}, {size})?"
    if not click.confirm(question, default=True, err=True):
        raise NotInstalledError(settings.model)
    return _pull(entries, bootstrap.model_folder(settings))


def installed_model(settings: Settings) -> tuple[Entry, Path]:
    """Give the model that is set, or the first worth running, of those that are here."""
    from reviewbot.servers.embedded import check_extra  # noqa: PLC0415

    check_extra()
    folder = bootstrap.model_folder(settings)
    entries = _candidates(settings.model)
    if settings.model is None:
        here = first_installed(entries, folder)
    else:
        path = installed(entries[0], folder)
        here = (entries[0], path) if path else None
    if here is None:
        raise NotInstalledError(settings.model)
    return here


class NotInstalledError(ModelUnavailableError):
    """No model is here; the text has the command that gets one."""

    def __init__(self, name: str | None) -> None:
        command = "reviewbot model pull" + (f" {name}" if name else "")
        super().__init__(
            f"no model is installed: get one with `{command}`, or set REVIEWBOT_MODEL_URL"
        )


def caution(entry: Entry) -> str:
    """Say what a model is not good for."""
    return f"{entry.name} only proves that the pipeline works; its findings are not worth reading"


def _candidates(name: str | None) -> tuple[Entry, ...]:
    entries = load_catalogue()
    return (find_entry(name, entries),) if name else entries


def _pull(entries: tuple[Entry, ...], folder: Path) -> tuple[Entry, Path]:
    from reviewbot.servers.download import pull_first  # noqa: PLC0415  # few runs download

    def skip(_: Entry, reason: str) -> None:
        click.echo(f"passed over: {one_line(reason)}", err=True)

    with _download_bar() as tell:
        return pull_first(entries, folder, tell, skip)


@contextmanager
def _download_bar() -> Iterator[Callable[[Entry, int, int], None]]:
    """Give a `tell` that draws the bytes on a terminal's stderr, and elsewhere names each tenth."""
    from tqdm import tqdm  # noqa: PLC0415

    terminal = sys.stderr.isatty()
    bars: dict[str, tqdm[Any]] = {}
    told = -1

    def tell(entry: Entry, done: int, total: int) -> None:
        nonlocal told
        if terminal:
            if entry.name not in bars:
                bars[entry.name] = tqdm(
                    total=total, desc=entry.name, unit="B", unit_scale=True, file=sys.stderr
                )
            bars[entry.name].update(done - bars[entry.name].n)
        elif (tenth := 10 * done // max(total, 1)) != told:
            told = tenth
            click.echo(f"{entry.name}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", err=True)

    try:
        yield tell
    finally:
        for bar in bars.values():
            bar.close()
