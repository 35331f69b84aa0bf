"""Text comes in; out comes an estimate of the tokens a model reads it as."""

_ASCII = bytes(range(128))
_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_DIGITS = b"0123456789"
_SPACE = b" \t\r\n\v\f"

LINE_TOKENS = 6
"""What a printed line costs beside its text: its id, the separator, the sign, the line's end."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text from what kinds of characters it has.

    The weights are fitted on 7,501 hunks of 238 diffs against the tokenizer of
    Qwen2.5-Coder-1.5B: of the hunks above 300 tokens, 98 in 100 have between .72 and 1.16 of
    the estimate, and none has more than 1.19 of it, lock files full of hashes included. So a
    request estimated below 80 % of a limit stays within it.
    """
    data = text.encode("utf-8", "replace")
    size = len(data)
    lower, upper, digits, space = (
        size - len(data.translate(None, kind)) for kind in (_LOWER, _UPPER, _DIGITS, _SPACE)
    )
    rare = len(data.translate(None, _ASCII))
    marks = size - lower - upper - digits - space - rare
    return int(0.2 * lower + 0.8 * upper + 1.1 * digits + 0.55 * marks + 0.5 * rare) + 1


def estimate_lines(body: str) -> int:
    """Estimate the tokens of a hunk's text when each of its lines is printed with an id."""
    return estimate_tokens(body) + LINE_TOKENS * body.count("\n")
