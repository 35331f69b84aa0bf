"""A pull request's ends come in; out comes how git is to ask for them, and what its errors mean.

The token goes through git's environment: no command line and no file ever holds it.
"""

import base64
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from reviewbot.environment import without_settings
from reviewbot.errors import FetchError, GitError
from reviewbot.git.run import GitFailedError
from reviewbot.settings import Secret

_SHA = re.compile(r"[0-9a-f]{40}")
_PASSED = ("GIT_SSL_", "GIT_PROXY_SSL_", "GIT_EXEC_PATH")
"""The variables of git's own that stay: how to trust a server, and where git is."""
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "HOME": os.devnull,  # a .netrc there would be sent
    "LC_ALL": "C",
}
_SETTINGS = {
    "core.attributesFile": os.devnull,
    "core.bigFileThreshold": "64m",  # larger files count as binary: their diff would take GBs
    "credential.helper": "",
    "gc.auto": "0",  # few refs hold what was fetched; a cleaner would hold our lock
    "maintenance.auto": "false",
    "http.followRedirects": "false",  # the token would go along
    "http.lowSpeedLimit": "1000",  # bytes a second: so ends a git whose worker was killed
    "http.lowSpeedTime": "60",
    "protocol.version": "2",
    # old repositories hold objects that fsck refuses, and nothing is ever checked out of ours
    "fetch.fsckObjects": "false",
    "fetch.recurseSubmodules": "false",
    "remote.origin.promisor": "true",
    "remote.origin.partialCloneFilter": "blob:none",
}


class CommitMissingError(FetchError):
    """The server does not give the commit: not any more, or not yet on all of its machines."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A pull request as git fetches it: `merge_base` and `head` are commits' ids.

    Raises `GitError` where a value is none that git could be given.
    """

    installation: int
    repository_id: int
    number: int
    clone_url: str
    token: Secret | None
    merge_base: str
    head: str

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.clone_url)
            good = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
        except ValueError:
            good = False
        if not good or not re.fullmatch(r"[!-~]+", self.clone_url):
            raise GitError("the clone URL is no http:// or https:// address without a password")
        if not (_SHA.fullmatch(self.merge_base) and _SHA.fullmatch(self.head)):
            raise GitError("the ids of the pull request's commits are not 40 hexadecimal digits")


def offline() -> dict[str, str]:
    """Give the environment for a git that reads what is there, and fetches nothing."""
    kept = {
        name: value
        for name, value in without_settings(os.environ).items()
        if not name.startswith("GIT_") or name.startswith(_PASSED)
    }
    return kept | _ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}


def online(remote: Remote) -> dict[str, str]:
    """Give the environment for a git that talks to the remote, as "origin", and to no other.

    Proxies and certificate authorities are those of our own environment.
    """
    url = urlsplit(remote.clone_url)
    settings = _SETTINGS | {"remote.origin.url": remote.clone_url}
    if remote.token is not None:
        login = base64.b64encode(f"x-access-token:{remote.token.reveal()}".encode()).decode()
        header = f"http.{url.scheme}://{url.netloc}/.extraHeader"
        settings[header] = f"Authorization: Basic {login}"
    environment = offline() | {"GIT_ALLOW_PROTOCOL": url.scheme}
    del environment["GIT_NO_LAZY_FETCH"]
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for index, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment


_NETWORK = (
    r"unable to access|RPC failed|early EOF|hung up|remote error|curl |disconnect|protocol error"
    r"|bad line length|expected '?packfile|expected flush|invalid index-pack output"
)
_FAULTS: tuple[tuple[str, type[GitError], str], ...] = (
    (
        r"returned error: 40[13]|HTTP 40[13]|could not read Username|Authentication failed",
        GitError,
        "{host} does not let git read the repository: the token needs `Contents: read`",
    ),
    (
        r"^fatal: repository '.*' not found|returned error: (404|410|451)",
        GitError,
        "{host} has no such repository, or the token may not see it",
    ),
    (
        r"returned error: 3\d\d",
        FetchError,
        "{host} sends git to another address: the repository moved, or the clone URL is not final",
    ),
    (
        r"not our ref|couldn't find remote ref|unadvertised object",
        CommitMissingError,
        "{host} does not give the commits of the pull request: they are gone, or not there yet",
    ),
    (
        r"[Oo]ut of memory|mmap failed|unable to create .*thread",
        GitError,
        "git needs more memory for the change than it may have",
    ),
    (r"No space left on device|Disk quota exceeded", FetchError, "the disk is full: {reason}"),
    (_NETWORK, FetchError, "git cannot fetch from {host}: {reason}"),
)


def explained(error: GitFailedError, remote: Remote) -> GitError:
    """Give git's error in our words and type; the same one where the fault is in our copy."""
    for pattern, kind, words in _FAULTS:
        if re.search(pattern, error.said, re.MULTILINE):
            host = urlsplit(remote.clone_url).netloc
            return kind(words.format(host=host, reason=error))
    return error
