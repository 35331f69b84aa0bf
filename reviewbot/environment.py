"""The environment comes in; out comes the part of it that programs we start may have."""

from collections.abc import Mapping

PREFIX = "REVIEWBOT_"
"""What the names of our settings begin with."""


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave our own settings out: no other program needs our keys."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
