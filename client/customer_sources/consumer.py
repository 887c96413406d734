"""Events one after another, as they come. `aio_consumer` is the same for asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from customer_sources.contract.events import Event
from customer_sources.reading import Command, Reading
from customer_sources.store import in_our_words


class Consumer:
    """Reads events. As a member of a group, it acknowledges them.

    An event is acknowledged when the next one is asked for:

    >>> for event in client.events(group="billing"):
    ...     handle(event)

    In a `with` block, leaving the block acknowledges the last one too, and leaving it
    by an exception does not. What is not acknowledged comes again: to the next loop
    over this object, to the next consumer of this process, or in the end to another.

    >>> with client.events(group="billing", timeout=5) as events:
    ...     for event in events:
    ...         handle(event)

    Iterating raises `LedgerUnavailable` when the store does not answer. The same
    object can be iterated again afterwards, and goes on where it was.
    """

    def __init__(self, client: redis.Redis, reading: Reading) -> None:
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

    def __iter__(self) -> Self:
        self._reading.again()
        return self

    def __next__(self) -> Event:
        self._reading.advance()
        with in_our_words():
            event = None if self._closed else self._next()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        """Take the place: from here on no event is missed."""
        if not self._reading.has_place:
            with in_our_words():
                self._exchange()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None and (last := self._reading.finish()):
                with in_our_words():
                    self._retry.call_with_retry(lambda: self._send(last), _again)
        finally:
            self.close()

    def close(self) -> None:
        """Leave, and acknowledge nothing more."""
        self._closed = True
        self._reading.leave()

    def _next(self) -> Event | None:
        while (event := self._reading.take()) is None:
            if not self._exchange():
                return None
        return event

    def _exchange(self) -> bool:
        """Ask and hear once. A connection that broke is asked anew, not repeated."""
        return bool(self._retry.call_with_retry(self._ask, _again))

    def _ask(self) -> bool:
        commands = self._reading.ask()
        if commands:
            self._reading.hear(self._send(commands))
        return bool(commands)

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go and read their answers, errors as values.

        Not by the driver's own methods: they repeat a command whose answer was lost,
        and a read repeated gives the next event, while the first is nobody's.
        """
        connection = self._pool.get_connection()
        try:
            packed = connection.pack_commands(commands)  # type: ignore[no-untyped-call]
            connection.send_packed_command(packed)  # type: ignore[no-untyped-call]
            return [_answer(connection) for _ in commands]
        except BaseException:
            # Nobody else may be given this connection, and read these answers.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            self._pool.release(connection)


def _answer(connection: redis.connection.Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _again(error: Exception) -> None:
    """Do nothing between two tries: the connection has closed itself."""
