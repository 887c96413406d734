"""The worker's face of the ledger: one method for each script, words as types.

The rules are in the scripts' headers (worker/lua/). Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

import msgspec
import redis.asyncio

from config.settings import Settings
from customer_sources import scripts
from customer_sources.contract.envelope import MOST_IDS, envelope
from customer_sources.contract.names import (
    BULK_QUEUE,
    INTERACTIVE_QUEUE,
    SCHEMA_VERSION,
    Class,
    Keys,
)
from customer_sources.contract.states import State

SCRIPTS = (
    "announce",
    "claim",
    "commit",
    "defer",
    "hand_back",
    "heartbeat",
    "ring",
    "send",
    "take_due",
    "trim",
)

MOST_TRIMMED = 50_000
"""Events that one call of trim drops at most: about 5 ms of the store's time."""
MEMBER_SILENT_MS = 3_600_000
"""Silence after which a member of a group is forgotten, where it holds no event. One
that lives asks every few seconds, and would be made anew by asking."""


class Refused(StrEnum):
    """Why a claim was not granted. None of them is an error."""

    FINISHED = "FINISHED"
    BUSY = "BUSY"
    BEHIND = "BEHIND"
    NOT_DUE = "NOT_DUE"
    NEWER = "NEWER"
    MISSING = "MISSING"


class Word(StrEnum):
    """What the ledger says to a run that wants to send a request."""

    GO = "GO"
    CANCEL = "CANCEL"
    HORIZON = "HORIZON"
    DEADLINE = "DEADLINE"
    SUPERSEDED = "SUPERSEDED"


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A job taken for one run."""

    leave: Word | None
    """Whether the first request may leave; None: ask `send`, as for any other."""
    now_ms: int
    record: Mapping[str, str]
    command: str
    """As stored. Decoded by the engine, after the poison rule has been applied."""


class Taken(msgspec.Struct, frozen=True):
    """What one pass of upkeep found due."""

    ids: Mapping[Class, Sequence[str]]
    poisoned: Sequence[str]
    more: bool = False
    """Whether a class had as much due as one pass looks at: look again at once."""

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))


class Trimmed(msgspec.Struct, frozen=True):
    """What became of the event stream."""

    word: Literal["FINE", "HELD", "LOST"]
    dropped: int
    left: int
    last: str
    """The group that is furthest behind; "" where there is none."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """All that commit writes."""

    state: State
    code: str
    result: bytes
    event: bytes
    unknown: bool = False


class Ledger:
    """The scripts of one worker process, on one Redis client.

    Args:
        client: with `decode_responses=True`, and a blocking pool: a hundred
            coroutines share few connections.
        keys: the names.
        settings: leases, horizon, retention.
        boot: this worker process's id.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings, boot: str
    ) -> None:
        self._redis = client
        self._keys = keys
        self._settings = settings
        self._boot = boot
        shared = (scripts.read("prelude", "worker"),)
        self._scripts = {
            name: client.register_script(scripts.load(name, shared, "worker"))
            for name in SCRIPTS
        }

    async def claim(self, job_id: str, token: str) -> Claimed | Refused:
        """Take a job for one run, with leave to send its first request."""
        s = self._settings
        reply = await self._call(
            "claim",
            job_id,
            token,
            self._boot,
            s.lease_ms,
            SCHEMA_VERSION,
            s.horizon_ms,
            s.patience_ms,
        )
        if len(reply) == 1:
            return Refused(reply[0])
        _, word, now, flat, command = reply
        record = dict(zip(flat[::2], flat[1::2], strict=True))
        return Claimed(
            # A claim repeated because its answer was lost gives no leave again.
            leave=None if word == "AGAIN" else Word(word),
            now_ms=int(now),
            record=record,
            command=command,
        )

    async def send(self, job_id: str, token: str, *, unknown: bool) -> Word:
        """Ask whether one more request of this run may leave."""
        s = self._settings
        reply = await self._call(
            "send", job_id, token, int(unknown), s.horizon_ms, s.patience_ms
        )
        return Word(reply[0])

    async def heartbeat(self, runs: Sequence[tuple[str, str]]) -> list[str]:
        """Renew this worker and the leases of its (id, token) runs.

        Returns:
            The tokens of runs that are not this worker's any more.
        """
        s = self._settings
        flat = [part for run in runs for part in run]
        reply = await self._call(
            "heartbeat", self._boot, s.worker_life_ms, s.lease_ms, *flat
        )
        return list(reply)

    async def defer(
        self,
        job_id: str,
        token: str,
        *,
        delay_ms: int,
        counts: bool,
        unknown: bool,
        quiet_ms: int = 0,
    ) -> bool:
        """End a run, not the job. False: superseded, nothing was written."""
        reply = await self._call(
            "defer",
            job_id,
            token,
            delay_ms,
            int(counts),
            int(unknown),
            quiet_ms,
        )
        return bool(reply[0] == "DEFERRED")

    async def commit(self, job_id: str, token: str, ending: Ending) -> str | None:
        """End a job and tell its event.

        Returns:
            The next job of the lane (may be ""); None: superseded, nothing written.

        Raises:
            RuntimeError: an unknown outcome was to end as failed or cancelled.
        """
        s = self._settings
        keep = s.retention_ms
        if ending.state is State.NEEDS_REVIEW:
            keep = s.review_retention_ms
        reply = await self._call(
            "commit",
            job_id,
            token,
            ending.state,
            ending.code,
            ending.result,
            ending.event,
            int(ending.unknown),
            keep,
            s.key_window_ms,
            s.events_hard_cap,
        )
        if reply[0] == "UNPROVEN":
            raise RuntimeError(f"{job_id}: {ending.state} while the outcome is unknown")
        return str(reply[1]) if reply[0] == "COMMITTED" else None

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

    async def hand_back(self, job_ids: Sequence[str]) -> None:
        """Make jobs due now that this worker was rung for and will not claim."""
        await self._call("hand_back", *job_ids)

    async def announce(self) -> None:
        """Write down this worker's retentions, for those who have no settings."""
        s = self._settings
        await self._call("announce", s.retention_ms, s.key_window_ms, s.events_hard_cap)

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
