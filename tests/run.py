"""The real command line: arguments, settings and standard input in, a Run out.

    run = reviewbot("review", "-", "--format", "json", stdin=added("a.py", "x = 1  # BUG"),
                    model_url=server.url)

Each call is a process of its own with a clean environment; `conftest` gives it its own home.
"""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

COMMAND = Path(sys.executable).parent / "reviewbot"


@dataclass(frozen=True, slots=True)
class Run:
    """How a command ended and what it wrote."""

    code: int
    out: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.out.decode()

    @property
    def document(self) -> dict[str, Any]:
        """What `--format json` printed."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def findings(self) -> list[tuple[str, str, int, int]]:
        """Path, side, first and last line of each finding."""
        return [
            (one["path"], one["side"], one["start_line"], one["line"])
            for one in self.document["findings"]
        ]

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.document["findings"]]

    @property
    def gaps(self) -> list[tuple[str, str]]:
        """Path and reason of what was not reviewed."""
        return [(one["path"], one["reason"]) for one in self.document["not_reviewed"]]

    @property
    def usage(self) -> dict[str, int]:
        usage: dict[str, int] = self.document["usage"]
        return usage

    @property
    def complaint(self) -> str:
        """The one line on stderr of a run that failed and printed nothing."""
        assert self.out == b"", self.out
        assert "Traceback" not in self.stderr, self.stderr
        [line] = self.stderr.strip("\n").split("\n")
        return line


def reviewbot(
    *arguments: str | Path,
    stdin: str | bytes = b"",
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    **settings: str | float | Path,
) -> Run:
    """Run the installed command to its end; `settings` are set as REVIEWBOT_ variables."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    seen = environment(env, **settings)
    if _can_be_warm(arguments, env or {}):
        code, out, err = warm.run(arguments, data, seen, folder, seconds=60)
        return Run(code, out, err.decode())
    with started(*arguments, folder=folder, env=seen) as process:
        out, err = process.communicate(data, timeout=60)
    return Run(process.returncode, out, err.decode())


def _can_be_warm(arguments: Sequence[str | Path], env: Mapping[str, str]) -> bool:
    """Whether the command does not care what its libraries saw while they were loaded."""
    own = all(name.startswith("REVIEWBOT_") for name in env)
    return own and arguments[:1] in {("review",), ("eval",)}


def review(
    diff: str | bytes, url: str, *options: str | Path, **settings: str | float | Path
) -> Run:
    """Review a diff from standard input with the model server at an address, as JSON."""
    arguments = ("review", "-", "--format", "json", *options)
    return reviewbot(*arguments, stdin=diff, env=variables(model_url=url, **settings))


@contextmanager
def started(
    *arguments: str | Path,
    env: Mapping[str, str],
    folder: Path | None = None,
    streams: Mapping[str, int] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command; it is killed at the end of the block if it still runs.

    `streams` are the file descriptors of those that are no pipes.
    """
    own = streams or {}
    stdin, stdout, stderr = (own.get(n, subprocess.PIPE) for n in ("stdin", "stdout", "stderr"))
    process = subprocess.Popen(
        [COMMAND, *arguments], cwd=folder, env=env, stdin=stdin, stdout=stdout, stderr=stderr
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def environment(
    env: Mapping[str, str] | None = None, **settings: str | float | Path
) -> dict[str, str]:
    """What the command sees: nothing of the user's but PATH, the test's home, and `settings`."""
    kept = ("PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    home = str(Path(os.environ["XDG_CACHE_HOME"]).parent)
    own = {name: os.environ[name] for name in kept} | {"HOME": home, "GIT_CONFIG_NOSYSTEM": "1"}
    plain = variables(retry_seconds=0.01) | ONE_LOOK
    return own | plain | variables(**settings) | dict(env or {})


def variables(**settings: str | float | Path) -> dict[str, str]:
    """The variables of the environment that make these settings."""
    return {f"REVIEWBOT_{name.upper()}": str(value) for name, value in settings.items()}


ONE_LOOK = variables(
    looks=1, judge="false", wording="false", claim_checks="false", code_context="false",
    analyzers="false",
    threshold=0, max_findings=25,
)  # fmt: skip
"""A review without the stages, for tests of all that is around them: one call for each chunk."""


def on_terminal(
    *arguments: str | Path,
    streams: str,
    typed: str = "",
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    **settings: str | float | Path,
) -> tuple[Run, str]:
    """Run the command with some of "stdin", "stdout", "stderr" on a terminal.

    `typed` is what a person types there. Gives what the others got, and all that the terminal
    showed.
    """
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    termios.tcsetwinsize(theirs, (30, 90))
    descriptors = dict.fromkeys(streams.split(), theirs)
    seen = environment({"TERM": "xterm"} | dict(env or {}), **settings)
    with started(*arguments, folder=folder, env=seen, streams=descriptors) as process:
        os.close(theirs)
        shown = _read_terminal(ours, time.monotonic() + 60)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    return Run(process.returncode, out or b"", (err or b"").decode()), shown.decode()


def _read_terminal(descriptor: int, deadline: float) -> bytes:
    """Read until the last one who writes there is gone."""
    shown = b""
    while select.select([descriptor], [], [], deadline - time.monotonic())[0]:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux says so instead of giving an empty read
            return shown
        if not part:
            return shown
        shown += part
    raise TimeoutError(shown)


def added(path: str, *lines: str) -> str:
    """The diff that makes a new file of these lines."""
    body = "".join(f"+{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


def changed(path: str, *lines: str, at: int = 1, section: str = "") -> str:
    """The diff of one hunk of these lines, each with its sign, that begins at a line."""
    old = sum(line[0] in " -" for line in lines)
    new = sum(line[0] in " +" for line in lines)
    body = "".join(f"{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -{at},{old} +{at},{new} @@{section}\n{body}"
    )


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder,
            env=environment(),
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def write(self, path: str, *lines: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines))

    def commit(self, path: str, *lines: str) -> str:
        """Commit a file of these lines; gives the commit's id."""
        self.write(path, *lines)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"Change {path}")
        return self.git("rev-parse", "HEAD")
