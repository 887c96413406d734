"""A bank account that is watched, at a clock that stands still, by two workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from customer_sources import CustomerSources, Event, Verification
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.moments import to_ms
from customer_sources.contract.names import Keys, target_name
from customer_sources.contract.states import State
from sandbox.store import Store
from tasks.verifications import Verifications
from tests.builders import ending
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Ending
from worker.store import connect
from worker.watch_ledger import DueWatch, WatchLedger
from worker.watching import Plan, Turn, decide, planner

CUSTOMER, ACCOUNT = "cus_1", "ba_1"
TARGET = target_name("default", CUSTOMER, ACCOUNT)
KIND = f"{TYPE_PREFIX}source_verification."


@dataclass
class Watched:
    """One bank account, its watch, and the workers that take turns one at a time."""

    stopped: Stopped
    client: CustomerSources
    keys: Keys
    ledger: WatchLedger
    plan: Callable[[int], Plan]
    one: Verifications
    other: Verifications

    def open(self, **said: Any) -> Verification:
        self.stopped.stop()
        return self.client.verifications.watch(CUSTOMER, ACCOUNT, **said)

    def cancel(self) -> Verification:
        self.stopped.stop()
        return self.client.verifications.cancel(CUSTOMER, ACCOUNT)

    @property
    def now(self) -> Verification:
        return self.client.verifications.get(CUSTOMER, ACCOUNT)

    @property
    def look(self) -> str:
        """The job that looks at it; empty: none does."""
        return self.record.get("look", "")

    @property
    def record(self) -> dict[str, str]:
        found = self.stopped.db.hgetall(self.keys.watch(TARGET))
        return {str(name): str(value) for name, value in found.items()}

    async def turn(self, worker: Verifications | None = None) -> None:
        """Let a worker take what turns are due."""
        self.stopped.stop()
        await (worker or self.one).one_pass()

    def come(self, moment: datetime | None) -> None:
        """Let time pass until then."""
        assert moment is not None
        self.stopped.now = max(self.stopped.now, to_ms(moment))
        self.stopped.stop()

    async def planned(self, **said: Any) -> Verification:
        """Open it, and have its moments worked out."""
        self.open(**said)
        await self.turn()
        return self.now

    async def answer(self, status: str, **body: Any) -> None:
        """Let the look that is under way find this status."""
        made = {"id": ACCOUNT, "object": "bank_account", "status": status, **body}
        await self.end_look(State.SUCCEEDED, "succeeded", made)

    async def end_look(self, state: State, code: str, result: Any) -> None:
        """Let the look that is under way end."""
        job_id = self.look
        assert isinstance(await self.stopped.claim(job_id), Claimed)
        await self.end(job_id, state, code, result)

    async def end(self, job_id: str, state: State, code: str, result: Any) -> None:
        """Let the run of a look's job end it."""
        ended = msgspec.structs.replace(
            ending(state), code=code, result=msgspec.json.encode(result)
        )
        await self.commit(job_id, ended)

    async def commit(self, job_id: str, ended: Ending) -> None:
        """Let a run end its job."""
        self.stopped.stop()
        await self.stopped.ledger.commit(job_id, f"run of {job_id}", ended)

    async def see(self, status: str) -> None:
        """Let its next moment come, a look find this status, and that be told."""
        self.come(self.now.next)
        await self.turn()
        await self.answer(status)
        await self.turn()

    async def decided(self, operation: str, *found: str) -> str:
        """Let a job of ours end that decides it; returns the job's id."""
        job_id = self.stopped.submit(operation, customer=CUSTOMER)
        assert isinstance(await self.stopped.claim(job_id), Claimed)
        watch = ("end", TARGET, *found)
        ended = msgspec.structs.replace(ending(), watch=watch)
        await self.commit(job_id, ended)
        return job_id

    async def due(self) -> DueWatch:
        """Name it to a worker whose turn it is then."""
        self.stopped.stop()
        (due,) = await self.ledger.due()
        return due

    def would(self, due: DueWatch) -> Turn:
        """Decide what such a worker does."""
        return decide(due.record, due.guesses, due.now_ms, self.plan)

    def events(self) -> list[Event]:
        """What was told of watches, in order."""
        told: Any = self.stopped.db.xrange(self.keys.events)
        events = (msgspec.json.decode(one["event"], type=Event) for _, one in told)
        return [event for event in events if event.type.startswith(KIND)]

    def told(self) -> list[str]:
        return [event.type.removeprefix(KIND) for event in self.events()]


@pytest.fixture
async def watched(
    stopped: Stopped,
    client: CustomerSources,
    store: Store,
    keys: Keys,
    settings: Settings,
) -> AsyncIterator[Watched]:
    connection = connect(store.url)
    ledger, plan = WatchLedger(connection, keys, settings), planner(settings)
    workers = [
        Verifications(WatchLedger(connection, keys, settings), plan) for _ in "ab"
    ]
    yield Watched(stopped, client, keys, ledger, plan, *workers)
    await connection.aclose()
