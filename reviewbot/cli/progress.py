"""Events of a running review come in; a person at a terminal sees how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from reviewbot.engine import Answered, Tell
from reviewbot.report.escape import one_line


@contextmanager
def show_progress(chunks: int) -> Iterator[Tell]:
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
        bar_format="{desc} {bar:24} {n_fmt}/{total_fmt} chunks{postfix} [{remaining} left]",
        postfix="0 candidates",
        file=sys.stderr,
        leave=False,
    ) as bar:

        def tell(event: Answered) -> None:
            nonlocal found
            for finding in event.findings:
                title = one_line(finding.title)
                where = f"{one_line(finding.path)}:{finding.line}"
                bar.write(click.style(f"  {where}  {title}", dim=True), file=sys.stderr)
            if event.failure:
                words = f"  {one_line(event.chunk.path)}: {one_line(event.failure)}"
                bar.write(words, file=sys.stderr)
            found += len(event.findings)
            plural = "" if found == 1 else "s"
            bar.set_postfix_str(f"{found} candidate{plural}", refresh=False)
            bar.update()
            bar.refresh()

        yield tell
