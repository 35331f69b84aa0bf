"""Text comes in; out comes an estimate of the tokens a model reads it as."""

import string

_KINDS = (
    (string.ascii_lowercase, 4), (string.ascii_uppercase, 16), (string.digits, 22),
    (string.whitespace, 0),
)  # fmt: skip
_WEIGHT = {ord(character): weight for characters, weight in _KINDS for character in characters}
_WEIGHTS = bytes(_WEIGHT.get(byte, 11 if byte < 128 else 10) for byte in range(256))
"""Twentieths of a token that each byte counts: marks 11, those of rare characters 10."""

LINE_TOKENS = 6
"""What a printed line costs beside its text: its id, the separator, the sign, the line's end."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text from what kinds of characters it has.

    The weights are fitted on 7,501 hunks of 238 diffs against the tokenizer of
    Qwen2.5-Coder-1.5B: of the hunks above 300 tokens, 98 in 100 have between .72 and 1.16 of
    the estimate, and none has more than 1.19 of it, lock files full of hashes included. So a
    request estimated below 80 % of a limit stays within it.
    """
    return sum(text.encode("utf-8", "replace").translate(_WEIGHTS)) // 20 + 1


def estimate_lines(body: str) -> int:
    """Estimate the tokens of a hunk's text when each of its lines is printed with an id."""
    return estimate_tokens(body) + LINE_TOKENS * body.count("\n")
