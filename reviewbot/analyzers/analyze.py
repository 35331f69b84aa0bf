"""FileDiffs and their texts at head come in; out come the Alarms on added lines, and the problems.

What an analyzer sees is a private folder with the changed files that it wants: none of the
repository's configuration is there, and no comment that would silence it.
"""

import asyncio
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reviewbot.analyzers.analyzer import (
    LIMITS,
    Alarm,
    Analyzer,
    AnalyzerError,
    Bench,
    Limits,
    NotInstalledError,
)
from reviewbot.diff.parse import FileDiff

MAX_TEXT = 1_000_000
"""Characters of a file; a longer one is data or generated."""
MAX_FILES = 300
"""Files that are analyzed, and given to one program as its arguments."""
_MOST_PATH = 1_000  # characters
_MOST_NAME = 200  # bytes of one part of a path
_MOST_MESSAGE = 500  # characters
_LONE_RETURN = re.compile("\r(?!\n)")
_STRANGE_BREAKS = re.compile("[\x85\u2028\u2029]")
"""These end a line for some program, but not for a diff: numbers would differ."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What all analyzers say of a change, by path and line.

    `problems` tell what could not be analyzed, one line for a person each. `unused` are the
    analyzers that had something to look at and are not installed.
    """

    alarms: tuple[Alarm, ...] = ()
    problems: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    alarms: Sequence[Alarm] = ()
    problem: str | None = None
    unused: str | None = None


async def analyze(
    files: Sequence[FileDiff],
    head: Callable[[str], str | None],
    analyzers: Sequence[Analyzer],
    limits: Limits = LIMITS,
) -> Analysis:
    """Run all analyzers at once on what a change adds to.

    `head` gives a file's text after the change, None where it has none; it is asked in a thread.
    One that is not installed, fails, hangs or says nonsense costs the others nothing.
    """
    # files are read and written in threads: other reviews run on this loop
    texts, problems = await asyncio.to_thread(_gather, files, head, analyzers)
    with tempfile.TemporaryDirectory(prefix="reviewbot-", dir=_temporary_folder()) as root:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_run(analyzer, Path(root, analyzer.name), texts, limits))
                for analyzer in analyzers
            ]
    said = [task.result() for task in tasks]
    return await asyncio.to_thread(_sum_up, files, said, problems)


def _sum_up(files: Sequence[FileDiff], said: Sequence[_Said], problems: list[str]) -> Analysis:
    """Keep what begins on added lines."""
    added = _added_lines(files)
    alarms = {alarm for one in said for alarm in one.alarms if _stands_on(alarm, added)}
    return Analysis(
        tuple(sorted(map(_tidy, alarms), key=_place)),
        (*problems, *(one.problem for one in said if one.problem)),
        tuple(one.unused for one in said if one.unused),
    )


def _temporary_folder() -> Path:
    """Give the folder for temporary ones without links in its name: programs print it so."""
    return Path(tempfile.gettempdir()).resolve()


def _gather(
    files: Sequence[FileDiff], head: Callable[[str], str | None], analyzers: Sequence[Analyzer]
) -> tuple[dict[str, str], list[str]]:
    """Give the texts that some analyzer wants, and why others are left out."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for file in files:
        if not _has_text(file) or not any(one.wants(file.path) for one in analyzers):
            continue
        if len(texts) == MAX_FILES:
            problems.append(f"analyzers on more than the first {MAX_FILES} files")
            break
        if not _is_safe(file.path):
            problems.append(f"analyzers on {file.path[:80]!a}: unsafe path")
            continue
        text = head(file.path)
        if text is None:
            continue
        if reason := _unfit(text):
            problems.append(f"analyzers on {file.path}: {reason}")
        else:
            texts[file.path] = _STRANGE_BREAKS.sub(" ", text)
    return texts, problems


def _unfit(text: str) -> str | None:
    """Say why a text is kept from the analyzers, None where it is not."""
    if len(text) > MAX_TEXT:
        return f"above {MAX_TEXT:,} characters"
    if _LONE_RETURN.search(text):
        return "a carriage return within a line"
    return None


def _has_text(file: FileDiff) -> bool:
    return file.added > 0 and not (file.submodule or file.symlink or file.combined)


def _is_safe(path: str) -> bool:
    """Whether a path stays within its folder on every system, and means nothing to git."""
    parts = path.split("/")
    return (
        path.isprintable()
        and "\\" not in path
        and len(path) <= _MOST_PATH
        and not {"", ".", ".."}.intersection(parts)
        and ".git" not in path.lower().split("/")
        and all(len(part.encode()) <= _MOST_NAME for part in parts)
    )


async def _run(analyzer: Analyzer, room: Path, texts: dict[str, str], limits: Limits) -> _Said:
    """Run one analyzer; whatever it does becomes something that can be said."""
    wanted = {path: text for path, text in texts.items() if analyzer.wants(path)}
    if not wanted:
        return _Said()
    bench = Bench(room / "files", room / "home", tuple(wanted), limits)
    try:
        await asyncio.to_thread(_lay_out, bench, wanted, analyzer)
        async with asyncio.timeout(limits.seconds):
            return _Said(await analyzer.run(bench))
    except NotInstalledError:
        return _Said(unused=analyzer.name)
    except TimeoutError:
        problem = f"did not end within {limits.seconds:g} s"
    except AnalyzerError as error:
        problem = str(error)
    except OSError as error:
        problem = f"could not be run ({error.strerror or error})"
    return _Said(problem=f"{analyzer.name}: {problem}")


def _lay_out(bench: Bench, wanted: dict[str, str], analyzer: Analyzer) -> None:
    """Put the files on the bench, without what would silence the analyzer."""
    bench.home.mkdir(parents=True)
    for path, text in wanted.items():
        _write(bench.folder / path, analyzer.unmute(text))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8", "replace", newline="")


def _added_lines(files: Sequence[FileDiff]) -> dict[str, set[int]]:
    added: dict[str, set[int]] = {}
    for file in files:
        lines = (line for hunk in file.hunks for line in hunk.lines() if line.sign == "+")
        added.setdefault(file.path, set()).update(line.new for line in lines)
    return added


def _stands_on(alarm: Alarm, added: dict[str, set[int]]) -> bool:
    """Whether an alarm begins on an added line: a block around a change is no news."""
    return alarm.line in added.get(alarm.path, ())


def _tidy(alarm: Alarm) -> Alarm:
    """Make one line of a message, which may quote the code; no span is upside down."""
    message = " ".join(alarm.message.split())
    if len(message) > _MOST_MESSAGE:
        message = message[: _MOST_MESSAGE - 1] + "…"
    message = "".join(c if c.isprintable() else "?" for c in message)
    return replace(alarm, message=message, end_line=max(alarm.line, alarm.end_line))


def _place(alarm: Alarm) -> tuple[str, int, str, str, str, int]:
    return alarm.path, alarm.line, alarm.analyzer, alarm.rule, alarm.message, alarm.end_line
