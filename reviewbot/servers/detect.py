"""An address comes in; out comes which kind of model server answers there."""

from collections.abc import Callable
from typing import Literal

from reviewbot.errors import ServerError
from reviewbot.servers import llamacpp, tgi, vllm
from reviewbot.servers.client import Client

Kind = Literal["tgi", "vllm", "llamacpp"]
Server = tgi.Tgi | vllm.Vllm | llamacpp.LlamaCpp
Make = Callable[[Client, str | None], Server]

SERVERS: dict[Kind, Make] = {"tgi": tgi.Tgi, "vllm": vllm.Vllm, "llamacpp": llamacpp.LlamaCpp}
"""The kinds of server, by the name that REVIEWBOT_MODEL_SERVER takes."""


async def detect(client: Client) -> Kind:
    """Ask for what only one kind of server has; raises `ServerError` where it is none of them."""
    if await client.get("/info", tgi.Info):
        return "tgi"
    if await client.get("/props", llamacpp.Props):
        return "llamacpp"
    models = await client.get("/v1/models", vllm.Models)
    if models and models.data:
        return "vllm"
    raise ServerError(
        f"{client.root} answers, but is no TGI, vLLM or llama.cpp server that reviewbot knows:"
        " check REVIEWBOT_MODEL_URL, or name the kind in REVIEWBOT_MODEL_SERVER"
    )
