"""Sweeps on the ledger: one method for each script, words as types.

The rules are in the scripts' headers (worker/lua/sweep_*.lua). All of a sweep is in the
store: whoever finds one that is not over goes on with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import redis.asyncio

from customer_sources.contract.ids import derived_id, new_token
from customer_sources.contract.moments import to_ms
from customer_sources.contract.names import Keys
from customer_sources.contract.sweeps import swept_event, tally
from worker import scripting
from worker.slots import Rule

SCRIPTS = ("sweep_begin", "sweep_look", "sweep_step", "sweep_tell")
PAGE = 500
"""Jobs that one step considers: a few milliseconds of the store's time."""


class Step(StrEnum):
    """What became of a step."""

    STEPPED = "STEPPED"
    OVER = "OVER"
    """All jobs were considered; its event may still have to be told."""
    STALE = "STALE"
    """It is over and told, and another one has begun since."""


class Swept(NamedTuple):
    """A sweep that is over."""

    id: str
    ended_ms: int
    slot_ms: int | None
    """None: it was by hand."""
    counts: Mapping[str, Any]
    """As `contract.sweeps.tally` arranges them."""


class Sweeping:
    """The scripts of sweeps.

    Args:
        client: with `decode_responses=True`.
        keys: the names.
        events_length: of the stream, where no worker ever said its own.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, events_length: int
    ) -> None:
        self._redis = client
        self._keys = keys
        self._events_length = events_length
        self._scripts = scripting.register(client, SCRIPTS)

    async def look(self) -> tuple[datetime, str | None]:
        """Say what time it is in the store, and which sweep is to be gone on with."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hmget(self._keys.sweep, "id", "state")
            (seconds, microseconds), (sweep_id, state) = await pipe.execute()
        now = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
        return now, None if state in {None, "told"} else str(sweep_id)

    async def begin_slot(self, rule: Rule, now: datetime) -> str | None:
        """Begin the sweep of the present slot, unless it had one.

        Returns:
            The sweep to be gone on with, which may be another; None: there is none.
        """
        slot_ms = to_ms(rule.slot_of(now))
        sweep_id = _id(f"{rule} {slot_ms}")  # the same, should the store forget it
        reply = await self._call("sweep_begin", sweep_id, str(rule), slot_ms)
        return str(reply[1]) if reply[0] == "LIVE" else None

    async def begin_by_hand(self) -> tuple[str, bool]:
        """Begin a sweep now.

        Returns:
            The sweep to be gone on with, and whether another one was going on already.
        """
        sweep_id = _id(new_token())
        reply = await self._call("sweep_begin", sweep_id, "", 0)
        return str(reply[1]), reply[1] != sweep_id

    async def step(self, sweep_id: str) -> Step:
        """Consider the next jobs."""
        return Step((await self._call("sweep_step", sweep_id, PAGE))[0])

    async def read(self, sweep_id: str) -> Swept | None:
        """Read what became of a sweep that is over; None: another one was since."""
        record: Any = await self._redis.hgetall(self._keys.sweep)
        if record.get("id") != sweep_id:
            return None
        slot_ms = int(record["slot"]) if record["rule"] else None
        return Swept(sweep_id, int(record["ended"]), slot_ms, tally(record))

    async def tell(self, swept: Swept) -> bool:
        """Tell the event of a sweep. False: somebody else did."""
        event = swept_event(
            swept.id,
            now_ms=swept.ended_ms,
            slot_ms=swept.slot_ms,
            counts=swept.counts,
        ).encode()
        reply = await self._call("sweep_tell", swept.id, event, self._events_length)
        return bool(reply[0] == "TOLD")

    async def dry_run(self) -> dict[str, Any]:
        """Count what a sweep would do now, as `contract.sweeps.tally` arranges it."""
        counts = Counter[str]()
        cursor, last = 0, ""
        while True:
            reply = await self._call("sweep_look", cursor, last, PAGE)
            _, cursor, last, *flat = reply
            page = dict(zip(flat[::2], map(int, flat[1::2]), strict=True))
            counts.update(page)
            if page["considered"] < PAGE:
                return tally(counts)

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._scripts[name](args=[self._keys.prefix, *args])


def _id(seed: str) -> str:
    return derived_id("sweep_", seed, b"sources-sweep")
