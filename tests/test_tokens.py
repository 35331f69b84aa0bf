"""The estimate of tokens: never lower for more text, and of the right size for known texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff.tokens import LINE_TOKENS, estimate_lines, estimate_tokens


@settings(max_examples=400)
@given(st.text(max_size=30), st.text(max_size=30))
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    assert (
        estimate_tokens(text)
        <= estimate_tokens(text + more)
        <= (estimate_tokens(text) + estimate_tokens(more))
    )


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_an_estimate_is_at_least_one_and_at_most_two_a_byte(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    assert 1 <= estimate_tokens(text) <= 2 * size + 1


def test_each_line_costs_its_id_too() -> None:
    body = "+a = 1\n-b = 2\n"
    assert estimate_lines(body) == estimate_tokens(body) + 2 * LINE_TOKENS


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 1, 1),
        ("the quick brown fox jumps over the lazy dog", 7, 14),
        ("    return sum(values) / len(values) if values else 0", 9, 18),
        ("sha512-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 40, 70),
        ("\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", 8, 20),
    ],
)
def test_an_estimate_is_of_the_right_size(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


def test_half_a_surrogate_pair_is_no_error() -> None:
    assert estimate_tokens("\ud800") > 0
