"""A way to an API that can be shut, as if the API were away."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal
from urllib.parse import urlsplit

Shut = Literal["refused", "cut"]
"""Nobody listens; or every connection is cut as soon as something is sent on it."""


class Door:
    """Passes bytes between clients and an API, until it is shut. Made by `door_to`.

    Its methods may be called from any thread, and return when it is done.
    """

    def __init__(self, url: str) -> None:
        api = urlsplit(url)
        self._api = api.hostname, api.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._passing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        # Bound and deaf, it keeps the port ours while nobody listens there.
        self._place = _bound(0)
        self._port: int = self._place.getsockname()[1]
        self._cuts = False

    @property
    def url(self) -> str:
        """What clients take as their API base."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Open the door for the first time."""
        self._thread.start()
        self.open()

    def open(self) -> None:
        """Let everybody through."""
        self._do(self._open(cuts=False))

    def shut(self, how: Shut) -> None:
        """Let nobody through, and cut who is in it."""
        self._do(self._shut() if how == "refused" else self._open(cuts=True))

    def stop(self) -> None:
        """Shut it for good."""
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._place.close()

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self, *, cuts: bool) -> None:
        await self._shut()
        self._cuts = cuts
        self._server = await asyncio.start_server(self._let_in, sock=_bound(self._port))

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _let_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await (reader.read(1) if self._cuts else self._pass(reader, writer))
        finally:
            self._passing.discard(task)
            writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass bytes both ways until one side has nothing more to say."""
        from_api, to_api = await asyncio.open_connection(*self._api)
        ways = {
            asyncio.create_task(_pour(reader, to_api)),
            asyncio.create_task(_pour(from_api, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_api.transport.abort()


def _bound(port: int) -> socket.socket:
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    return place


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@contextmanager
def door_to(url: str) -> Iterator[Door]:
    """Put a door before an API; it is shut for good with the block."""
    door = Door(url)
    door.start()
    try:
        yield door
    finally:
        door.stop()
