"""Building the next chunk of commands while the store works on the one before.

A chunk takes the producer about as long to build as the store to take. One after the
other, each waits for the other half of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import redis
import redis.asyncio

from customer_sources.calls import Tally, chunks, prepare_many
from customer_sources.contract.names import Keys


class Ahead:
    """Builds chunks of commands in order, at most one ahead of who takes them.

    Whatever the producer's iterable raises is raised by `take`, after the chunks that
    were whole before: a chunk that is out is never left without its answer.

    Args:
        keys: the names of the ledger.
        commands: as for `submit_many`.
    """

    def __init__(self, keys: Keys, commands: Iterable[Mapping[str, Any]]) -> None:
        self._tallies = (Tally(prepare_many(keys, chunk)) for chunk in chunks(commands))
        self._next: Tally | None = None
        self._failure: Exception | None = None

    def build(self) -> None:
        """Build the next chunk, unless one is waiting to be taken."""
        if self._next is None and self._failure is None:
            try:
                self._next = next(self._tallies, None)
            except Exception as failure:  # noqa: BLE001  told when its turn has come
                self._failure = failure

    def take(self) -> Tally | None:
        """Hand out the next chunk; None where there is none left."""
        self.build()
        if self._failure is not None:
            raise self._failure
        taken, self._next = self._next, None
        return taken


_SCRIPT = "EVALSHA"
"""What a chunk is sent as. Were it another command some day, nothing would be built
ahead, and nothing else would change."""


class Pipeline(redis.client.Pipeline):
    """A pipeline that builds the next chunk between sending and the first answer."""

    def __init__(self, client: redis.Redis, ahead: Ahead) -> None:
        super().__init__(
            client.connection_pool,
            client.response_callbacks,
            transaction=False,
            shard_hint=None,
        )
        self._ahead = ahead

    def parse_response(
        self, connection: Any, command_name: str | bytes, **options: Any
    ) -> Any:
        """Read one answer; the driver asks for the first when all has been sent."""
        if command_name == _SCRIPT:
            self._ahead.build()
        return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]


class AsyncPipeline(redis.asyncio.client.Pipeline):
    """`Pipeline` for asyncio."""

    def __init__(self, client: redis.asyncio.Redis, ahead: Ahead) -> None:
        super().__init__(
            client.connection_pool,
            client.response_callbacks,
            transaction=False,
            shard_hint=None,
        )
        self._ahead = ahead

    async def parse_response(
        self, connection: Any, command_name: str | bytes, **options: Any
    ) -> Any:
        """Read one answer; the driver asks for the first when all has been sent."""
        if command_name == _SCRIPT:
            self._ahead.build()
        return await super().parse_response(connection, command_name, **options)
