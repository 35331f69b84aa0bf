"""What is logged, as a process writes it: one line each, its ids on it, and no secret in it."""

import base64
import itertools
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from reviewbot.service.logs import make_redactor
from reviewbot.settings import Secret

SECRET = 'hunter"2/+and\\more'
SET_UP = f"""
import logging, sys, threading, warnings
from reviewbot.service.logs import bind_job, get_logger, set_up_logs
from reviewbot.settings import Secret
SECRET = {SECRET!r}
set_up_logs(FORM, [Secret(SECRET), Secret("redis://user:broker-password@host/0")], part="api")
log = get_logger()
"""
CELERY = str(Path(sys.executable).parent / "celery")
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(
    base64.b64encode(bytes([number]) * 48).decode() for number in range(5)
)


def written(code: str, form: str = "json") -> str:
    """What a process wrote to stderr that set up its logs and ran this code."""
    whole = SET_UP.replace("FORM", repr(form)) + code
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == ""
    return done.stderr


def lines(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(code).splitlines()]


def test_a_line_is_json_with_its_fields_and_the_part_that_wrote_it() -> None:
    [line] = lines("log.info('delivery', outcome='taken', jobs=(1, 2))")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "delivery", "level": "info", "part": "api", "outcome": "taken", "jobs": [1, 2],
    }  # fmt: skip


def test_the_lines_of_libraries_are_json_too_when_they_matter() -> None:
    [line] = lines(
        "logging.getLogger('kombu').info('chatter')\n"
        "logging.getLogger('celery.worker').error('no %s', 'broker')"
    )
    assert (line["event"], line["level"], line["logger"]) == ("no broker", "error", "celery.worker")


def test_every_line_of_a_job_names_its_delivery_and_its_pull_request() -> None:
    job = (
        "from types import SimpleNamespace\n"
        "job = SimpleNamespace(id=7, kind='review', delivery='guid', name='acme/web#12')\n"
        "with bind_job(job):\n"
        "    log.info('one')\n"
        "    logging.getLogger('urllib3').warning('two')\n"
        "log.info('three')"
    )
    one, two, three = lines(job)
    expected = {"job": 7, "kind": "review", "delivery": "guid", "pull_request": "acme/web#12"}
    assert one.items() >= expected.items()
    assert two.items() >= expected.items()
    assert not three.keys() & expected.keys()


