"""The command without the price of its start: arguments and input in, how it ended out.

A process in which the command's modules are loaded forks one for each call. What runs there, and
how it is spoken to, is the same; what depends on a start from nothing uses `run.started`.
"""

import io
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reviewbot.__main__ import main

_LOADED = (
    "tests.warm", "reviewbot.cli.review", "reviewbot.cli.evaluate", "reviewbot.cli.evaluate_run",
    "reviewbot.bootstrap", "reviewbot.servers.client", "reviewbot.engine.around",
    "reviewbot.findings.verify", "reviewbot.evaluation.score", "reviewbot.report.document",
)  # fmt: skip

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(_LOADED))


def run(
    arguments: Sequence[str | Path],
    stdin: bytes,
    env: Mapping[str, str],
    folder: Path | None,
    seconds: float,
) -> tuple[int, bytes, bytes]:
    """Run the command to its end; gives its exit code, and what it wrote on stdout and stderr."""
    words = [os.fspath(one) for one in arguments]
    with TemporaryDirectory() as place:
        streams = tuple(Path(place, name) for name in ("in", "out", "err"))
        streams[0].write_bytes(stdin)
        process = _FORKS.Process(
            target=_become, args=(words, dict(env), folder or Path.cwd(), streams)
        )
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(words, streams[2].read_bytes())
        return process.exitcode, streams[1].read_bytes(), streams[2].read_bytes()


def _become(words: list[str], env: dict[str, str], folder: Path, streams: tuple[Path, ...]) -> None:
    """Be the command that a shell would have started so."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND * bool(number)), number)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(os.fdopen(number, mode), write_through=number == 2)
        for number, mode in enumerate(("rb", "wb", "wb"))
    )
    sys.argv = ["reviewbot", *words]
    main()
