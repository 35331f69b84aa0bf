"""`make demo`: review the example's pull request, and say which of its planted bugs were found.

It types the commands that a person would type. Another diff may be given as the argument.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXAMPLE = Path(os.path.relpath(HERE / "pull-request.diff"))
REVIEWBOT = str(Path(sys.executable).with_name("reviewbot"))
REVIEWED = (0, 1)  # 1: there are findings to act on, which is what a review is for
# a small model without a graphics card writes about ten tokens a second: one look is enough to see
ENVIRONMENT = {"REVIEWBOT_ANSWER_TOKENS": "256", "REVIEWBOT_LOOKS": "1"} | dict(os.environ)


def main(diff: Path) -> int:
    """Get a model if none is configured, review, and give the exit code."""
    if "REVIEWBOT_MODEL_URL" not in os.environ and (code := run("model", "pull")):
        return code
    started = time.monotonic()
    code = run("review", "--fail-on", "never", str(diff))
    if code not in REVIEWED:
        return code
    seconds = time.monotonic() - started
    document = reviewed_document(diff)
    print(f"\nReviewed by {document['model'] or 'no model'} in {seconds:.0f} s.")
    if diff == EXAMPLE:
        print_planted(document["findings"])
    return 0


def run(*arguments: str) -> int:
    """Show a command and run it."""
    print("$ reviewbot " + " ".join(arguments), flush=True)
    return subprocess.run([REVIEWBOT, *arguments], env=ENVIRONMENT, check=False).returncode


def reviewed_document(diff: Path) -> dict[str, Any]:
    """Ask for the same review as JSON: every answer is kept, so this calls no model."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "review.json"
        command = [REVIEWBOT, "review", "--format", "json", "--output", str(target), str(diff)]
        subprocess.run(command, env=ENVIRONMENT, check=False, stderr=subprocess.DEVNULL)
        document: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return document


def print_planted(findings: list[dict[str, Any]]) -> None:
    """Hold the findings against the bugs that were planted, by the lines they stand on."""
    planted = json.loads((HERE / "planted.json").read_text("utf-8"))
    print("Planted bugs, and whether a finding stands on their lines:")
    for bug in planted:
        found = any(
            finding["path"] == bug["path"]
            and finding["side"] == bug["side"]
            and finding["start_line"] <= bug["to"]
            and finding["line"] >= bug["from"]
            for finding in findings
        )
        place = f"{bug['path']}:{bug['from']}-{bug['to']}"
        print(f"  {'found ' if found else 'missed'}  {place}  {bug['bug']}")


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE))
    except KeyboardInterrupt:
        sys.exit(130)
