"""Upkeep's scripts: what no run asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from config.settings import Settings
from customer_sources.contract.envelope import MOST_IDS, envelope
from customer_sources.contract.names import (
    BULK_QUEUE,
    INTERACTIVE_QUEUE,
    Class,
    Keys,
)
from worker.replies import Taken, Trimmed

HOUSEKEEPING = ("announce", "ring", "take_due", "trim")
MOST_TRIMMED = 50_000
"""Events that one call of trim drops at most: about 5 ms of the store's time."""
MEMBER_SILENT_MS = 3_600_000
"""Silence after which a member of a group is forgotten, where it holds no event. One
that lives asks every few seconds, and would be made anew by asking."""


class Housekeeping:
    """The part of the ledger's face that upkeep calls."""

    _keys: Keys
    _settings: Settings
    _scripts: Mapping[str, Any]
    _boot: str

    async def take_due(self) -> Taken:
        """Do one pass of upkeep: name what is due, without ringing for it."""
        s = self._settings
        reply = await self._call(
            "take_due",
            s.upkeep_batch,
            s.lease_ms,
            s.outage_ms,
            self._keys.queue(INTERACTIVE_QUEUE),
            self._keys.queue(BULK_QUEUE),
            s.crowded_queue,
            s.quiet_ms,
        )
        *ids, poisoned, most_due = reply
        found = dict(zip(Class, ids, strict=True))
        return Taken(found, poisoned, more=int(most_due) >= s.upkeep_batch)

    async def ring(self, job_class: Class, job_ids: Sequence[str]) -> None:
        """Wake workers up for these jobs, up to 100 ids in one message."""
        queue = job_class.queue
        messages = [
            envelope(queue, job_ids[start : start + MOST_IDS])
            for start in range(0, len(job_ids), MOST_IDS)
        ]
        await self._call("ring", self._keys.queue(queue), *messages)

    async def announce(self, *, live: bool) -> None:
        """Write down retentions and the keys' mode, for those who have no settings."""
        s = self._settings
        mode = "live" if live else "test"
        keep = s.retention_ms, s.key_window_ms, s.events_hard_cap
        await self._call("announce", *keep, mode, self._boot, s.horizon_ms)

    async def trim(self) -> Trimmed:
        """Trim the event stream as far as the settings and the groups allow."""
        s = self._settings
        reply = await self._call(
            "trim",
            s.events_keep_ms,
            s.events_length,
            s.events_hard_cap,
            MOST_TRIMMED,
            MEMBER_SILENT_MS,
        )
        return Trimmed(*reply)

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._scripts[name](args=[self._keys.prefix, *args])
