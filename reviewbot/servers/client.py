"""Requests to a model server come in; out come Completions, or errors that say what to do.

The one file that calls through the hub's client; `hub` downloads with it.
"""

import json
import re
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
from huggingface_hub import AsyncInferenceClient, constants, set_async_client_factory
from huggingface_hub.errors import HfHubHTTPError

from reviewbot.errors import (
    OverloadedError,
    RefusedError,
    ServerError,
    TemporaryError,
    TooLongError,
    UnreachableError,
)
from reviewbot.servers.completion import Completion, Message, Sampling, TokenChance, to_wire

T = TypeVar("T")

# else the hub's client asks the hub, before its first call, what kind of agent runs it
constants.HF_HUB_DISABLE_TELEMETRY = True

_CONNECT_SECONDS = 4.0
_READ_SECONDS = 20.0  # for the small requests that only ask what is there
_OWN_MACHINE = {"localhost", "127.0.0.1", "::1"}
_TEMPORARY = {424, 500, 502, 503, 504}
_TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)
_LOGIN = re.compile(r"^([a-z]+://)?[^/]*@", re.IGNORECASE)
_TOO_LONG = (
    "must have less than",
    "`max_new_tokens` must be <=",
    "exceeds the available context",
    "maximum context length",
    "longer than the maximum",
)


_NO_COMPLETION = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip


def _http(tls: ssl.SSLContext, *, own_machine: bool) -> httpx2.AsyncClient:
    """Make the HTTP client that the hub's client uses too.

    The hub's own follows redirects, caps its connections at 100 and refuses to work under
    HF_HUB_OFFLINE, which says nothing about a server of one's own. No proxy of the environment
    leads to one's own machine. A call's total time is bounded by its caller.
    """
    return httpx2.AsyncClient(
        verify=tls,
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        trust_env=not own_machine,
    )


def _tls(address: str) -> ssl.SSLContext:
    """Read the certificates once, which takes 17 ms, and only where the address needs them."""
    if address.lower().startswith("https:"):
        return httpx2.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Client:
    """Talks to one model server; close it when done.

    `root` is its address to show: without `/v1`, and without a login that may stand in it.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self._address = _checked(root_of(url))
        self.root = _LOGIN.sub(r"\1", self._address)
        # without a key the hub's client sends the user's own hub token to the server
        self._key = key or "local"
        own_machine = urlsplit(self._address).hostname in _OWN_MACHINE
        self._make_http = partial(_http, _tls(self._address), own_machine=own_machine)
        self._hub = AsyncInferenceClient(base_url=self._address, api_key=self._key)
        try:
            self._http = self._make_http()
        except (ImportError, ValueError) as error:
            raise ServerError(
                f"a proxy that the environment names cannot be used ({type(error).__name__}):"
                " unset it, or add the model server to NO_PROXY"
            ) from error

    async def close(self) -> None:
        """Close the connections, and with them the calls that still run on them."""
        await self._hub.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
        await self._http.aclose()

    async def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        model: str,
        top_logprobs: int = 0,
        response_format: dict[str, Any] | None = None,
        extra_body: dict[str, Any] | None = None,
    ) -> Completion:
        """Ask for one completion; raises the `ServerError` that fits what went wrong."""
        set_async_client_factory(self._make_http)  # which the hub's client asks at its first call
        try:
            output = await self._hub.chat_completion(
                to_wire(messages),
                model=model,
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                seed=sampling.seed,
                logprobs=True if top_logprobs else None,
                top_logprobs=top_logprobs or None,
                response_format=response_format,  # type: ignore[arg-type]
                extra_body=extra_body,
            )
            return _completion(output)
        except HfHubHTTPError as error:
            self._refuse(error.response.status_code, error.response.text)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        except _NO_COMPLETION as error:
            raise TemporaryError(f"{self.root} answered what is no completion") from error

    async def get(self, path: str, shape: type[T]) -> T | None:
        """Fetch a JSON document of a shape; None where the server has no such document."""
        return _shaped(await self._small("GET", path, None), shape)

    async def post(self, path: str, body: dict[str, Any], shape: type[T]) -> T | None:
        """Send a small JSON request; None where the server does not know it."""
        return _shaped(await self._small("POST", path, body), shape)

    async def text(self, path: str) -> str | None:
        """Fetch a text; None where the server has none there."""
        data = await self._small("GET", path, None)
        return data.decode("utf-8", "replace") if data is not None else None

    async def _small(self, method: str, path: str, body: dict[str, Any] | None) -> bytes | None:
        try:
            response = await self._http.request(
                method,
                self._address + path,
                json=body,
                headers={"authorization": f"Bearer {self._key}"},
                timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            )
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status_code in {404, 405, 501}:
            return None
        if response.status_code >= 300:
            self._refuse(response.status_code, response.text)
        return response.content

    def _unreachable(self, error: httpx2.HTTPError) -> UnreachableError:
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            matter = "nothing answers there; is the model server running?"
        else:
            matter = f"the connection broke ({type(error).__name__})"
        return UnreachableError(f"{self.root}: {matter}")

    def _refuse(self, status: int, body: str) -> NoReturn:
        """Turn an HTTP status and the server's words into the error that says what to do."""
        said, kind = _words_of(body)
        text = " ".join(filter(None, (f"{self.root} answered {status}", kind)))
        text += f": {said}" if said else ""
        if any(words in said for words in _TOO_LONG) or status == 413:
            raise TooLongError(text)
        if status == 429:
            raise OverloadedError(text)
        if status in _TEMPORARY:
            raise TemporaryError(text)
        if status in {401, 403}:
            raise RefusedError(f"{text} (set REVIEWBOT_MODEL_KEY to the server's key)")
        remedy = _REMEDIES.get(kind) or _REMEDIES.get(str(status), "")
        raise ServerError(text + (f" ({remedy})" if remedy else ""))


