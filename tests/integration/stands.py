"""A client and somebody who runs its jobs: in memory, or a tiny worker on a store."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import redis

from customer_sources import CustomerSources, Event, State
from customer_sources.contract.commands import Command
from customer_sources.contract.events import terminal_event
from customer_sources.contract.names import Keys
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from worker.ledger import Ledger
from worker.replies import Claimed, Ending

CARD = {"id": "card_1", "object": "card", "customer": "cus_1", "last4": "4242"}
DECLINED = {"code": "card_declined", "message": "No.", "decline_code": "fraudulent"}
RETRYABLE = {"processing_error"}
LOST = {"code": "key_expired", "message": "Nobody knows."}


async def got(value: Any) -> Any:
    """What a call gives, of either client."""
    return await value if inspect.isawaitable(value) else value


class Stand(Protocol):
    """What the tests need of both."""

    client: Any

    def answer(self, operation: str, state: State, details: Mapping[str, Any]) -> None:
        """Let jobs of this operation end so."""

    async def run(self) -> None:
        """Run what is due."""

    def events(self) -> list[Event]:
        """Every event so far."""


@dataclass
class InMemory:
    """The stand-in; its jobs run when the test says so."""

    client: InMemorySources | AsyncInMemorySources

    def answer(self, operation: str, state: State, details: Mapping[str, Any]) -> None:
        if state is State.SUCCEEDED:
            self.client.succeed(operation, details)
        elif state is State.FAILED:
            self.client.fail(operation, **details)
        else:
            self.client.needs_review(operation, **details)

    async def run(self) -> None:
        self.client.run()

    def events(self) -> list[Event]:
        return self.client.told


@dataclass
class OnAStore:
    """The real client, and a worker that commits what it is told to."""

    client: Any
    reader: CustomerSources
    ledger: Ledger
    db: redis.Redis
    keys: Keys
    answers: dict[str, tuple[State, Mapping[str, Any]]] = field(default_factory=dict)

    def answer(self, operation: str, state: State, details: Mapping[str, Any]) -> None:
        self.answers[operation] = (state, details)

    async def run(self) -> None:
        """Run round by round: a round frees the next of each lane."""
        while any([await self._ran(job_id) for job_id in self._jobs()]):
            pass

    def events(self) -> list[Event]:
        return list(self.reader.events(after="0", timeout=0))

    def _jobs(self) -> list[str]:
        head = self.keys.job("")
        found = (key.removeprefix(head) for key in self.db.scan_iter(f"{head}*"))
        return sorted(name for name in found if ":" not in name)

    async def _ran(self, job_id: str) -> bool:
        claimed = await self.ledger.claim(job_id, "t1")
        if not isinstance(claimed, Claimed):
            return False
        command = msgspec.json.decode(claimed.command, type=Command)
        default = (State.SUCCEEDED, {"id": command.id or "card_1", "object": "card"})
        state, details = self.answers.get(command.operation, default)
        now_ms = time.time_ns() // 1_000_000
        event = terminal_event(job_id, command, state, now_ms=now_ms, details=details)
        ending = Ending(
            state=state,
            code=str(details.get("code", state)),
            result=msgspec.json.encode(details),
            event=event.encode(),
            unknown=state is State.NEEDS_REVIEW,
            review=state is State.NEEDS_REVIEW or details.get("code") in RETRYABLE,
        )
        await self.ledger.commit(job_id, "t1", ending)
        return True
