"""What a start costs beside importing the hub's client: `python -m benchmarks.startup`."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.diffs import write_diff
from benchmarks.measure import Cost, clean_environment, fake_server, run, show, typical

ROUNDS = 9
DIFF_LINES = 180
PEAK = 110.0
REVIEWBOT = Path(sys.executable).with_name("reviewbot")
REFERENCE = (sys.executable, "-c", "from huggingface_hub import AsyncInferenceClient")


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and the bound of its processor time in units of the reference's."""

    name: str
    command: tuple[str | Path, ...]
    bound: float | None


def main() -> None:
    """Run each command in turns, so that a busy machine slows all of them alike."""
    with tempfile.TemporaryDirectory() as folder, fake_server() as url:
        diff = Path(folder, "change.diff")
        diff.write_text("".join(write_diff(DIFF_LINES)).replace("Error", "BUG", 1))
        review = (REVIEWBOT, "review", diff, "--fail-on", "never")
        cases = (
            Case("import of the hub's client", REFERENCE, None),
            Case("reviewbot --help", (REVIEWBOT, "--help"), 0.6),
            Case("reviewbot review --plan", (*review, "--plan"), 1.3),
            Case("reviewbot review, nothing kept", (*review, "--model-url", url), 3.0),
        )
        costs = [_measure(cases) for _ in range(ROUNDS + 1)][1:]  # the first compiles the modules
    medians = [typical(found) for found in zip(*costs, strict=True)]
    _report(cases, medians)


def _measure(cases: tuple[Case, ...]) -> list[Cost]:
    """Run each command once, each with an empty cache: the probe is asked, no answer is kept."""
    found = []
    for case in cases:
        with clean_environment() as environment:
            found.append(run(case.command, environment))
    return found


def _report(cases: tuple[Case, ...], costs: list[Cost]) -> None:
    print(f"medians of {ROUNDS} runs; ratios of processor time to that of the import\n")
    for case, cost in zip(cases, costs, strict=True):
        figures = f"{cost.cpu * 1000:5.0f} ms CPU  {cost.peak:5.1f} MiB peak"
        show(case.name, figures, cost.cpu / costs[0].cpu, "x", case.bound)
    show("peak of the review", "", costs[-1].peak, "MiB", PEAK)


if __name__ == "__main__":
    main()