_REMEDIES = {
    "template_error": "start TGI with --tokenizer-config-path and a file that has chat_template",
    "404": "check REVIEWBOT_MODEL_URL and REVIEWBOT_MODEL",
    "301": "it has moved: check REVIEWBOT_MODEL_URL",
    "302": "it has moved: check REVIEWBOT_MODEL_URL",
    "307": "it has moved: check REVIEWBOT_MODEL_URL",
    "308": "it has moved: check REVIEWBOT_MODEL_URL",
}


def root_of(url: str) -> str:
    """Give a server's address without the parts that name an endpoint: all spellings are one."""
    root = url.rstrip("/")
    for ending in ("/chat/completions", "/v1"):
        root = root.removesuffix(ending).rstrip("/")
    return root


def _checked(address: str) -> str:
    """Give the address back; raises `ServerError`, which does not quote it, where it is none."""
    try:
        httpx2.URL(address)
        parts = urlsplit(address)
        usable = parts.port != 0 and bool(parts.hostname)
    except (httpx2.InvalidURL, ValueError) as error:
        raise ServerError("REVIEWBOT_MODEL_URL is no address of the web") from error
    if parts.query or parts.fragment:
        raise ServerError("REVIEWBOT_MODEL_URL takes no ? or #; a key goes to REVIEWBOT_MODEL_KEY")
    if parts.scheme not in ("http", "https") or not usable:
        raise ServerError("REVIEWBOT_MODEL_URL must begin with http:// or https:// and a host")
    return address


def _shaped(data: bytes | None, shape: type[T]) -> T | None:
    try:
        return msgspec.json.decode(data, type=shape) if data is not None else None
    except (msgspec.DecodeError, RecursionError):  # a document of another shape is the former
        return None


def _words_of(body: str) -> tuple[str, str]:
    """Find what a server says went wrong, and its name for the kind, in any of their forms."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        title = _TITLE.search(body)  # a proxy in front of the server answers with a page
        found = title[1] if title else body
    error, kind = found, ""
    if isinstance(found, dict):
        error, kind = found.get("error", found), found.get("error_type", "")
    if isinstance(error, dict):
        error, kind = error.get("message", ""), error.get("type", "")
    return " ".join(str(error).split())[:300], " ".join(str(kind).split())[:60]


def _completion(output: Any) -> Completion:
    choice = output.choices[0]
    usage = output.usage or {}
    details = usage.get("prompt_tokens_details") or {}
    text = choice.message.content
    if text is not None and not isinstance(text, str):
        raise TypeError("a message's content must be a text")
    positions = (choice.logprobs.content or ()) if choice.logprobs else ()
    # half a surrogate pair, as a JSON escape can smuggle in, is no text that can be kept or shown
    text = (text or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Completion(
        text=text,
        finish="length" if choice.finish_reason == "length" else "stop",
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
        chances=tuple(
            tuple(TokenChance(top.token, top.logprob) for top in position.top_logprobs or ())
            for position in positions
        ),
    )
