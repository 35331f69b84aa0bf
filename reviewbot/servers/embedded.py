"""A GGUF file in; out comes the address of a llama.cpp server that reads it, until it is stopped.

The server is the one in the wheel `xllamacpp`, inside a Python process of its own. Inside this
one it could not be stopped while a call is under way: its destructor holds the interpreter's lock
and waits for the call, whose client then waits for the lock. And where the processor lacks an
instruction or llama.cpp aborts, an error remains to be told.
"""

import contextlib
import importlib.util
import json
import math
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from reviewbot.environment import without_settings
from reviewbot.errors import ModelUnavailableError

MAGIC = b"GGUF"
INSTALL = "pip install 'reviewbot[embedded]'"
# prompts that a slot has left are kept in memory up to here; llama.cpp's own default of 8 GiB is
# more than many machines have
PROMPT_CACHE_MIB = 512
# a call that is given up ends after at most this many tokens of its prompt: 7 s on one busy core
# with a 1.5B model. Reading is no slower than with llama.cpp's 2,048 (measured)
BATCH_TOKENS = 256
# a process that has given up is waited for this long
LAST_SECONDS = 5


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server: `url` is its root, `key` the bearer token that every call needs."""

    url: str
    key: str = field(repr=False)
    process: subprocess.Popen[str] = field(repr=False)

    def stop(self) -> None:
        """End the server at once, whatever it does; a second call does nothing."""
        end(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    path: Path,
    *,
    threads: int | None = None,
    context: int = 8192,
    parallel: int = 1,
    launched: Callable[[subprocess.Popen[str]], None] = lambda _: None,
) -> EmbeddedServer:
    """Start llama.cpp on the model file `path`, and wait until it answers.

    `threads` is how many work on one call, by default as many as cores are free. `context` is
    what one call may hold, prompt and answer together, in tokens; `parallel` how many calls are
    worked on at once; `launched` hears of the process before the model is read, so that a start
    can be broken off by `end`. The model's name is the stem of the file. Raises
    ModelUnavailableError where the extra is missing or llama.cpp cannot read the file.
    """
    check_extra()
    check_file(path)
    key = secrets.token_urlsafe(32)
    order = make_order(path, key, threads=threads, context=context, parallel=parallel)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = launch(complaints)
        launched(process)
        try:
            url = send_order(process, order)
        except BaseException:  # Ctrl-C too must not leave a process behind
            end(process)
            raise
        if url is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_SECONDS)  # for a status of its own
            end(process)
            raise ModelUnavailableError(explain(path, process.returncode, complaints))
    return EmbeddedServer(url, key, process)


def make_order(
    path: Path,
    key: str,
    *,
    threads: int | None = None,
    context: int = 8192,
    parallel: int = 1,
    port: int = 0,
) -> dict[str, Any]:
    """Say what the process is to serve, and on which port of this machine (0: any)."""
    return {
        "path": str(path),
        "key": key,
        "threads": threads or free_cores(),
        "context": context * parallel,
        "parallel": parallel,
        "port": port,
    }


def command() -> tuple[str, ...]:
    """Give the command of the process: it reads an order, one line of JSON, from its input.

    -P: the folder under review must not get to say what `reviewbot` or `json` is.
    """
    return (sys.executable, "-P", "-m", "reviewbot.servers.embedded")


def launch(complaints: IO[str]) -> subprocess.Popen[str]:
    """Start the process; what it writes besides its answer goes to the file `complaints`.

    It gets a session of its own, so that Ctrl-C reaches only the program that stops it.
    """
    return subprocess.Popen(  # noqa: S603
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        start_new_session=True,
        env=without_settings(os.environ),
    )


def send_order(process: subprocess.Popen[str], order: dict[str, Any]) -> str | None:
    """Tell the process what to serve; give the address it answers with, None if it ended."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    return process.stdout.readline().strip() or None


def end(process: subprocess.Popen[str]) -> None:
    """Kill the process if it still runs, and let go of its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe and not pipe.closed:
            pipe.close()


def explain(path: Path, status: int, complaints: IO[str]) -> str:
    """Say in one line why llama.cpp did not start, from its exit status and first complaint."""
    complaints.seek(0)
    text = complaints.read().strip()
    told = re.search(r"^[\d.]+ E +(.*)$", text, re.MULTILINE)  # llama.cpp's: cause first
    reason = told[1] if told else text.rpartition("\n")[2]  # Python's: cause last
    if status < 0:
        reason = f"it ended by {signal.Signals(-status).name}" + (f": {reason}" if reason else "")
    return (
        f"llama.cpp cannot run {path}: {reason or 'it gives no reason'}; "
        "delete the file and get it again with `reviewbot model pull`, or set REVIEWBOT_MODEL_URL"
    )


def check_extra() -> None:
    """Raise ModelUnavailableError where the wheel with llama.cpp is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelUnavailableError(
            f"no model server is set and llama.cpp is not installed: {INSTALL}, "
            "or set REVIEWBOT_MODEL_URL"
        )


def check_file(path: Path) -> None:
    """Raise ModelUnavailableError where `path` is no GGUF file that can be opened."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelUnavailableError(f"cannot read the model {path}: {error.strerror}") from error
    if magic != MAGIC:
        raise ModelUnavailableError(
            f"{path} is not a GGUF file; get one with `reviewbot model pull`, "
            "or set REVIEWBOT_MODEL_URL"
        )


def free_cores() -> int:
    """Count the cores that nothing else used in the last minute; at least 1.

    More threads than free cores wait for each other: on a busy machine of two cores, one thread
    of a 1.5B model wrote 12 tokens a second and two wrote 2 (measured).
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, math.floor(cores - os.getloadavg()[0] + 0.5))


def serve() -> None:
    """Be the process: read the order, serve until the one who gave it closes the pipe or dies."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever llama.cpp prints is no answer
    order = json.loads(sys.stdin.readline())

    import xllamacpp  # noqa: PLC0415 - only this process has it

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["path"]
    parameters.model_alias = {Path(order["path"]).stem}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = order["port"]
    parameters.api_keys = [order["key"]]
    parameters.ui = False
    parameters.verbosity = 1  # errors only
    parameters.n_ctx = order["context"]
    parameters.n_parallel = order["parallel"]
    parameters.n_batch = parameters.n_ubatch = BATCH_TOKENS
    parameters.cache_prompt = True
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.endpoint_slots = parameters.endpoint_metrics = True
    for cores in (parameters.cpuparams, parameters.cpuparams_batch):
        cores.n_threads = order["threads"]
        cores.poll = 0  # threads that spin while they wait take the cores from those that work
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError:
        sys.exit(1)  # the reason stands on stderr
    print(server.listening_address, file=answer, flush=True)
    sys.stdin.read()
    os._exit(0)  # never the destructor: it waits for calls


if __name__ == "__main__":
    serve()
