"""`client.batches` for asyncio: the same calls, awaited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis.asyncio

from customer_sources import scripts
from customer_sources.batches import calls
from customer_sources.batches.calls import Settings
from customer_sources.batches.manifest import Manifest, read_manifest
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row, decode_chunk
from customer_sources.batches.status import Batch, parse_batch
from customer_sources.contract.errors import BatchNotFound
from customer_sources.contract.names import Keys
from customer_sources.durability import AsyncWriter
from customer_sources.store import in_our_words


class AsyncBatches:
    """`Batches` for asyncio; see there what each call does and raises."""

    def __init__(
        self, store: redis.asyncio.Redis, keys: Keys, write: AsyncWriter
    ) -> None:
        self._store = store
        self._keys = keys
        self._write = write
        self._scripts = {
            name: store.register_script(scripts.load(name)) for name in calls.SCRIPTS
        }

    async def list(self, limit: int = 50) -> list[Batch]:
        """Give the latest batches, newest first."""
        with in_our_words():
            ids: Any = await self._store.zrange(
                self._keys.batches, 0, limit - 1, desc=True
            )
            async with self._store.pipeline(transaction=False) as pipe:
                for batch_id in ids:
                    pipe.hgetall(self._keys.batch(batch_id))
                records = await pipe.execute()
        found = zip(ids, records, strict=True)
        return [parse_batch(batch_id, record) for batch_id, record in found if record]

    async def get(self, batch_id: str) -> Batch:
        """Look how far a batch is.

        Raises:
            BatchNotFound: there is none.
        """
        with in_our_words():
            record: Any = await self._store.hgetall(self._keys.batch(batch_id))
        if not record:
            raise BatchNotFound(batch_id)
        return parse_batch(batch_id, record)

    async def manifest(self, batch_id: str) -> Manifest:
        """Read what was planned.

        Raises:
            BatchNotFound: there is none.
        """
        with in_our_words():
            text: Any = await self._store.get(self._keys.batch_manifest(batch_id))
        if text is None:
            raise BatchNotFound(batch_id)
        return read_manifest(text)

    async def open(self, manifest: Manifest, settings: Settings | None = None) -> Batch:
        """Begin a batch, or find it: the same plan is the same batch.

        Raises:
            CommandInvalid: a setting makes no sense.
        """
        arguments = calls.open_arguments(
            self._keys.prefix, manifest, settings or Settings()
        )
        await self._call("batch_open", arguments)
        return await self.get(manifest.batch)

    async def put(self, batch_id: str, number: int, chunk: bytes) -> int:
        """Store a chunk. Chunks are stored in order; with the last the batch starts.

        Returns:
            How many are stored: the number of the next.

        Raises:
            BatchNotFound: there is none.
            BatchEnded: it was cancelled.
        """
        reply = await self._call(
            "batch_put", [self._keys.prefix, batch_id, number, chunk]
        )
        return calls.stored(batch_id, reply)

    async def pause(self, batch_id: str) -> str:
        """Begin no more rows; rows in line wait there. Returns the state.

        What was sent is resolved.
        """
        return await self._control(batch_id, "pause", "", "")

    async def resume(self, batch_id: str) -> str:
        """Go on, after a pause or a hold. Returns the state."""
        return await self._control(batch_id, "resume", "", "")

    async def cancel(self, batch_id: str) -> str:
        """Begin no more rows, ever: they end as unprocessed. Returns the state."""
        return await self._control(batch_id, "cancel", "", "")

    async def throttle(
        self,
        batch_id: str,
        *,
        rate: float | None = None,
        concurrency: int | None = None,
    ) -> str:
        """Change how fast a batch goes; what is None stays. Returns the state.

        Args:
            batch_id: the batch.
            rate: rows a second at most; 0: as many as the account allows.
            concurrency: most rows in flight.

        Raises:
            CommandInvalid: nothing is to change, or a value makes no sense.
        """
        return await self._control(
            batch_id, "throttle", *calls.throttle_arguments(rate, concurrency)
        )

    async def rows(self, batch_id: str, chunk: int) -> Sequence[Row]:
        """Read the rows of a chunk; none where it is not stored (any more)."""
        with in_our_words():
            packed = await self._read("GET", self._keys.batch_chunk(batch_id, chunk))
        return decode_chunk(packed) if packed else ()

    async def outcomes(self, batch_id: str, chunk: int) -> dict[int, Outcome]:
        """Read the outcomes of a chunk's rows, by row number, as far as there are."""
        key = self._keys.batch_outcomes(batch_id, chunk)
        with in_our_words():
            try:
                kept: Any = await self._read("HGETALL", key)
            except redis.ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                kept = await self._read("GET", key)  # whole, which it stays
        return calls.outcomes_of(kept)

    async def _read(self, command: str, key: str) -> Any:
        """Read bytes."""
        return await self._store.execute_command(  # type: ignore[no-untyped-call]
            command, key, NEVER_DECODE=True
        )

    async def _control(self, batch_id: str, verb: str, *more: Any) -> str:
        """Steer a batch.

        Raises:
            BatchNotFound: there is none.
            BatchEnded: it is over.
        """
        arguments = [self._keys.prefix, batch_id, verb, *more]
        return calls.controlled(batch_id, await self._call("batch_control", arguments))

    async def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        with in_our_words():
            return await self._write.one(self._scripts[name], arguments)
