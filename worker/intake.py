"""Commands that arrive as plain data: from the inbox, or as a Celery message.

Each becomes a job, or an event that says what is wrong with it. A bad one costs its
sender an event and hurts nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import redis.asyncio

from config.settings import Settings
from customer_sources import requests, scripts, submission
from customer_sources.contract.errors import CommandInvalid, JobConflict, Problem
from customer_sources.contract.events import rejected_event
from customer_sources.contract.names import Keys
from customer_sources.durability import AsyncWriter
from customer_sources.submission import NO_ENTRY, InboxEntry


class Intake:
    """Submits plain commands for those who cannot call the SDK.

    Args:
        client: the worker's Redis client.
        keys: the names.
        settings: for the length of the event stream.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, settings: Settings
    ) -> None:
        self._keys = keys
        self._settings = settings
        self._submit = client.register_script(scripts.load("submit"))
        self._write = AsyncWriter(client, settings.durability, keys.prefix)
        reject = scripts.load("reject", (), "worker")
        self._reject = client.register_script(reject)

    async def take(
        self,
        command: object,
        name: str,
        *,
        ring: bool = True,
        entry: InboxEntry = NO_ENTRY,
    ) -> str | None:
        """Submit a command, or tell why not.

        Args:
            command: one JSON object; anything else is rejected.
            name: where it came from and its id there; the idempotency key unless
                the command gives one.
            ring: whether workers are woken up for it.
            entry: the inbox entry that goes with it.

        Returns:
            The job's id; None: it was rejected.
        """
        try:
            built = requests.build(
                self._keys, command, default_key=name, ring=ring, entry=entry
            )
            reply = await self._write.one(self._submit, built.arguments, built.job_id)
            submission.accepted(built, reply)
        except CommandInvalid as error:
            await self.reject(error.problems, name, command, entry)
            return None
        except JobConflict as error:
            problem = Problem("idempotency_key", str(error))
            await self.reject([problem], name, command, entry)
            return None
        return built.job_id

    async def reject(
        self,
        problems: Any,
        name: str,
        command: object,
        entry: InboxEntry = NO_ENTRY,
    ) -> None:
        """Tell that a command cannot become a job."""
        event = rejected_event(
            f"{name}:rejected",
            problems,
            now_ms=time.time_ns() // 1_000_000,
            asked=command if isinstance(command, Mapping) else {},
        )
        cap = self._settings.events_hard_cap
        arguments: list[Any] = [self._keys.prefix, event.encode(), cap, *entry]
        await self._reject(args=arguments)
