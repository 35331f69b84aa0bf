"""What a prompt costs beside the diff it shows, by a model's own tokenizer.

    python -m benchmarks.prompt (MODEL.gguf | URL of a llama.cpp server) [DIFF …]

With diffs, also how good the estimate of tokens is on the requests that they make.
"""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from benchmarks.measure import show
from reviewbot.budget import DEFAULT_INFO, budget_for
from reviewbot.diff.chunk import Chunk
from reviewbot.diff.parse import parse_diff
from reviewbot.engine import plan
from reviewbot.errors import DiffError
from reviewbot.model.ask import SURE_SHARE, estimate_request
from reviewbot.model.prompt import Shown, build_messages
from reviewbot.servers.client import Client
from reviewbot.servers.completion import Message
from reviewbot.servers.embedded import start
from reviewbot.servers.llamacpp import LlamaCpp

BOUND = 800
FIVE_LINES = b"""\
diff --git a/cart.py b/cart.py
--- a/cart.py
+++ b/cart.py
@@ -12,4 +12,4 @@ class Cart:
     def total(self) -> Decimal:
         items = self.items.values()
-        return sum(item.price for item in items)
+        return sum(item.price * item.count for item in items)
 \n"""


def main() -> None:
    """Ask the tokenizer of a server that is named, or of one started on the model file."""
    parser = argparse.ArgumentParser(description="Tokens of the prompts that reviewbot sends.")
    parser.add_argument("model", help="a GGUF file, or the URL of a llama.cpp server")
    parser.add_argument("diffs", nargs="*", type=Path)
    options = parser.parse_args()
    with _served(options.model) as (url, key):
        asyncio.run(_measure(url, key, options.diffs))


@contextmanager
def _served(model: str) -> Iterator[tuple[str, str | None]]:
    if "://" in model:
        yield model, None
        return
    with start(Path(model), threads=1, context=2048) as server:
        yield server.url, server.key


async def _measure(url: str, key: str | None, diffs: list[Path]) -> None:
    client = Client(url, key)
    try:
        server = LlamaCpp(client)
        print((await server.describe()).model)
        await _overhead(server)
        if diffs:
            await _estimates(server, [chunk for path in diffs for chunk in _chunks(path)])
    finally:
        await client.close()


async def _overhead(server: LlamaCpp) -> None:
    [chunk] = _plan(FIVE_LINES)
    bare = await _tokens(server, (Message("user", ""),))
    code = await _tokens(server, (Message("user", chunk.hunks[0].body),)) - bare
    whole = await _tokens(server, build_messages(Shown(chunk)))
    figures = f"{whole} in all, {code} of the bare lines"
    show("overhead on a five-line diff", figures, whole - code, "", BOUND)


async def _estimates(server: LlamaCpp, chunks: list[Chunk]) -> None:
    """Show how the true count stands to the estimate, over all requests of the diffs."""
    ratios = sorted(
        [
            await _tokens(server, build_messages(Shown(one))) / estimate_request(one)
            for one in chunks
        ]
    )
    percentiles = quantiles(ratios, n=100, method="inclusive")
    print(f"\n{len(chunks)} requests: true tokens in units of the estimate")
    for percent in (1, 10, 50, 90, 99):
        show(f"   {percent} of 100 are at or below", "", percentiles[percent - 1], "x")
    show("   the most", "", ratios[-1], "x", 1 / SURE_SHARE)


async def _tokens(server: LlamaCpp, messages: tuple[Message, ...]) -> int:
    count = await server.count_tokens(messages)
    if count is None:
        raise SystemExit("this server counts no tokens")
    return count


def _chunks(path: Path) -> tuple[Chunk, ...]:
    try:
        return _plan(path.read_bytes())
    except DiffError as error:
        print(f"{path}: {error}")
        return ()


def _plan(diff: bytes) -> tuple[Chunk, ...]:
    return plan(parse_diff(diff), budget_for(DEFAULT_INFO)).chunks


if __name__ == "__main__":
    main()
