"""What GitHub knows: reviews, check runs and deliveries, and when each came to be."""

import time
from dataclasses import dataclass, field
from typing import Any

APP_ID = 4242
SLUG = "reviewbot-of-the-tests"
BOT = f"{SLUG}[bot]"
NEVER = float("inf")


@dataclass(slots=True)
class Review:
    """A review; the times say what a list that lags shows of it."""

    id: int
    author: str
    body: str
    commit_id: str
    comments: list[dict[str, Any]]
    created_at: float = field(default_factory=time.time)
    submitted_at: float = NEVER
    deleted_at: float = NEVER
    dismissed: bool = False

    def state(self, at: float) -> str:
        if self.submitted_at > at:
            return "PENDING"
        return "DISMISSED" if self.dismissed else "COMMENTED"

    def exists(self, at: float) -> bool:
        return self.created_at <= at < self.deleted_at


@dataclass(slots=True)
class Check:
    """A check run."""

    id: int
    name: str
    head: str
    external_id: str
    app_id: int = APP_ID
    status: str = "in_progress"
    conclusion: str | None = None
    title: str = ""
    summary: str = ""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    created_at: float = field(default_factory=time.time)


@dataclass(slots=True)
class Delivery:
    """One attempt to deliver an event; those of one event share the `guid`."""

    id: int
    guid: str
    event: str
    payload: dict[str, Any]
    status: int = 0
    sent_at: float = field(default_factory=time.time)

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300
