"""The worker's face of batches: one method for each script, words as types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import redis.asyncio
from redis.exceptions import ResponseError

from config.settings import Settings
from customer_sources.batches.outcomes import pack
from customer_sources.batches.rows import Row, decode_chunk
from customer_sources.contract.names import SCHEMA_VERSION, Keys
from worker import scripting

SCRIPTS = ("batch_feed", "batch_step", "batch_tell", "batch_whole")
FEED_ALONE_MS = 1500
"""For how long one worker alone feeds a batch: two would only do the work twice."""
PROGRESS_MS = 1000
"""Between two events that say how far a batch is."""


class Step(NamedTuple):
    """What a look at a batch says that is to be done for it."""

    wait_ms: int
    chunk: int
    offset: int
    room: int
    """Rows to feed now."""
    whole: int | None
    """A chunk whose outcomes are to be compressed."""
    tell: str
    """What became of it and is to be told; empty: nothing."""


class FedRow(NamedTuple):
    """A row as batch_feed.lua takes it."""

    number: int
    job_id: str
    operation: str
    effect: str
    lane: str
    command: bytes
    key: str
    first_sent: int


class BatchLedger:
    """The scripts of batches, for one worker process.

    Args:
        client: with `decode_responses=True`.
        keys: the names.
        settings: how long things are kept.
        boot: this worker process's id.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings, boot: str
    ) -> None:
        self._redis = client
        self._keys = keys
        self._settings = settings
        self._boot = boot
        self._scripts = scripting.register(client, SCRIPTS)

    async def active(self) -> list[str]:
        """Name the batches that have to be looked after."""
        found: Any = await self._redis.smembers(self._keys.active_batches)
        return sorted(found)

    async def step(self, batch_id: str) -> Step | None:
        """Look after a batch. None: there is none any more."""
        word, *reply = await self._call(
            "batch_step", batch_id, self._boot, FEED_ALONE_MS
        )
        if word == "GONE":
            return None
        *numbers, whole, tell = reply
        wait, chunk, offset, room = map(int, numbers)
        return Step(wait, chunk, offset, room, None if whole < 0 else whole, str(tell))

    async def rows(self, batch_id: str, chunk: int) -> Sequence[Row]:
        """Read a chunk.

        Raises:
            RuntimeError: it is not in the store.
        """
        packed = await self._redis.execute_command(  # type: ignore[no-untyped-call]
            "GET", self._keys.batch_chunk(batch_id, chunk), NEVER_DECODE=True
        )
        if packed is None:
            raise RuntimeError(f"{batch_id}: chunk {chunk} is not in the store")
        return decode_chunk(packed)

    async def account(self, batch_id: str) -> str:
        """Say on which account a batch works."""
        return str(await self._redis.hget(self._keys.batch(batch_id), "account") or "")

    async def feed(
        self, batch_id: str, chunk: int, offset: int, size: int, rows: Iterable[FedRow]
    ) -> bool:
        """Make jobs of the next rows. False: somebody else did, or it is held."""
        flat = [part for row in rows for part in row]
        reply = await self._call(
            "batch_feed", batch_id, chunk, offset, size, SCHEMA_VERSION, *flat
        )
        return bool(reply[0] == "FED")

    async def compress(self, batch_id: str, chunk: int) -> None:
        """Put the outcomes of a whole chunk into one string."""
        key = self._keys.batch_outcomes(batch_id, chunk)
        try:
            outcomes: Any = await self._redis.hgetall(key)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            return  # another worker was quicker
        await self._call("batch_whole", batch_id, chunk, pack(outcomes))

    async def record(self, batch_id: str) -> dict[str, str]:
        """Read what is kept of a batch; empty: nothing."""
        found: Any = await self._redis.hgetall(self._keys.batch(batch_id))
        return dict(found)

    async def tell(self, batch_id: str, what: str, event: bytes, done: int) -> bool:
        """Tell an event of a batch. False: somebody else did, or it is too early.

        Args:
            batch_id: the batch.
            what: as `step` said it; empty: how far it is.
            event: what to tell.
            done: rows that have ended.
        """
        s = self._settings
        reply = await self._call(
            "batch_tell",
            batch_id,
            what,
            event,
            s.events_hard_cap,
            PROGRESS_MS,
            done,
            s.batch_retention_ms,
        )
        return bool(reply[0] == "TOLD")

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._scripts[name](args=[self._keys.prefix, *args])
