"""`make demo-bot`: the whole service against a fake GitHub; no App, no GPU, nothing to set up.

It starts `reviewbot serve`, opens the example's pull request by a signed webhook, shows the review
as it then stands there, pushes a fix, and shows what that changes.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from reviewbot.diff.parse import parse_diff
from tests.fakes.forge import FakeGitHub, Pull, Repo
from tests.fakes.forge.state import APP_ID, Review

HERE = Path(__file__).parent
REVIEWBOT = str(Path(sys.executable).with_name("reviewbot"))
# a small model without a graphics card writes about ten tokens a second
DEFAULTS = {
    "REVIEWBOT_ANSWER_TOKENS": "256",
    "REVIEWBOT_LOOKS": "1",
    "REVIEWBOT_CALL_SECONDS": "1200",
}
FIX = ("range(total // PAGE_SIZE)", "range(-(-total // PAGE_SIZE))")


def main() -> int:
    """Show it all; gives the exit code."""
    if "REVIEWBOT_MODEL_URL" not in os.environ:
        print("$ reviewbot model pull", flush=True)
        subprocess.run([REVIEWBOT, "model", "pull"], check=True)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, FakeGitHub(Path(folder)) as github:
        return show(github, Path(folder))


def show(github: FakeGitHub, folder: Path) -> int:
    """Open a pull request, wait for its review, push a fix, wait again."""
    port = free_port()
    github.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"
    with serving(github, folder, port) as service:
        pull = opens_example(github.repository())
        say(f"ada opens {name(pull)}: {github.root} delivers it, signed")
        wait(pull, service, port)
        show_reviews(pull, pull.reviews)
        before = len(pull.reviews)
        calls = figure(service.worker_port, "reviewbot_model_calls_total")
        pull.pushes({"shop/export.py": contents(pull, "shop/export.py").replace(*FIX)})
        say(f"\nada pushes a fix to shop/export.py: {name(pull)} is now at {pull.head[:8]}")
        wait(pull, service, port)
        show_reviews(pull, pull.reviews[before:])
        more = figure(service.worker_port, "reviewbot_model_calls_total") - calls
        say(f"\nModel calls for the second review: {more:.0f}; what did not change was kept.")
    return 0


class serving:  # noqa: N801  # reads as `with serving(...)`
    """`reviewbot serve` for the length of a block."""

    def __init__(self, github: FakeGitHub, folder: Path, port: int) -> None:
        self._log = folder / "serve.log"
        key = folder / "app.pem"
        key.write_text(github.private_key)
        own = {
            "GITHUB_APP_ID": str(APP_ID), "GITHUB_PRIVATE_KEY_FILE": str(key),
            "GITHUB_WEBHOOK_SECRET": github.secret, "GITHUB_URL": github.url,
            "DATA_DIR": str(folder / "data"), "PORT": str(port), "WORKER_PORT": str(free_port()),
        }  # fmt: skip
        settings = {f"REVIEWBOT_{key}": value for key, value in own.items()}
        self.worker_port = int(own["WORKER_PORT"])
        self._env = DEFAULTS | dict(os.environ) | settings
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        say("$ reviewbot serve")
        self._process = subprocess.Popen(
            [REVIEWBOT, "serve"], env=self._env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        while not self._ready.wait(0.1):
            self.check()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        say("\nreviewbot serve is ended, and everything it started with it.")

    def check(self) -> None:
        """End the demo where the service has ended."""
        if self._process.poll() is not None:
            raise SystemExit("reviewbot serve ended:\n" + self._log.read_text("utf-8"))

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._log.open("w", encoding="utf-8") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                if "ready: " in line:
                    say("  " + line.rstrip())
                    self._ready.set()


def opens_example(repo: Repo) -> Pull:
    """Make a repository of what was before the example's diff, and open its pull request."""
    before = HERE / "before"
    old = {path.relative_to(before).as_posix(): path.read_text("utf-8")
           for path in before.rglob("*.*") if path.is_file()}  # fmt: skip
    new: dict[str, str | None] = {}
    for file in parse_diff((HERE / "pull-request.diff").read_bytes()):
        [hunk] = file.hunks
        lines, shown = old[file.path].splitlines(), list(hunk.lines())
        above = hunk.old_start - 1
        below = above + sum(one.sign != "+" for one in shown)
        after = (one.text for one in shown if one.sign != "-")
        new[file.path] = text([*lines[:above], *after, *lines[below:]])
    repo.commit(old)
    return repo.opens_pull_request(new, title="Pages, search and stock")


def text(lines: list[str]) -> str:
    """Join lines to a file's text."""
    return "".join(f"{line}\n" for line in lines)


def contents(pull: Pull, path: str) -> str:
    """Give a file as it is at the head of a pull request."""
    return pull.repo.git.run("show", f"{pull.head}:{path}") + "\n"


def wait(pull: Pull, service: serving, port: int) -> None:
    """Wait until the head's check run is completed, and show how far its job is."""
    shown = ""
    started = time.monotonic()
    while not pull.checks or any(check.status != "completed" for check in pull.checks):
        service.check()
        live = figure(port, 'reviewbot_jobs{state="running"}')
        state = "reviewing" if live else "posting" if pull.checks else "waiting"
        if state != shown:
            say(f"  job: {state} ({time.monotonic() - started:.0f} s)")
            shown = state
        time.sleep(0.2)
    say(f"  job: done ({time.monotonic() - started:.0f} s)")


def show_reviews(pull: Pull, reviews: list[Review]) -> None:
    """Print reviews as they stand on the fake GitHub, and the check run."""
    for review in reviews:
        say(f"\nReview of {name(pull)} at {review.commit_id[:8]}, by {review.author}:")
        say(indented(review.body.partition("<!--")[0].strip()))
        for comment in review.comments:
            say(f"\n  {comment['path']}:{comment['line']}")
            say(indented(comment["body"], "    "))
    if not reviews:
        say("\nNo review was posted: there was nothing to say.")
    for check in pull.checks:
        say(f"\nCheck run {check.name}: {check.conclusion}, {check.title!r}")


def figure(port: int, name: str) -> float:
    """Read one figure of the API's or the worker's page; without labels, the sum over them."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    alike = (f"{name} ", f"{name}{{")
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(alike))


def name(pull: Pull) -> str:
    """Say `owner/repo#1`."""
    return f"{pull.repo.full_name}#{pull.number}"


def indented(block: str, by: str = "  ") -> str:
    """Move a text to the right."""
    return "\n".join(by + line for line in block.splitlines())


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
