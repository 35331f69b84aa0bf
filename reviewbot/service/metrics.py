"""What a process did comes in; out comes a page of figures for Prometheus.

No label has values without bound: repositories and pull requests stand in the logs.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reviewbot.errors import DatabaseError, SettingsError
from reviewbot.findings.review import Usage
from reviewbot.service.database import Database
from reviewbot.service.jobs import ACTIVE, ENDED
from reviewbot.service.listing import count_jobs

REGISTRY = CollectorRegistry()
EVENTS = frozenset({
    "pull_request", "check_run", "check_suite", "merge_group", "installation", "ping", "push",
    "installation_repositories", "issue_comment", "pull_request_review",
})  # fmt: skip
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NOTHING = Usage()
_deliveries = Counter(
    "reviewbot_deliveries", "Deliveries by event and outcome.", ["event", "outcome"],
    registry=REGISTRY,
)  # fmt: skip
_reviews = Counter("reviewbot_reviews", "Reviews by outcome.", ["outcome"], registry=REGISTRY)
_stages = Histogram(
    "reviewbot_stage_seconds", "Seconds that a stage of a review takes.", ["stage"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000), registry=REGISTRY,
)  # fmt: skip
_calls = Counter("reviewbot_model_calls", "Calls sent to the model, by what for.", ["stage"],
                 registry=REGISTRY)  # fmt: skip
_tokens = Counter("reviewbot_model_tokens", "Tokens by kind and by what for.", ["kind", "stage"],
                  registry=REGISTRY)  # fmt: skip
_retries = Counter("reviewbot_job_retries", "Jobs that were put off.", ["counts"],
                   registry=REGISTRY)  # fmt: skip
_wakeups = Counter("reviewbot_wakeups", "Messages to workers by outcome.", ["outcome"],
                   registry=REGISTRY)  # fmt: skip
_limit = Gauge("reviewbot_github_requests_left", "The least that GitHub said is left of a limit.",
               registry=REGISTRY)  # fmt: skip


def count_delivery(event: str, outcome: str) -> None:
    """Count a delivery."""
    _deliveries.labels(event if event in EVENTS else "other", outcome).inc()


def count_wakeups(outcome: str, messages: int = 1) -> None:
    """Count messages that wake workers; those not sent are sent by the sweeper."""
    _wakeups.labels(outcome).inc(messages)


def count_review(outcome: str, usage: Usage = _NOTHING) -> None:
    """Count a review and what its stages cost."""
    _reviews.labels(outcome).inc()
    for one in usage.stages:
        _calls.labels(one.stage).inc(one.calls)
        _tokens.labels("prompt", one.stage).inc(one.prompt_tokens)
        _tokens.labels("completion", one.stage).inc(one.completion_tokens)
        _tokens.labels("cached", one.stage).inc(one.cached_tokens)


def count_retry(*, counts: bool) -> None:
    """Count a job that was put off, by whether that was an attempt."""
    _retries.labels(str(counts).lower()).inc()


def note_limit(left: int) -> None:
    """Note what GitHub says is left of a limit."""
    _limit.set(left)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage of a review."""
    with _stages.labels(name).time():
        yield


class _Jobs(Collector):
    """Counts the jobs when the page is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("reviewbot_jobs", "Jobs by state.", labels=["state"])
        ages = GaugeMetricFamily(
            "reviewbot_oldest_job_seconds", "Age of the oldest job in a state.", labels=["state"]
        )
        try:
            with self._database.read() as connection:
                counts = {count.state: count for count in count_jobs(connection)}
        except DatabaseError:
            return [jobs, ages]  # the other figures are still worth their page
        for state in (*ACTIVE, "done", *ENDED):
            jobs.add_metric([state], counts[state].jobs if state in counts else 0)
        for state in ACTIVE:
            age = time.time() - counts[state].oldest if state in counts else 0.0
            ages.add_metric([state], max(0.0, age))
        return [jobs, ages]


def collect_jobs(database: Database) -> None:
    """Have the page show the table of jobs."""
    REGISTRY.register(_Jobs(database))


def page() -> bytes:
    """Give the page."""
    return generate_latest(REGISTRY)


def serve_metrics(host: str, port: int, alive: Callable[[], bool]) -> ThreadingHTTPServer:
    """Serve /metrics and /livez of a worker from threads of their own.

    Raises `SettingsError` where the port cannot be had.
    """

    class Page(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, page(), CONTENT_TYPE)
            elif self.path == "/livez":
                well = alive()
                self._answer(200 if well else 503, b"ok\n" if well else b"stuck\n", "text/plain")
            else:
                self._answer(404, b"no such page\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: it is asked every few seconds."""

    try:
        server = ThreadingHTTPServer((host, port), Page)
    except OSError as error:
        raise SettingsError(f"REVIEWBOT_WORKER_PORT {port}: {error.strerror}") from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
