"""The inbox: one Redis command from any language is a job, or a rejection.

`XADD sources:inbox * command '{"operation": "create", ...}'`. Every worker reads it, as
one consumer of one group, so an entry that a dead worker left is anybody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import redis.asyncio
from redis.exceptions import OutOfMemoryError, ResponseError

from customer_sources.contract.errors import Problem
from customer_sources.contract.names import INBOX_GROUP, Keys
from customer_sources.submission import InboxEntry
from worker.intake import Intake

LONGEST_COMMAND = 65_536
"""Bytes of one entry: a command with all its metadata is a third of that."""
LEFT_BEHIND_MS = 5_000
"""Age at which an entry that was read and did not go is taken for left behind. Whoever
was only slow does no harm: an entry is one job, however often it is taken."""
LOOK_BACK_SECONDS = 2.0
"""How often that is looked for while there is always something new to read."""
BATCH = 100
BLOCK_MS = 1000


class Inbox:
    """Reads the inbox. Blocks in the store; nothing is polled."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        keys: Keys,
        intake: Intake,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = client
        self._stream = keys.inbox
        self._intake = intake
        self._clock = clock
        self._look_back_at = clock() + LOOK_BACK_SECONDS

    async def one_pass(self) -> bool:
        """Take what is there, or wait for it for a second. True: look again at once."""
        try:
            entries = await self._next()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group()
            return True
        trouble: ResponseError | None = None
        for entry_id, fields in entries:
            try:
                await self._take(entry_id, fields)
            except OutOfMemoryError:
                raise  # so will the others be refused
            except ResponseError as error:
                trouble = error  # with this one; it is left behind, and looked at again
        if trouble is not None:
            raise trouble
        return True

    async def _next(self) -> list[Any]:
        """Read what is new; first, now and then, what a dead worker left."""
        if self._clock() >= self._look_back_at:
            self._look_back_at = self._clock() + LOOK_BACK_SECONDS
            if entries := await self._left_behind():
                return entries
        return await self._read() or await self._left_behind()

    async def _read(self) -> list[Any]:
        reply = await self._redis.xreadgroup(
            INBOX_GROUP,
            INBOX_GROUP,
            {self._stream: ">"},
            count=BATCH,
            block=BLOCK_MS,
        )
        if not reply:
            return []
        streams = reply.values() if isinstance(reply, dict) else [reply[0][1]]
        (entries,) = streams
        return list(entries[0]) if isinstance(reply, dict) else list(entries)

    async def _left_behind(self) -> list[Any]:
        _, entries, _ = await self._redis.xautoclaim(
            self._stream,
            INBOX_GROUP,
            INBOX_GROUP,
            min_idle_time=LEFT_BEHIND_MS,
            count=BATCH,
        )
        return list(entries)

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(
                self._stream, INBOX_GROUP, id="0", mkstream=True
            )
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _take(self, entry_id: str, fields: dict[str, str]) -> None:
        entry = InboxEntry(self._stream, INBOX_GROUP, entry_id)
        name = f"inbox:{entry_id}"
        text = fields.get("command")
        if text is None:
            problem = Problem("command", "the entry has no field of this name")
        elif len(text) > LONGEST_COMMAND:
            problem = Problem("command", f"longer than {LONGEST_COMMAND} characters")
        else:
            try:
                command = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                problem = Problem("command", "not JSON")
            else:
                await self._intake.take(command, name, entry=entry)
                return
        await self._intake.reject([problem], name, None, entry)
