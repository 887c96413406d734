"""A batch at a clock that stands still, and the workers that look after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from config.settings import Settings as Config
from customer_sources import CustomerSources
from customer_sources.batches.calls import Settings
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.status import Batch
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from sandbox.store import Store
from tasks.batches import fed_row
from tests.batch_plans import Plan, plan
from tests.builders import ending
from tests.integration.stopped import Stopped
from worker.batch_ledger import BatchLedger, Step
from worker.replies import Claimed
from worker.store import connect

DONE = Outcome(
    state="succeeded",
    code="succeeded",
    source="card_1",
    request="req_1",
    runs=1,
    ended=1,
    retryable=False,
    unknown=False,
    key="",
    first_sent=0,
    message="",
)


@dataclass
class Looked:
    """A batch, and the workers that look after it one call at a time."""

    stopped: Stopped
    client: CustomerSources
    ledger: BatchLedger
    other: BatchLedger
    """Of another worker."""
    plan: Plan

    def bring_in(self, **settings: Any) -> None:
        self.stopped.stop()
        self.client.batches.open(self.plan.manifest, Settings(**settings))
        for number, chunk in enumerate(self.plan.chunks):
            self.client.batches.put(self.plan.id, number, chunk)

    @property
    def batch(self) -> Batch:
        return self.client.batches.get(self.plan.id)

    async def look(self, ledger: BatchLedger | None = None) -> Step:
        self.stopped.stop()
        step = await (ledger or self.ledger).step(self.plan.id)
        assert step is not None
        return step

    async def feed(self, step: Step, most: int = 1000) -> int:
        """Feed what a look allows, within one chunk. Returns how many rows that was."""
        self.stopped.stop()
        rows = await self.ledger.rows(self.plan.id, step.chunk)
        some = rows[step.offset : step.offset + min(step.room, most)]
        fed = [fed_row(self.plan.id, "default", row) for row in some]
        where = self.plan.id, step.chunk, step.offset, len(rows)
        return len(some) if await self.ledger.feed(*where, fed) else 0

    async def tell(self, done: int) -> bool:
        """Tell how far it is, as a worker does that found so many rows done."""
        self.stopped.stop()
        return await self.ledger.tell(self.plan.id, "", b"{}", done)

    async def feed_all(self) -> None:
        while (step := await self.look()).room:
            await self.feed(step)

    async def run_all(self) -> None:
        """Let every row that is in line end well."""
        while jobs := await self.stopped.grant():
            for job_id in jobs:
                assert isinstance(await self.stopped.claim(job_id, "token"), Claimed)
                ended = ending(State.SUCCEEDED)
                ended = msgspec.structs.replace(ended, result=DONE.encode())
                await self.stopped.ledger.commit(job_id, "token", ended)


@pytest.fixture
async def looked(
    stopped: Stopped,
    client: CustomerSources,
    store: Store,
    keys: Keys,
    settings: Config,
) -> AsyncIterator[Looked]:
    connection = connect(store.url)
    one, other = (BatchLedger(connection, keys, settings, boot) for boot in "ab")
    yield Looked(stopped, client, one, other, plan(25, chunk_rows=10))
    await connection.aclose()
