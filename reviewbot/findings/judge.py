"""The likeliest first tokens of a verdict come in; out come the judge's log-odds, or none."""

import math
from collections.abc import Iterable

from reviewbot.servers.completion import TokenChance

YES = frozenset({"yes", "y"})
NO = frozenset({"no", "n"})
_MOST_MISSING = 0.5
"""With less than this on yes and no together, the model talks of something else."""
_LEAST = 1e-6


def log_odds(chances: Iterable[TokenChance]) -> float | None:
    """Give the natural logarithm of yes to no, over the tokens in every case and spacing.

    What is missing of the whole is shared between both, so that a token which was not among the
    likeliest counts for no more than what is unknown. None is an abstention: most of the mass
    is on other tokens, or there is none at all.
    """
    yes = no = 0.0
    for chance in chances:
        word = chance.token.strip(" \t\r\n▁Ġ\"'`*.:").casefold()
        mass = math.exp(min(0.0, chance.logprob)) if not math.isnan(chance.logprob) else 0.0
        yes += mass * (word in YES)
        no += mass * (word in NO)
    missing = max(0.0, 1.0 - yes - no)
    if missing > _MOST_MISSING:
        return None
    share = max(missing / 2, _LEAST)
    return math.log((yes + share) / (no + share))
