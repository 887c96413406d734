"""A way to the store that a test can break, as networks do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sandbox.store import Store


class Proxy:
    """Passes bytes between clients and a store, until told to do something else.

    Made by `proxy_to`. Its methods may be called from any thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.new_event_loop()
        self._connections: dict[asyncio.Task[None], asyncio.Event] = {}
        self._to_eat = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def eaten(self) -> bool:
        """Whether every answer that was to be eaten has been."""
        return self._to_eat == 0

    def eat_an_answer(self) -> None:
        """Let the store do what the next call asks, and drop the call's connection
        in place of its answer."""
        self._to_eat += 1

    def go_silent(self) -> None:
        """Pass nothing on any more on connections that there are; new ones work.

        Neither side is told, as when a router forgets them: both see an open socket.
        """
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._silence, done)
        done.wait()

    def _silence(self, done: threading.Event) -> None:
        for silent in self._connections.values():
            silent.set()
        done.set()

    async def serve(self, ready: threading.Event) -> None:
        """Serve until the loop's main task is cancelled."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def run(self, ready: threading.Event) -> None:
        """Run in a thread of its own, until `stop`."""
        self._main = self._loop.create_task(self.serve(ready))
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._main.cancel)

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        silent = asyncio.Event()
        task = asyncio.ensure_future(self._pass_on(reader, writer, silent))
        self._connections[task] = silent
        task.add_done_callback(self._connections.pop)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silent: asyncio.Event,
    ) -> None:
        ends = [writer]
        try:
            with suppress(ConnectionError):
                there, back = await asyncio.open_connection(
                    "127.0.0.1", self._store.port
                )
                ends.append(back)
                pumps = [
                    asyncio.create_task(self._pump(reader, back, silent)),
                    asyncio.create_task(self._pump(there, writer, silent, eats=True)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for end in ends:
                end.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silent: asyncio.Event,
        *,
        eats: bool = False,
    ) -> None:
        while chunk := await reader.read(65536):
            if silent.is_set():
                await asyncio.Event().wait()
            if eats and self._to_eat:
                self._to_eat -= 1
                return
            writer.write(chunk)
            await writer.drain()


@contextmanager
def proxy_to(store: Store) -> Iterator[Proxy]:
    """Run a proxy in front of a store."""
    proxy, ready = Proxy(store), threading.Event()
    thread = threading.Thread(target=proxy.run, args=(ready,), name="proxy")
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
