"""The worker's face of watches: one method for each script, words as types."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import redis.asyncio

from config.settings import Settings
from customer_sources.contract.commands import prepare
from customer_sources.contract.envelope import envelope
from customer_sources.contract.ids import derived_id
from customer_sources.contract.names import SCHEMA_VERSION, Class, Keys
from worker import scripting
from worker.watching import LOOK_MS, Turn

SCRIPTS = ("watch_due", "watch_turn")
MOST_DUE = 100
"""Watches that one call names: about a millisecond of the store's time."""
AGAIN_MS = 10_000
"""When a watch is named again whose turn nobody took, because its worker died, say."""


class DueWatch(NamedTuple):
    """A watch whose moment has come, as it was then."""

    target: str
    record: dict[str, str]
    guesses: dict[str, str]
    """What is kept of attempts at its bank account."""
    now_ms: int
    """By the store's clock."""


class WatchLedger:
    """The scripts of watches, for one worker process.

    Args:
        client: with `decode_responses=True`.
        keys: the names.
        settings: how long things are kept.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings
    ) -> None:
        self._keys = keys
        self._settings = settings
        self._scripts = scripting.register(client, SCRIPTS)

    async def due(self) -> list[DueWatch]:
        """Name watches whose moment has come, each for a while to this worker alone."""
        now, *flat = await self._call("watch_due", MOST_DUE, AGAIN_MS)
        return [
            DueWatch(target, _table(record), _table(guesses), int(now))
            for target, record, guesses in zip(
                flat[::3], flat[1::3], flat[2::3], strict=True
            )
        ]

    async def take(self, watch: DueWatch, turn: Turn) -> bool:
        """Take a turn. False: somebody else did, or more is known by now."""
        s = self._settings
        changes = [part for change in turn.changes.items() for part in change]
        look = self._look(watch) if turn.look else [""] * 7
        reply = await self._call(
            "watch_turn",
            watch.target,
            watch.record.get("id", ""),  # damaged, without one
            watch.record.get("turn", ""),
            turn.state,
            turn.next_ms,
            turn.event,
            s.events_hard_cap,
            s.retention_ms,
            *look,
            *changes,
        )
        return bool(reply[0] == "TAKEN")

    def _look(self, watch: DueWatch) -> list[Any]:
        """Write the job that reads the account's status, as watch_turn.lua takes it."""
        record = watch.record
        turn = f"{record['id']}\n{record['turn']}"
        job_id = derived_id("job_", turn, b"sources-look")
        prepared = prepare(
            "get",
            {},
            job_id=job_id,
            customer=record["customer"],
            source_id=record["source"],
            account=record["account"],
        )
        queue = Class.SCHEDULED.queue
        return [
            job_id,
            msgspec.json.encode(prepared.command),
            record["account"],
            watch.now_ms + LOOK_MS,
            SCHEMA_VERSION,
            self._keys.queue(queue),
            envelope(queue, [job_id]),
        ]

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._scripts[name](args=[self._keys.prefix, *args])


def _table(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
