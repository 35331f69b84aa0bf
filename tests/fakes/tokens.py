"""A deterministic tokenizer: text in, token counts and pieces out."""

from collections.abc import Callable

Count = Callable[[str], int]
CHARACTERS_A_TOKEN = 3


def count_tokens(text: str) -> int:
    """One token for every three characters begun."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def pieces(text: str, count: Count = count_tokens) -> list[str]:
    """The text in as many parts as it has tokens."""
    parts = count(text)
    size = max(1, -(-len(text) // max(1, parts)))
    return [text[n * size : (n + 1) * size] for n in range(parts)]


def shorten(text: str, limit: int, count: Count = count_tokens) -> str:
    """The longest beginning of the text that has at most `limit` tokens."""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]


def shared_beginning(one: str, other: str) -> str:
    length = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[:length]
