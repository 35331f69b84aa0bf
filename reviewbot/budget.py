"""What a model server reads at once comes in; out comes how one request shares it out."""

from dataclasses import dataclass

from reviewbot.diff.chunk import MAX_CHANGED_LINES
from reviewbot.diff.tokens import LINE_TOKENS
from reviewbot.errors import ServerError
from reviewbot.model.prompt import overhead_tokens
from reviewbot.servers.completion import ServerInfo

ANSWER_TOKENS = 1024
CONTEXT_TOKENS = 2000
TAIL_TOKENS = 200
_ENOUGH_DIFF = 3000  # below this many tokens of diff, the share of the context gives way
_LEAST_DIFF = 200
_MOST_DIFF = 9_999 * LINE_TOKENS  # so that no chunk has a line whose id needs a fifth digit
DEFAULT_INFO = ServerInfo("none", "none", max_prompt=16_384, max_total=18_432)
"""What `--plan` reckons with where a server is set and not asked: the limits advised for TGI on a
card of 24 GB."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The tokens of one request: what the prompt may have in all, the diff's share of it, and that
    of the code around the change.
    """

    prompt: int
    diff: int
    answer: int = ANSWER_TOKENS
    lines: int = MAX_CHANGED_LINES
    context: int = 0


def budget_for(info: ServerInfo, answer: int = ANSWER_TOKENS) -> Budget:
    """Share out what a server reads at once.

    The answer, the context of a change and a tail are kept free from the start. On a small
    server the context's share goes first, then the answer shrinks to a quarter of the whole.
    Raises `ServerError` where no diff would fit.
    """
    answer = min(answer, max(info.max_total // 4, 64))
    prompt = min(info.max_prompt, info.max_total - answer)
    room = prompt - overhead_tokens() - TAIL_TOKENS
    context = min(CONTEXT_TOKENS, max(0, room - _ENOUGH_DIFF))
    if room - context < _LEAST_DIFF:
        least = (overhead_tokens() + TAIL_TOKENS + _LEAST_DIFF) * 4 // 3 + 1
        raise ServerError(
            f"the model reads {info.max_total} tokens at once and reviewbot needs {least}:"
            " start the server with a larger context"
        )
    return Budget(prompt, min(room - context, _MOST_DIFF), answer, context=context)
