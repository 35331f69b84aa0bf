from dataclasses import dataclass
from typing import Literal, NamedTuple
Side = Literal["LEFT", "RIGHT"]
Status = Literal["added", "deleted", "modified", "renamed", "copied", "type changed"]

class Line(NamedTuple):
    sign: str
    text: str
    old: int
    new: int

    @property
    def side(self) -> Side:
        return "LEFT" if self.sign == "-" else "RIGHT"

    @property
    def number(self) -> int:
        return self.old if self.sign == "-" else self.new
