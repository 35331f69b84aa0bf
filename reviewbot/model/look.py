"""The number of a look comes in; out comes what it asks for, and how the model draws its tokens."""

from dataclasses import dataclass

from reviewbot.servers.completion import Sampling

_MODERATE = 0.6
"""Warm enough that the same question gives another answer, and cool enough to keep to the code."""


@dataclass(frozen=True, slots=True)
class Look:
    """One pass over a chunk. `focus` names a list in `prompts/`, None for every kind at once."""

    number: int
    focus: str | None
    temperature: float

    def sampling(self, max_tokens: int) -> Sampling:
        """Give the first try's sampling: greedy for the first look, else with a seed of its own."""
        seed = 0 if self.temperature == 0 else self.number
        return Sampling(self.temperature, seed, max_tokens)

    def second_sampling(self, max_tokens: int) -> Sampling:
        """Give that of a second try: at temperature 0 it would say the same again."""
        if self.temperature == 0:
            return Sampling(0.4, 1, max_tokens)
        return Sampling(self.temperature, 100 + self.number, max_tokens)


LOOKS = (
    Look(1, None, 0.0),
    Look(2, "correctness", _MODERATE),
    Look(3, "security", _MODERATE),
    Look(4, "concurrency", _MODERATE),
    Look(5, "contract", _MODERATE),
)
"""The looks in their order: a review takes the first so many. The first asks for all kinds, as
one look alone must, and greedily: the same diff gives the same answer."""
