"""What happens comes in; out comes one line for each, in which no secret stands."""

import base64
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote, urlsplit

import structlog

from reviewbot.report.escape import visible
from reviewbot.service.jobs import Job
from reviewbot.settings import Secret

Event = MutableMapping[str, Any]

_HIDDEN = "…"
_SHORTEST = 6
"""A secret of fewer characters is a word that a line may hold by chance."""
_LOUD = ("httpx2", "httpcore2", "alembic", "urllib3", "kombu", "celery", "github", "uvicorn")
_BORROWED = (
    (re.compile(r"gh[a-z]_[A-Za-z0-9_.-]{8,}"), _HIDDEN),  # GitHub gives us tokens while we run
    (re.compile(r"github_pat_\w{8,}"), _HIDDEN),
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), _HIDDEN),  # what we sign to get them
    (re.compile(r"://[^\s/@'\"]*:[^\s/@'\"]+@"), f"://{_HIDDEN}@"),
    # no pattern begins with a choice: these are looked for in every line, and a fixed text is quick
    (re.compile(r"asic [\w+/=-]{20,}"), f"asic {_HIDDEN}"),
    (re.compile(r"earer [\w+/=.~-]{20,}"), f"earer {_HIDDEN}"),
)
"""What is secret by its looks, since nobody knows it beforehand."""


def get_logger() -> Any:
    """Give the logger of the service."""
    return structlog.get_logger()


def set_up_logs(form: str, secrets: Sequence[Secret], *, part: str) -> None:
    """Send every line, those of libraries too, to stderr: as JSON, or as text on a terminal.

    `form` is "json", "text" or "auto"; the `secrets` are taken out of whatever is written, also
    of errors that nobody caught.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    redact = make_redactor(secrets)

    def add_part(_: object, __: str, event: Event) -> Event:
        event["part"] = part  # no context variable: those of one thread are not those of another
        return event

    def hide(_: object, __: str, line: Any) -> str:
        return redact(line)

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_part,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _as_json() if as_json else _as_text()
    structlog.configure(
        processors=[*shared, *last, hide],
        logger_factory=lambda *_: _Lines(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    formatter = _Redacting(
        redact,
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.ERROR)  # a job put back is no news
    logging.getLogger("celery.worker.request").addFilter(_without_trace)
    logging.raiseExceptions = False  # else a line that cannot be written is shown as it was
    logging.captureWarnings(capture=True)
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_uncaught_of_thread


def _without_trace(record: logging.LogRecord) -> bool:
    """Tell in a line that a message was not settled: the broker is gone, and the job is safe."""
    if str(record.msg).startswith(("Couldn't ack", "Couldn't reject")):
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


@contextmanager
def bind_job(job: Job) -> Iterator[None]:
    """Have every line of the block say which delivery and which pull request it is about."""
    with structlog.contextvars.bound_contextvars(
        job=job.id, kind=job.kind, delivery=job.delivery, pull_request=job.name
    ):
        yield


def make_redactor(secrets: Sequence[Secret]) -> Callable[[str], str]:
    """Make what takes secrets out of a text, however they are spelled there.

    What looks like a token of GitHub, or stands where a password does, goes too.
    """
    spellings = _spellings(secrets)

    def redact(text: str) -> str:
        for spelling in spellings:
            text = text.replace(spelling, _HIDDEN)
        for pattern, instead in _BORROWED:
            text = pattern.sub(instead, text)
        return text

    return redact


class _Lines:
    """Writes whole lines. Where nobody reads them any more, the work goes on all the same."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def msg(self, line: str) -> None:
        with suppress(OSError):
            self._out.write(line + "\n")
            self._out.flush()

    debug = info = warning = error = critical = exception = msg


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Takes secrets out of a line when it is whole: whoever wrote it, and wherever they stand."""

    def __init__(self, redact: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def _as_json() -> list[Any]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _as_text() -> list[Any]:
    plain = structlog.dev.plain_traceback
    colours = sys.stderr.isatty()
    return [_harmless, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]


def _harmless(_: object, __: str, event: Event) -> Event:
    """Keep what strangers wrote, as in a header, from steering the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value)
    return event


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        get_logger().critical("an error that nobody caught", exc_info=(kind, error, trace))


def _tell_uncaught_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _tell_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _spellings(secrets: Sequence[Secret]) -> list[str]:
    """Give the forms in which secrets may stand in a text, the longest first."""
    whole = {secret.reveal() for secret in secrets}
    whole |= {password for text in whole if (password := _password(text))}
    # the lines of a private key, which is long enough to be seen in part
    lines = {line for text in whole for line in text.splitlines() if not line.startswith("---")}
    forms = {form for text in whole | lines for form in _escaped(text)}
    forms |= {form for text in whole for form in _in_base64(text.encode())}
    return sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)


def _password(text: str) -> str | None:
    try:
        return urlsplit(text).password if "://" in text else None
    except ValueError:
        return None


def _escaped(text: str) -> Iterator[str]:
    yield quote(text)
    yield quote(text, safe="")
    for shown in (text, repr(text)[1:-1]):  # an error's text often is a repr, in a line of JSON
        yield shown
        yield json.dumps(shown)[1:-1]


def _in_base64(text: bytes) -> Iterator[str]:
    """Give what any Base64 of the text holds: it may begin at any of three places of a group."""
    if len(text) < _SHORTEST:
        return
    for before in range(3):
        coded = base64.b64encode(bytes(before) + text).decode()
        core = coded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
