"""What reading a diff costs a line, beside bare unidiff: `python -m benchmarks.parse`.

Each measurement is a process of its own, as memory that was once used stays with a process.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.diffs import Shape, write_diff
from benchmarks.measure import MAXRSS_UNIT, ROOT, show

SIZES = (10_000, 100_000, 1_000_000)
BOUNDS = {10_000: 2.0, 100_000: 1.7, 1_000_000: 1.2}
GROWTH = 12.0
MEMORY = 0.1
ROUNDS = {10_000: 9, 100_000: 5, 1_000_000: 3}


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a diff cost: seconds of processor, and MiB beyond the diff's own bytes."""

    seconds: float
    added: float


def main() -> None:
    """Measure all shapes and sizes; as a child, read one diff one way."""
    if len(sys.argv) == 3:
        print(json.dumps(_read(READERS[sys.argv[1]], Path(sys.argv[2]))))
        return
    for shape in NAMES:
        _compare(shape)


def _compare(shape: Shape) -> None:
    print(f"\n{NAMES[shape]}: processor time of parse + triage + chunk, in units of unidiff's")
    before = 0.0
    for lines in SIZES:
        ours, bare = _measure(shape, lines)
        a_line = (one.seconds * 1e6 / lines for one in (ours, bare))
        figures = "{:5.2f} us a line, unidiff {:5.2f}".format(*a_line)
        show(f"{lines:>9,} lines", figures, ours.seconds / bare.seconds, "x", BOUNDS[lines])
        if before:
            show("   against a tenth of the lines", "", ours.seconds / before, "x", GROWTH)
        figures = f"{ours.added:5.1f} MiB added, unidiff {bare.added:5.1f}"
        bound = MEMORY if shape == "many" and lines > SIZES[0] else None
        show("   memory", figures, ours.added / bare.added, "x", bound)
        before = ours.seconds


def _measure(shape: Shape, lines: int) -> tuple[Reading, Reading]:
    """Read the same diff both ways in turns; gives the medians."""
    with tempfile.NamedTemporaryFile("w", suffix=".diff") as file:
        file.writelines(write_diff(lines, shape))
        file.flush()
        rounds = [[_child(way, file.name) for way in READERS] for _ in range(ROUNDS[lines])]
    ours, bare = (
        Reading(median(one.seconds for one in way), median(one.added for one in way))
        for way in zip(*rounds, strict=True)
    )
    return ours, bare


def _child(way: str, path: str) -> Reading:
    command = (sys.executable, "-m", "benchmarks.parse", way, path)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return Reading(*json.loads(done.stdout))


def _read(make_reader: Callable[[], Callable[[bytes], object]], path: Path) -> tuple[float, float]:
    read = make_reader()
    data = path.read_bytes()
    before, begin = _peak(), time.process_time()
    held = read(data)
    seconds, added = time.process_time() - begin, _peak() - before
    assert held
    return seconds, added


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 2**20


def _reviewbot() -> Callable[[bytes], object]:
    # imported here, as the other way must not pay for it
    from reviewbot.budget import DEFAULT_INFO, budget_for  # noqa: PLC0415
    from reviewbot.diff.parse import parse_diff  # noqa: PLC0415
    from reviewbot.engine import plan  # noqa: PLC0415

    budget = budget_for(DEFAULT_INFO)
    return lambda data: plan(parse_diff(data), budget).chunks


def _unidiff() -> Callable[[bytes], object]:
    from unidiff.patch import PatchSet  # noqa: PLC0415

    return lambda data: PatchSet(data.decode("utf-8", "replace"))


READERS = {"reviewbot": _reviewbot, "unidiff": _unidiff}
NAMES: dict[Shape, str] = {
    "many": "many files of 300 lines",
    "edited": "one file with many hunks",
    "new": "one new file, a single hunk",
}


if __name__ == "__main__":
    main()
