"""The noun Connection: a model server that answered, and what it says of itself."""

from dataclasses import dataclass

from reviewbot.model.ask import ModelServer
from reviewbot.servers.completion import ServerInfo


@dataclass(frozen=True, slots=True)
class Connection:
    """A model server that answered, or a model of our own. `url` names it in errors."""

    server: ModelServer
    info: ServerInfo
    url: str
