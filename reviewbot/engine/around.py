"""A diff and its repository come in; out comes what the stages may look up around the change."""

import threading
from collections.abc import Mapping, Sequence

from reviewbot.analyzers.analyze import Analysis, analyze
from reviewbot.analyzers.analyzer import NotInstalledError
from reviewbot.analyzers.detect_secrets import DetectSecrets
from reviewbot.analyzers.finding import NotInDiffError, to_finding
from reviewbot.analyzers.hadolint import Hadolint
from reviewbot.analyzers.patterns import Patterns
from reviewbot.analyzers.process import find_program
from reviewbot.analyzers.ruff import Ruff
from reviewbot.analyzers.shellcheck import Shellcheck
from reviewbot.analyzers.yamllint import Yamllint
from reviewbot.analyzers.zizmor import Zizmor
from reviewbot.context.gather import gather
from reviewbot.context.note import Note
from reviewbot.context.repository import DiffRepository, Place, Repository
from reviewbot.context.sources import Sources
from reviewbot.diff.chunk import Chunk
from reviewbot.diff.parse import FileDiff
from reviewbot.engine.evidence import Evidence
from reviewbot.findings.finding import Finding
from reviewbot.findings.suggestion import check_suggestion
from reviewbot.findings.verify import changed_by, check_claim

ANALYZERS = (
    Ruff(), Shellcheck(), Zizmor(), Hadolint(), Yamllint(), DetectSecrets(), Patterns(),
)  # fmt: skip
"""Those that look at a change; of each the program is used where it is installed."""


def installed_analyzers() -> tuple[list[str], list[str]]:
    """Name the analyzers that are here, and those that are not."""
    here: list[str] = []
    lacking: list[str] = []
    for name in (one.name for one in ANALYZERS):
        try:
            if name != Patterns().name:
                find_program(name, None)
            here.append(name)
        except NotInstalledError:
            lacking.append(name)
    return here, lacking


class Around:
    """The code around a change, read as it is asked for, and each file once.

    Threads may share it: they wait for each other. Without a repository it knows the diff alone.
    """

    def __init__(
        self, files: Sequence[FileDiff], repository: Repository | None, max_tokens: int
    ) -> None:
        self._files = files
        self._repository = repository or DiffRepository(files)
        self._sources = Sources(self._repository)
        self._changed = changed_by(files)
        self._max_tokens = max_tokens
        self._lock = threading.Lock()

    @property
    def searched(self) -> bool:
        """Whether all of the repository can be searched: only then absence refutes a claim."""
        return self._repository.searched and not self._repository.partial

    def notes(self, chunk: Chunk) -> tuple[Note, ...]:
        """Give the code around a chunk that the model is shown with it."""
        if self._max_tokens <= 0:
            return ()
        with self._lock:
            pieces = gather(chunk, self._sources, self._max_tokens).pieces
        return tuple(Note(piece.title, piece.text) for piece in pieces)

    def refutes(self, finding: Finding) -> str | None:
        """Say why a look-up contradicts a finding; None where it does not or cannot decide."""
        with self._lock:
            return check_claim(finding, self, self._changed)

    def spoils(self, finding: Finding) -> str | None:
        """Say why a finding's suggestion cannot be made; None where it can."""
        with self._lock:
            whole = self._repository.searched
            return check_suggestion(finding, self.text(finding.path) if whole else None)

    async def analyse(self) -> Evidence:
        """Let the analyzers that are installed look at the changed files.

        They need whole files: of hunks alone they would say what is not so.
        """
        if not self._repository.searched:
            return Evidence()
        return _weigh(await analyze(self._files, self._head, ANALYZERS), self._files)

    def _head(self, path: str) -> str | None:
        with self._lock:
            return self._repository.head(path)

    def text(self, path: str) -> str | None:
        """Give a file at head, None where it is not there or not known."""
        return self._repository.head(path)

    def places(self, name: str) -> tuple[Place, ...]:
        """Give the lines at head that hold a name as a whole word."""
        return self._repository.find([name]).get(name, ())


def _weigh(analysis: Analysis, files: Sequence[FileDiff]) -> Evidence:
    """Make findings of the alarms that are pinned."""
    by_path: Mapping[str, FileDiff] = {file.path: file for file in files}
    proven: list[Finding] = []
    for alarm in analysis.alarms:
        if alarm.alone and alarm.path in by_path:
            try:
                proven.append(to_finding(alarm, by_path[alarm.path]))
            except NotInDiffError:
                continue
    return Evidence(analysis.alarms, tuple(proven), analysis.problems)
