"""What happens comes in; out comes one line for each, in which no secret stands."""

import base64
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import structlog

from reviewbot.service.jobs import Job
from reviewbot.settings import Secret

_HIDDEN = "…"
_SHORTEST = 6
"""A secret of fewer characters is a word that a line may hold by chance."""


def get_logger() -> Any:
    """Give the logger of the service."""
    return structlog.get_logger()


def set_up_logs(form: str, secrets: Sequence[Secret], *, part: str) -> None:
    """Send every line, those of libraries too, to stderr: as JSON, or as text on a terminal.

    `form` is "json", "text" or "auto"; the `secrets` are taken out of whatever is written.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.EventRenamer("event"),
    ]
    last = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )  # fmt: skip
    errors = [structlog.processors.format_exc_info] if as_json else []
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = _Redacting(
        _spellings(secrets),
        foreign_pre_chain=[*shared[:-1], structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in ("httpx2", "httpcore2", "alembic", "urllib3", "kombu", "celery", "github",
                 "uvicorn"):  # fmt: skip
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.ERROR)  # a job put back is no news
    structlog.contextvars.bind_contextvars(part=part)


@contextmanager
def bind_job(job: Job) -> Iterator[None]:
    """Have every line of the block say which delivery and which pull request it is about."""
    with structlog.contextvars.bound_contextvars(
        job=job.id, kind=job.kind, delivery=job.delivery, pull_request=job.name
    ):
        yield


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Takes secrets out of a line when it is whole: whoever wrote it, and wherever they stand."""

    def __init__(self, spellings: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self._spellings = spellings

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for spelling in self._spellings:
            line = line.replace(spelling, _HIDDEN)
        return line


def _spellings(secrets: Sequence[Secret]) -> list[str]:
    """Give the forms in which secrets may stand in a text, the longest first."""
    texts = [secret.reveal() for secret in secrets]
    texts += [line for text in texts for line in text.splitlines() if not line.startswith("---")]
    long = {text for text in texts if len(text) >= _SHORTEST}
    forms = {form for text in long for form in (
        text, quote(text), quote(text, safe=""), base64.b64encode(text.encode()).decode(),
        repr(text)[1:-1],
    )}  # fmt: skip
    return sorted(forms, key=len, reverse=True)
