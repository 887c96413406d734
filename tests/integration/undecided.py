"""Verify jobs that ran and decided nothing, at a clock that stands still; sweeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from customer_sources.contract.names import Class, Keys
from customer_sources.contract.sweeps import PASSED_OVER, SWEPT
from sandbox.store import Store
from tests.integration.stopped import Stopped
from worker.replies import Claimed
from worker.store import connect
from worker.sweeping import Step, Sweeping

TOKEN = "the first run"
HOUR = 3_600_000


@dataclass
class Undecided:
    """The jobs of a ledger, and one who sweeps."""

    stopped: Stopped
    sweeping: Sweeping

    @property
    def keys(self) -> Keys:
        return self.stopped.keys

    def waiting(self) -> list[str]:
        """Who is undecided, in order."""
        found = self.stopped.db.zrange(self.keys.undecided, 0, -1)
        return [str(one) for one in found]

    async def claimed(self, operation: str = "verify", **said: Any) -> str:
        """Submit a job and begin its run."""
        job_id = self.stopped.submit(operation, **said)
        assert isinstance(await self.stopped.claim(job_id, TOKEN), Claimed)
        return job_id

    async def put_off(
        self, job_id: str, *, delay_ms: int = HOUR, quiet_ms: int = 0
    ) -> None:
        """Have its run decide nothing; with `quiet_ms`, because an answer was lost."""
        self.stopped.stop()
        assert await self.stopped.ledger.defer(
            job_id,
            TOKEN,
            delay_ms=delay_ms,
            counts=True,
            unknown=quiet_ms > 0,
            quiet_ms=quiet_ms,
        )

    async def job(self, operation: str = "verify", **said: Any) -> str:
        """Make a job that ran once and waits an hour for its next try."""
        job_id = await self.claimed(operation, **said)
        await self.put_off(job_id)
        return job_id

    async def sweep(self) -> dict[str, Any]:
        """Sweep by hand to the end; return the counts that were told."""
        self.stopped.stop()
        sweep_id, _ = await self.sweeping.begin_by_hand()
        while await self.step(sweep_id) is Step.STEPPED:
            pass
        swept = await self.sweeping.read(sweep_id)
        assert swept is not None
        self.stopped.stop()
        assert await self.sweeping.tell(swept)
        return added_up(swept.counts)

    async def step(self, sweep_id: str) -> Step:
        self.stopped.stop()
        return await self.sweeping.step(sweep_id)

    def woken_in(self, job_id: str) -> int | None:
        """Milliseconds until somebody looks at a job."""
        return self.stopped.woken_at(job_id, Class.INTERACTIVE)

    def told(self) -> list[dict[str, Any]]:
        """What the events of sweeps say."""
        entries: Any = self.stopped.db.xrange(self.keys.events)
        events = [msgspec.json.decode(fields["event"]) for _, fields in entries]
        return [event for event in events if event["type"] == SWEPT]


def added_up(counts: Any) -> dict[str, Any]:
    """Say only what there was; no job may be missing from the sum."""
    passed = counts["passed_over"]
    assert list(passed) == list(PASSED_OVER)
    assert counts["considered"] == counts["put_forward"] + sum(passed.values())
    some = {why: count for why, count in passed.items() if count}
    return {"put_forward": counts["put_forward"], **some}


@pytest.fixture
def settings(store: Store, prefix: str) -> Settings:
    """Without a sandbox, which takes longer than these tests: nothing is sent."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic's own
        redis_url=store.url,
        prefix=prefix,
        stripe_api_key="sk_test_sandbox",  # type: ignore[arg-type]  # likewise
    )


@pytest.fixture
async def undecided(
    stopped: Stopped, store: Store, keys: Keys, settings: Settings
) -> AsyncIterator[Undecided]:
    connection = connect(store.url)
    sweeping = Sweeping(connection, keys, settings.events_hard_cap)
    yield Undecided(stopped, sweeping)
    await connection.aclose()