@pytest.mark.parametrize(
    "code",
    [
        "log.info(f'it is {SECRET}')",
        "log.info('field', value=SECRET)",
        "log.info('nested', value={'a': [SECRET]})",
        "logging.getLogger('celery').error('argument %s', SECRET)",
        "try: raise ValueError(SECRET)\nexcept ValueError: log.exception('caught')",
        "try: raise ValueError(SECRET)\nexcept ValueError: logging.exception('caught')",
        "raise ValueError(SECRET)",
        "threading.Thread(target=lambda: {}[SECRET]).start()",
        "warnings.warn(SECRET)",
        "log.info('broker', error='AUTH broker-password failed')",
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_secret_stands_in_no_line(code: str, form: str) -> None:
    text = written(code, form)
    assert "…" in text or "\\u2026" in text
    assert all(one not in text for one in (SECRET, "hunter", "broker-password"))


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        repr(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1],
        *(base64.b64encode(before + SECRET.encode()).decode() for before in (b"", b"a:", b"a")),
        base64.urlsafe_b64encode(b"x-access-token:" + SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_known_however_it_is_spelled(spelled: str) -> None:
    redacted = make_redactor([Secret(SECRET)])(f"before {spelled} after")
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "…" in redacted
    assert SECRET[:6] not in redacted
    assert base64.b64encode(SECRET[:9].encode()).decode()[:10] not in redacted


def test_a_line_of_a_private_key_is_as_secret_as_the_whole() -> None:
    redact = make_redactor([Secret(KEY)])
    assert redact(KEY.splitlines()[3]) == "…"
    assert redact(json.dumps(KEY)) == '"…"'
    assert redact(KEY.replace("\n", "; ")).count("…") == 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token ghs_16C7e42F292c6912E7710c838347Ae178B4a.", "token …"),
        ("github_pat_11ABCDEFG0abcdefghij_more", "…"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0aa.c2lnbmF0dXJl", "…"),
        ("redis://user:pass@host:6379/0", "redis://…@host:6379/0"),
        ("postgresql+psycopg://bot:p%40ss@db/reviewbot", "postgresql+psycopg://…@db/reviewbot"),
        ("Authorization: Basic eC1hY2Nlc3MtdG9rZW46Z2hzXw==", "Authorization: Basic …"),
        ("authorization: bearer abcdefghijklmnopqrstuvwxyz", "authorization: bearer …"),
        ("https://github.com/acme/web/pull/12", "https://github.com/acme/web/pull/12"),
        ("basic checks passed, 12:30@noon", "basic checks passed, 12:30@noon"),
    ],
)
def test_what_looks_secret_is_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert make_redactor([])(text) == shown


def test_a_word_that_is_too_short_to_be_a_secret_hides_nothing() -> None:
    assert make_redactor([Secret("main")])("branch main") == "branch main"


def test_on_a_terminal_it_is_text_and_elsewhere_json() -> None:
    ours, theirs = pty.openpty()
    code = SET_UP.replace("FORM", "'auto'") + "log.info('hello', who='you')"
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "hello" in shown
    assert "{" not in shown
    assert json.loads(written("log.info('hello', who='you')", "auto"))["who"] == "you"


def test_what_strangers_wrote_does_not_steer_the_terminal() -> None:
    header = "\x1b]0;title\x07\x9b31m\nfake line"
    text = written(f"log.warning('refused', gh_event={header!r})", "text")
    assert not set(text) & {"\x1b", "\x07", "\x9b"}
    assert len(text.splitlines()) == 1


def test_a_line_that_cannot_be_made_shows_nothing_of_itself() -> None:
    assert SECRET not in written("logging.getLogger('celery').error('%s %s', SECRET)")


def test_work_goes_on_where_nobody_reads_the_lines_any_more() -> None:
    code = SET_UP.replace("FORM", "'json'") + (
        "import os\n"
        "ours, theirs = os.pipe()\n"
        "os.dup2(theirs, 2)\n"
        "os.close(theirs)\n"
        "os.close(ours)\n"
        "import signal; signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n"
        "log.info('to nobody')\n"
        "logging.error('to nobody')\n"
        "print('done')\n"
        "os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-uc", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "done\n"


def until(words: str, read: Iterable[str]) -> Iterator[str]:
    for line in read:
        yield line
        if words in line:
            return


def test_a_worker_shows_no_password_of_its_broker(tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(
        "from celery import signals\n"
        "from reviewbot.service.logs import set_up_logs\n"
        "from reviewbot.service.queue import make_app\n"
        "from reviewbot.settings import Secret\n"
        "url = 'redis://user:broker-password@127.0.0.1:1/0'\n"
        "set_up_logs('json', [Secret(url)], part='worker')\n"
        "signals.setup_logging.connect(lambda **_: None, weak=False)\n"
        "app = make_app(url)\n"
    )
    with subprocess.Popen(
        [CELERY, "-A", "bare:app", "worker"], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        seen = "".join(itertools.islice(until("Cannot connect", process.stdout), 100))
        process.kill()
    assert "127.0.0.1:1" in seen
    assert "broker-password" not in seen


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_message_that_cannot_be_acked_is_a_line_without_a_traceback(form: str) -> None:
    code = f"""
import logging
from reviewbot.service.logs import set_up_logs
set_up_logs({form!r}, (), part="worker")
try:
    raise ConnectionError("gone")
except ConnectionError as error:
    log = logging.getLogger("celery.worker.request")
    log.critical("Couldn't ack %r, reason:%r", 1, error, exc_info=True)
    log.critical("Couldn't reject %r, reason: %r", 2, error, exc_info=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Couldn't ack 1" in done.stderr
    assert "Couldn't reject 2" in done.stderr
    assert "Traceback" not in done.stderr
