"""The fake model servers by name, and as a command: options in, a URL on standard output.

    python -m tests.fakes.model_server --kind tgi --port 0 --slots 4 --seconds 0.5

It serves until SIGINT or SIGTERM, then prints one JSON line with what it saw.
"""

import argparse
import json
import signal
import socket

from tests.fakes.answers import Answer, CutByLength, Finder, Says
from tests.fakes.dialect import Dialect
from tests.fakes.llamacpp import LlamaCpp
from tests.fakes.serving import Call, ModelServer
from tests.fakes.tgi import Tgi
from tests.fakes.vllm import Vllm

__all__ = [
    "Answer",
    "Call",
    "CutByLength",
    "Finder",
    "LlamaCpp",
    "ModelServer",
    "Says",
    "Tgi",
    "Vllm",
    "closed_port_url",
]

KINDS: dict[str, type[Tgi] | type[Vllm] | type[LlamaCpp]] = {
    "tgi": Tgi,
    "vllm": Vllm,
    "llamacpp": LlamaCpp,
}


def closed_port_url() -> str:
    """A URL where connections are refused."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake model server on 127.0.0.1.")
    parser.add_argument("--kind", choices=sorted(KINDS), default="tgi")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=64, help="calls worked on at once")
    parser.add_argument("--seconds", type=float, default=0.0, help="time each call takes")
    parser.add_argument("--max-total", type=int, default=8192, help="prompt and answer, in tokens")
    parser.add_argument("--marker", default="BUG", help="lines with this text are findings")
    parser.add_argument("--api-key")
    options = parser.parse_args()
    dialect = _dialect(options.kind, options.max_total)
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with ModelServer(
        dialect,
        Finder(marker=options.marker),
        slots=options.slots,
        seconds=options.seconds,
        api_key=options.api_key,
        port=options.port,
    ) as server:
        print(server.url, flush=True)
        signal.sigwait(signals)
    seen = {
        "calls": len(server.calls),
        "max_in_flight": server.max_in_flight,
        "disconnects": server.disconnects,
    }
    print(json.dumps(seen), flush=True)


def _dialect(kind: str, max_total: int) -> Dialect:
    if kind == "tgi":
        return Tgi(max_input=max_total - 1, max_total=max_total)
    return KINDS[kind](max_total=max_total)


if __name__ == "__main__":
    main()
