"""An installation's id comes in; out comes a token that is good for five minutes at least."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from reviewbot.settings import Secret

LEFT_SECONDS = 300.0
"""A token with less than this left is renewed: a fetch of git must not outlive it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the Unix time at which it expires. Its length is nobody's business."""

    secret: Secret
    expires_at: float


class Tokens:
    """The tokens of one process; for any number of threads, and never stored elsewhere."""

    def __init__(self, fetch: Callable[[int], Token], clock: Callable[[], float] = time.time):
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[int, Token] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, installation: int) -> Secret:
        """Give a token; raises what fetching one raises. Threads that want the same one wait."""
        with self._lock_of(installation):
            token = self._kept.get(installation)
            if token is None or token.expires_at - self._clock() < LEFT_SECONDS:
                token = self._kept[installation] = self._fetch(installation)
            return token.secret

    def drop(self, installation: int, refused: Secret) -> None:
        """Forget a token that GitHub does not take any more; one renewed meanwhile stays."""
        with self._lock_of(installation):
            token = self._kept.get(installation)
            if token is not None and token.secret is refused:
                del self._kept[installation]

    def _lock_of(self, installation: int) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(installation, threading.Lock())
