"""A model server comes in; out comes whether it holds answers to the schema, asked once."""

import hashlib

from reviewbot.errors import SchemaNotEnforcedError
from reviewbot.model.answer import SCHEMA
from reviewbot.model.ask import Asker
from reviewbot.model.kept import Kept, content_key
from reviewbot.servers.completion import Message, Sampling

_HELLO = (Message("user", "Hello! Please answer with a short greeting."),)
_SAMPLING = Sampling(max_tokens=16)
_BEGINNING = '{"findings":['


async def check_schema(asker: Asker, url: str, probes: Kept) -> None:
    """Raise `SchemaNotEnforcedError` where the server ignores the schema it is sent.

    A plain hello is asked with the real schema, as TGI compiles each new one for seconds. A
    model that is held to it cannot greet. What was seen is remembered for the address and the
    model.
    """
    key = hashlib.sha256(
        f"probe {url} {asker.info.kind} "
        f"{content_key(_HELLO, SCHEMA, asker.info.model, _SAMPLING)}".encode()
    ).hexdigest()
    completion = await probes.get(key)
    if completion is None:
        completion = await asker.complete(_HELLO, SCHEMA, _SAMPLING, "probe")
        if is_held(completion.text):
            await probes.put(key, completion)
    if not is_held(completion.text):
        raise SchemaNotEnforcedError(
            f"the {asker.info.kind} server at {url} does not hold its answers to the schema:"
            " check REVIEWBOT_MODEL_SERVER (TGI must run without --disable-grammar-support),"
            " or set REVIEWBOT_SCHEMA=parse to rely on reading the answers alone"
        )


def is_held(text: str) -> bool:
    """Whether a text, perhaps cut short, begins as every answer to the schema must."""
    begun = "".join(text.split())
    return begun != "" and (begun.startswith(_BEGINNING) or _BEGINNING.startswith(begun))
