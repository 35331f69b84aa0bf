"""A program's name and arguments come in; out comes what it prints. Only here a process starts.

Nothing of our environment reaches it but PATH, and however it ends, all that it started ends too.
"""

import asyncio
import os
import resource
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from reviewbot.analyzers.analyzer import AnalyzerError, Bench, NotInstalledError

_PART = 65_536
_MOST_SAID = 4_096  # bytes of a complaint that are kept
_GRACE = 2.0  # seconds that a killed program may take to be gone
_MOST_REASON = 200  # characters of it that a person is shown


def find_program(name: str, search: str | None) -> str:
    """Give the absolute path of a program; raises `NotInstalledError`.

    A relative entry of PATH would be a folder of the repository under review: it does not count.
    """
    if search is None:
        own = str(Path(sys.executable).parent) if sys.executable else ""
        search = os.pathsep.join((os.environ.get("PATH", os.defpath), own))
    found = shutil.which(name, path=_absolute(search))
    if found is None:
        raise NotInstalledError(f"{name} is not installed")
    return found


def _absolute(search: str) -> str:
    """Keep the absolute entries; "." stands for none, as an empty search path would mean cwd."""
    entries = [entry for entry in search.split(os.pathsep) if Path(entry).is_absolute()]
    return os.pathsep.join(entries) or os.devnull


async def run_program(
    command: Sequence[str], bench: Bench, *, fine: Sequence[int] = (0, 1), python_path: str = ""
) -> bytes:
    """Run an absolute program in the bench's folder and give what it prints.

    Raises `AnalyzerError` where it ends with a code that is not `fine`, or prints too much. When
    cancelled, it ends the program and its whole process group first.
    """
    process = await _start(command, bench, python_path)
    printed = asyncio.create_task(_read(process.stdout, bench.limits.output, process.pid))
    said = asyncio.create_task(_read(process.stderr, None, process.pid))
    ended = False
    try:
        _limit_memory(process.pid, bench.limits.memory)
        await asyncio.wait((printed, said))
        code = await process.wait()
        ended = True
    finally:
        if not ended:
            _kill(process.pid)
            # pipes that nobody empties would keep the transport open, and its end from us
            await asyncio.wait((printed, said), timeout=_GRACE)
            await _wait(process)
    output = printed.result()
    if output is None:
        raise AnalyzerError(f"printed more than {bench.limits.output:,} bytes")
    if code not in fine:
        raise AnalyzerError(f"failed ({_name_of(code)}{_reason(said.result() or b'')})")
    return output


async def _start(
    command: Sequence[str], bench: Bench, python_path: str
) -> asyncio.subprocess.Process:
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *command,
            cwd=bench.folder,
            env=_environment(bench.home, python_path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # it may run already and have started others, which asyncio would not end
        with suppress(OSError):
            process = await starting
            _kill(process.pid)
            await _wait(process)
        raise


async def _wait(process: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE)


def _environment(home: Path, python_path: str) -> dict[str, str]:
    """Give a program no settings of ours or the user's, no keys and no proxy."""
    environment = {
        "PATH": _absolute(os.environ.get("PATH", os.defpath)),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PYTHONSAFEPATH": "1",  # no module is taken from the folder under analysis
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return environment | ({"PYTHONPATH": python_path} if python_path else {})


def _limit_memory(pid: int, memory: int) -> None:
    """Limit a program that has started nothing yet: what it starts inherits the limit."""
    if sys.platform != "linux":
        return
    _, ours = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if ours == resource.RLIM_INFINITY else min(memory, ours)
    with suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


async def _read(stream: asyncio.StreamReader | None, most: int | None, group: int) -> bytes | None:
    """Read a pipe to its end; None where it gives more than allowed, which ends the group.

    Without a limit it is a complaint: its end is kept, and the rest taken for nothing.
    """
    assert stream is not None
    data = bytearray()
    too_much = False
    while part := await stream.read(_PART):
        data += part
        if most is None:
            del data[:-_MOST_SAID]
        elif len(data) > most:
            if not too_much:
                _kill(group)
            too_much = True
            data.clear()
    return None if too_much else bytes(data)


def _kill(group: int) -> None:
    """End a program and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _name_of(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"signal {-code}"


def _reason(said: bytes) -> str:
    """Choose the last line of a complaint: there a program says what ended it."""
    lines = said.decode("utf-8", "replace").strip().split("\n")
    text = "".join(c if c.isprintable() else "?" for c in lines[-1].strip())[:_MOST_REASON]
    return f": {text}" if text else ""
