"""Events for asyncio: `Consumer`, with `await`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from customer_sources.contract.events import Event
from customer_sources.reading import Command, Reading
from customer_sources.store import in_our_words


class AsyncConsumer:
    """Reads events, with the rules of `Consumer`.

    >>> async with client.events(group="billing") as events:
    ...     async for event in events:
    ...         await handle(event)

    It can be cancelled anywhere: what was on its way is read again by the next.
    """

    def __init__(self, client: redis.asyncio.Redis, reading: Reading) -> None:
        self._pool = client.connection_pool
        self._retry = client.get_retry() or Retry(NoBackoff(), 0)
        self._reading = reading
        self._closed = False

    @property
    def skipped(self) -> int:
        """How many events were passed over because this version cannot read them."""
        return self._reading.skipped

    @property
    def name(self) -> str:
        """This consumer's name in its group; empty without one."""
        return self._reading.name

    def __aiter__(self) -> Self:
        self._reading.again()
        return self

    async def __anext__(self) -> Event:
        self._reading.advance()
        with in_our_words():
            event = None if self._closed else await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        """Take the place: from here on no event is missed."""
        if not self._reading.has_place:
            with in_our_words():
                await self._exchange()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None and (last := self._reading.finish()):
                with in_our_words():
                    await self._retry.call_with_retry(lambda: self._send(last), _again)
        finally:
            self.close()

    def close(self) -> None:
        """Leave, and acknowledge nothing more."""
        self._closed = True
        self._reading.leave()

    async def _next(self) -> Event | None:
        while (event := self._reading.take()) is None:
            if not await self._exchange():
                return None
        return event

    async def _exchange(self) -> bool:
        """Ask and hear once. A connection that broke is asked anew, not repeated."""
        return bool(await self._retry.call_with_retry(self._ask, _again))

    async def _ask(self) -> bool:
        commands = self._reading.ask()
        if commands:
            self._reading.hear(await self._send(commands))
        return bool(commands)

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go and read their answers. See `Consumer`."""
        cancelled = _cancellations()
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            if _cancellations() > cancelled:
                # Python 3.11's wait_for, in the driver, loses one that comes while it
                # ends; without this check the next read would wait regardless.
                raise asyncio.CancelledError  # noqa: TRY301  as if not lost
            return [await _answer(connection) for _ in commands]
        except BaseException:
            # Nobody else may be given this connection, and read these answers.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)


def _cancellations() -> int:
    """How often this task has been asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def _answer(connection: redis.asyncio.connection.Connection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


async def _again(error: Exception) -> None:
    """Do nothing between two tries: the connection has closed itself."""
