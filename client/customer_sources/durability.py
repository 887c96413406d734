"""Waiting until the store has on disk what a call wrote.

A store with `appendfsync everysec` loses up to a second of what it took when its
machine loses power. `durability="fsync"` waits, after the write and on the same
connection, until the append-only file has it (WAITAOF: Redis and Valkey from 7.2 on).
That takes up to a second with `everysec`, and one sync of the disk with `always`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import redis
import redis.asyncio
from redis.commands.core import AsyncScript, Script
from redis.exceptions import ResponseError

from customer_sources import scripts
from customer_sources.contract.errors import DurabilityUnavailable, LedgerUnavailable

Durability = Literal["store", "fsync"]
"""`store`: as the store is configured. `fsync`: on its disk before a call returns."""

WAIT_MS = 4000
"""Below the time limit of an answer, so that it is the store that says no."""
WAIT = ("WAITAOF", 1, 0, WAIT_MS)
PROBE = ("WAITAOF", 1, 0, 1)
"""Asked before anything is written: a server that cannot says so at once."""


def is_on_disk(reply: Any) -> bool:
    """Whether the store's own disk is among those that have it."""
    return int(reply[0]) >= 1


class Writer:
    """Calls the scripts that change a ledger.

    Args:
        client: where to.
        durability: when a call may return.
        prefix: of the ledger's keys.

    Raises:
        ValueError: there is no such durability.
    """

    def __init__(self, client: redis.Redis, durability: str, prefix: str) -> None:
        self._redis = client
        self._waits = _waits(durability)
        self._touch = client.register_script(scripts.load("touch"))
        self._prefix = prefix
        self._can_wait = False

    def one(self, script: Script, arguments: Sequence[Any], job_id: str = "") -> Any:
        """Call a script. Errors as for `all`."""
        if not self._waits:
            return script(args=arguments)
        with self._redis.pipeline(transaction=False) as pipe:
            script(args=arguments, client=pipe)
            (reply,) = self.all(pipe, job_id)
        return reply

    def all(self, pipe: redis.client.Pipeline, job_id: str = "") -> list[Any]:
        """Execute a pipeline of scripts; the last thing it is used for.

        Raises:
            DurabilityUnavailable: the store cannot; nothing was written.
            LedgerUnavailable: written, and not on disk in time.
        """
        if not self._waits:
            return list(pipe.execute())
        if not self._can_wait:
            try:
                self._redis.execute_command(*PROBE)  # type: ignore[no-untyped-call]
            except ResponseError as error:
                raise _cannot(error) from error
            self._can_wait = True
        self._touch(args=[self._prefix], client=pipe)
        pipe.execute_command(*WAIT)  # type: ignore[no-untyped-call]
        *replies, _, reply = pipe.execute()
        _ensure(reply, job_id)
        return replies


class AsyncWriter:
    """`Writer` for asyncio."""

    def __init__(
        self, client: redis.asyncio.Redis, durability: str, prefix: str
    ) -> None:
        self._redis = client
        self._waits = _waits(durability)
        self._touch = client.register_script(scripts.load("touch"))
        self._prefix = prefix
        self._can_wait = False

    async def one(
        self, script: AsyncScript, arguments: Sequence[Any], job_id: str = ""
    ) -> Any:
        """Call a script. See `Writer.one`."""
        if not self._waits:
            return await script(args=arguments)
        async with self._redis.pipeline(transaction=False) as pipe:
            await script(args=arguments, client=pipe)
            (reply,) = await self.all(pipe, job_id)
        return reply

    async def all(
        self, pipe: redis.asyncio.client.Pipeline, job_id: str = ""
    ) -> list[Any]:
        """Execute a pipeline of scripts. See `Writer.all`."""
        if not self._waits:
            return list(await pipe.execute())
        if not self._can_wait:
            try:
                await self._redis.execute_command(*PROBE)  # type: ignore[no-untyped-call]
            except ResponseError as error:
                raise _cannot(error) from error
            self._can_wait = True
        await self._touch(args=[self._prefix], client=pipe)
        pipe.execute_command(*WAIT)
        *replies, _, reply = await pipe.execute()
        _ensure(reply, job_id)
        return replies


def _waits(durability: str) -> bool:
    if durability not in get_args(Durability):
        known = " or ".join(map(repr, get_args(Durability)))
        raise ValueError(f"durability: expected {known}, got {durability!r}")
    return durability == "fsync"


def _cannot(error: ResponseError) -> DurabilityUnavailable:
    return DurabilityUnavailable(
        f"durability='fsync' needs WAITAOF and an append-only file: {error}"
    )


def _ensure(reply: Any, job_id: str) -> None:
    if not is_on_disk(reply):
        reason = f"written, and not on disk after {WAIT_MS / 1000:.0f} s"
        raise LedgerUnavailable(reason, job_id=job_id)
