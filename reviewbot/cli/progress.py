"""Events of a running review come in; a person at a terminal sees how far it is."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from reviewbot.cli.output import may_colour
from reviewbot.engine import Answered, Tell
from reviewbot.report.escape import one_line

if TYPE_CHECKING:
    from tqdm import tqdm


_BAR = "{desc} {bar:24} {n_fmt}/{total_fmt} chunks{postfix} [{elapsed}, {remaining} left]"


@asynccontextmanager
async def show_progress(chunks: int) -> AsyncIterator[Tell]:
    """Give a `tell` that draws a bar on a terminal's stderr, and elsewhere does nothing.

    Each candidate is named above the bar as it comes: which of them are shown in the end is
    known when all answers are in.
    """
    if sys.stderr is None or not sys.stderr.isatty() or not chunks:
        yield lambda _: None
        return
    from tqdm import tqdm  # noqa: PLC0415  # only a terminal needs it

    found = 0
    with tqdm(
        total=chunks,
        desc="reviewing",
        unit="chunk",
        bar_format=_BAR,
        postfix="0 candidates",
        file=sys.stderr,
        leave=False,
    ) as bar:

        def tell(event: Answered) -> None:
            nonlocal found
            for line in _lines(event):
                bar.write(line, file=sys.stderr)
            found += len(event.findings)
            plural = "" if found == 1 else "s"
            bar.set_postfix_str(f"{found} candidate{plural}", refresh=False)
            bar.update()
            bar.refresh()

        clock = asyncio.create_task(_tick(bar))
        try:
            yield tell
        finally:
            clock.cancel()


def _lines(event: Answered) -> Iterator[str]:
    for finding in event.findings:
        where = f"{one_line(finding.path)}:{finding.line}"
        words = f"  {where}  {one_line(finding.title)}"
        yield click.style(words, dim=True) if may_colour(sys.stderr) else words
    if event.failure:
        yield f"  {one_line(event.chunk.path)}: {one_line(event.failure)}"


async def _tick(bar: "tqdm[NoReturn]") -> None:
    """Draw the bar each second: one answer may take half a minute, and a person wonders."""
    while True:
        await asyncio.sleep(1)
        bar.refresh()
