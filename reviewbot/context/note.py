"""The noun Note: a piece of code around a change, as the model is shown it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """A piece of source at head: `title` says where it stands and why it is shown."""

    title: str
    text: str
