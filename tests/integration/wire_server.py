"""A server that does to its clients what networks do, scripted byte by byte.

A `Script` is what the server does with one connection; when it returns, the server
closes the connection. What was read is kept exactly as it came, so that a test can
count the requests that truly arrived.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

PATIENCE = 10.0
"""Seconds a test waits for what must happen; reached only where it does not."""

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"id":"x_1"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = (*headers, b"Content-Length: %d" % len(body))
    return b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(lines), body)


@dataclass(frozen=True)
class RawRequest:
    """A request as it arrived."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; a name that came twice is an error of the client."""
        pairs = [
            line.split(": ", 1) for line in self.head.decode().split("\r\n")[1:] if line
        ]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        return headers


class Peer:
    """One connection, seen from the server."""

    def __init__(
        self,
        server: WireServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def hear(self) -> RawRequest:
        """Read one whole request."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        request = RawRequest(head, body)
        self._server.requests.append(request)
        return request

    async def hear_out(self) -> bytes:
        """Read until the client ends the connection, one way or the other."""
        heard = bytearray()
        with suppress(ConnectionError):
            while chunk := await self._reader.read(65536):
                heard += chunk
        return bytes(heard)

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[object]]


@dataclass
class WireServer:
    """What a test looks at while and after the server runs."""

    scripts: tuple[Script, ...]
    port: int = 0
    requests: list[RawRequest] = field(default_factory=list)
    connections: int = 0
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_base(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        task = asyncio.ensure_future(self._serve(script, Peer(self, reader, writer)))
        self._running.add(task)

    async def _serve(self, script: Script, peer: Peer) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(peer)
        finally:
            peer.close()

    async def until_all_ended(self) -> None:
        """Wait until every script is through, so until its client hung up."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._running)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - looks at any state at all
                await asyncio.sleep(0)

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def wire_server(
    *scripts: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WireServer]:
    """Serve the first connection by the first script, and so on; the last repeats."""
    wire = WireServer(scripts)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0, ssl=tls)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.stop()


# Scripts


def after_request(*parts: bytes, then: Callable[[Peer], object] = Peer.close) -> Script:
    """Read a request, say the parts, and end as `then` does (`Peer.hear_out` waits)."""

    async def script(peer: Peer) -> None:
        await peer.hear()
        for part in parts:
            await peer.say(part)
        ending = then(peer)
        if isinstance(ending, Awaitable):
            await ending

    return script


def kept_alive(*answers: bytes) -> Script:
    """Answer requests on one connection in turn, and close it on the next one."""

    async def script(peer: Peer) -> None:
        for one in answers:
            await peer.hear()
            await peer.say(one)
        await peer.hear()

    return script


def endless(start: bytes, more: Iterator[bytes]) -> Script:
    """Read a request, and answer for as long as the client listens."""

    async def script(peer: Peer) -> None:
        await peer.hear()
        await peer.say(start)
        for part in more:
            await peer.say(part)
            await asyncio.sleep(0)

    return script


async def answers_all(peer: Peer) -> None:
    """Answer every request, on a connection that is kept."""
    while True:
        await peer.hear()
        await peer.say(OK)
