"""What the further looks and the judge cost in prompt tokens, beside one look: on a real server.

    python -m benchmarks.cost MODEL

MODEL is a GGUF file. Any model does, as small as it may be: what is counted is what llama.cpp says
that it took from its prefix cache, for three looks at a chunk of about 1,500 tokens with about
2,000 of context, and a judge that is asked of eight claims.
"""

import asyncio
import sys
from pathlib import Path

from benchmarks.measure import show
from reviewbot.budget import budget_for
from reviewbot.context.note import Note
from reviewbot.diff.chunk import Chunk, print_lines
from reviewbot.diff.parse import parse_diff
from reviewbot.engine import plan
from reviewbot.model.ask import Asker, Ports, Spent
from reviewbot.model.gate import Gate
from reviewbot.model.kept import NothingKept
from reviewbot.model.look import LOOKS
from reviewbot.model.prompt import Claim, Shown, build_judgement
from reviewbot.servers.completion import ServerInfo
from reviewbot.servers.local import LocalModel

CLAIMS = 8
MOST = 2.5
_ANSWER = 64  # what is written costs no prompt
_CONTEXT = 8192


def make_shown() -> Shown:
    """Make a chunk and notes of the sizes that a review has."""
    lines = [
        f"+    total_{n} = prices[{n}] * rate_of(currency_{n}) + offset({n}, 'EUR')"
        for n in range(62)
    ]
    diff = "\n".join([
        "diff --git a/shop/total.py b/shop/total.py", "--- a/shop/total.py", "+++ b/shop/total.py",
        f"@@ -1,1 +1,{len(lines) + 1} @@ def totals(prices):", *lines, " ", "",
    ])  # fmt: skip
    body = "\n".join(f"    step_{n} = convert(amount, source_{n}, target_{n})" for n in range(9))
    notes = tuple(
        Note(f"shop/rates.py:{n} `rate_{n}`, which the change calls", f"def rate_{n}(a):\n{body}")
        for n in range(10)
    )
    info = ServerInfo("llamacpp", "any", _CONTEXT - 1, _CONTEXT)
    [chunk] = plan(parse_diff(diff.encode()), budget_for(info)).chunks
    return Shown(chunk, notes)


def claims(chunk: Chunk) -> list[Claim]:
    """Make claims about lines of a chunk, each worded otherwise."""
    ids = [one.id for one in print_lines(chunk)]
    return [
        Claim(ids[n * 7], ids[n * 7], f"The rate of currency {n} is taken twice",
              f"`total_{n}` multiplies by a rate that `offset` adds again, so it is too high.")
        for n in range(CLAIMS)
    ]  # fmt: skip


async def measure(path: Path) -> dict[str, Spent]:
    """Ask as a review does: the first look, the others at once, then the judge."""
    model = LocalModel(path, threads=None, context=_CONTEXT)
    try:
        info = await model.describe()
        ports = Ports(model, "local", Gate(info.slots or 1), NothingKept(), None)
        asker = Asker(ports, info, info.max_prompt, _ANSWER)
        shown = make_shown()
        await asker.ask(shown, halved=True)
        async with asyncio.TaskGroup() as group:
            for look in LOOKS[1:3]:
                group.create_task(asker.ask(shown, look, halved=True))
        async with asyncio.TaskGroup() as group:
            for claim in claims(shown.chunk):
                group.create_task(asker.say(build_judgement(shown, claim), "judge", judging=True))
        return {str(stage): spent for stage, spent in asker.tally.items()}
    finally:
        await model.close()


def main() -> None:
    spent = asyncio.run(measure(Path(sys.argv[1])))
    one = spent["first look"]
    per_call = one.prompt_tokens / one.calls
    print(f"{'':<14}{'calls':>8}{'prompt':>10}{'cached':>10}{'shared, estimated':>20}")
    for stage, cost in spent.items():
        print(f"{stage:<14}{cost.calls:>8}{cost.prompt_tokens:>10}{cost.cached_tokens:>10}"
              f"{cost.shared_tokens:>20}")  # fmt: skip
    paid = sum(cost.prompt_tokens - cost.cached_tokens for cost in spent.values())
    estimated = sum(cost.prompt_tokens - cost.shared_tokens for cost in spent.values())
    show("three looks and a judge", f"{paid} tokens paid", paid / per_call, "x", MOST)
    show("the same, estimated", f"{estimated} tokens", estimated / per_call, "x", MOST)


if __name__ == "__main__":
    main()
