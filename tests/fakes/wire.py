"""A small HTTP/1.1 server on a thread: Requests in, Replies out, and word of clients that left."""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was read; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes
    query: str = ""

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response. `broken` ends the connection instead of ending the body."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    broken: Literal["", "dropped", "reset"] = ""


def json_reply(status: int, body: object, **headers: str) -> Reply:
    """A JSON body, as compact and as unescaped as the real servers write it."""
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"
    )
    return Reply(status, content, {"content-type": "application/json", **headers})


def text_reply(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Reply:
    return Reply(status, text.encode(), {"content-type": content_type})


class WireServer:
    """Serves `respond` on 127.0.0.1; `respond` is cancelled when its client leaves."""

    def __init__(self, respond: Callable[[Request], Awaitable[Reply]], port: int = 0) -> None:
        self.closing = False
        self.errors: list[BaseException] = []
        self._respond = respond
        self._connections: set[asyncio.Task[None]] = set()
        self._ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._ready.result(timeout=10)}"

    def close(self) -> None:
        """Closes the port and every connection; nothing answers there afterwards."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=10)

    def _run(self, port: int) -> None:
        asyncio.run(self._serve(port))

    async def _serve(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            listener = await asyncio.start_server(self._connected, "127.0.0.1", port, backlog=1024)
        except OSError as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(listener.sockets[0].getsockname()[1])
        await self._stop.wait()
        self.closing = True
        listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve_connection(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        while first:
            request = await _read_request(first, reader)
            # The byte that is awaited meanwhile is the next request's first, or the client's end.
            following = asyncio.create_task(reader.read(1))
            reply = await self._answer(request, following)
            if reply is None or not await _write(reply, writer):
                following.cancel()
                return
            first = await following

    async def _answer(self, request: Request, following: asyncio.Task[bytes]) -> Reply | None:
        work = asyncio.ensure_future(self._respond(request))
        await asyncio.wait({work, following}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and (following.exception() or not following.result()):
            work.cancel()
        await asyncio.wait({work})
        if work.cancelled():
            return None
        if error := work.exception():
            self.errors.append(error)
            return text_reply(500, f"the fake server itself failed: {error!r}")
        return work.result()


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> Request:
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.strip().split("\r\n")
    method, target, _version = start.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return Request(method, path, headers, content, query)


async def _write(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    """Writes the reply; whether the connection lives on."""
    if reply.broken == "reset":
        # Lingering for no time at all turns the close into a TCP reset.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()
        return False
    phrase = HTTPStatus(reply.status).phrase
    headers = {**reply.headers, "content-length": str(len(reply.content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sent = reply.content[: len(reply.content) // 2] if reply.broken else reply.content
    writer.write(f"HTTP/1.1 {reply.status} {phrase}\r\n{head}\r\n".encode("latin-1") + sent)
    await writer.drain()
    return not reply.broken and reply.headers.get("connection") != "close"
