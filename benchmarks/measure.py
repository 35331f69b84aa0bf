"""A command comes in; out come its processor time, peak memory and duration, beside a bound."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process cost: seconds of processor, MiB at its peak, seconds on the clock."""

    cpu: float
    peak: float
    wall: float


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> Cost:
    """Run a command to its end, its output thrown away; raises `SystemExit` where it fails.

    The peak of a child is never below what its parent holds at its start, so a benchmark keeps
    its own process small.
    """
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace")
            raise SystemExit(f"{command} ended with {process.returncode}:\n{said}")
    peak = usage.ru_maxrss * MAXRSS_UNIT / 2**20
    return Cost(usage.ru_utime + usage.ru_stime, peak, wall)


def typical(costs: Sequence[Cost]) -> Cost:
    """Give the medians of processor time and duration, and the highest peak."""
    return Cost(
        median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
        median(cost.wall for cost in costs),
    )


@contextmanager
def clean_environment() -> Iterator[dict[str, str]]:
    """Give an environment without settings of reviewbot's, with an empty home and cache, in
    which modules are compiled once and not at each start.
    """
    with tempfile.TemporaryDirectory() as home:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("REVIEWBOT_", "XDG_", "HF_", "PYTHONDONTWRITE"))
        }
        yield kept | {"HOME": home, "REVIEWBOT_CACHE_DIR": str(Path(home) / "cache")}


@contextmanager
def fake_server(*options: str) -> Iterator[str]:
    """Start the tests' fake TGI in a process of its own; gives its URL, and ends it after."""
    command = [sys.executable, "-m", "tests.fakes.model_server", "--kind", "tgi", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate()


def show(name: str, figures: str, value: float, unit: str, bound: float | None = None) -> None:
    """Print a line: what was measured, its figures, and how its value stands to the bound."""
    verdict = ""
    if bound is not None:
        verdict = f"<= {bound:g} {unit}: {'kept' if value <= bound else 'MISSED'}"
    print(f"{name:<32} {figures:<34} {value:8.3g} {unit:<4} {verdict}".rstrip(), flush=True)
