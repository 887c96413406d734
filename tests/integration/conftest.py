"""A whole worker in the test's own event loop, against a real store and a sandbox."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from config.settings import Settings
from customer_sources import CustomerSources, Job
from customer_sources.contract.names import Keys
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from tests.builders import come_due
from worker.clock import lease_clock
from worker.engine import Engine
from worker.leases import Leases
from worker.ledger import Ledger
from worker.stripe_api import StripeApi


class NoWait(random.Random):
    """Chance that always chooses the shortest wait: none."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


@dataclass
class World:
    """Everything a job meets between submit and event."""

    client: CustomerSources
    db: redis.Redis
    keys: Keys
    ledger: Ledger
    leases: Leases
    engine: Engine
    sandbox: RemoteSandbox

    async def run_once(self, job: Job) -> Job:
        """Let one wake-up for this job be answered."""
        await self.engine.run_all([job.id])
        return job.refresh()

    async def run_until_ended(self, job: Job, *, most: int = 20) -> Job:
        """Let wake-ups come due one after another until the job has ended."""
        for _ in range(most):
            if (await self.run_once(job)).state.is_terminal:
                return job
            come_due(self.db, self.keys, job.id)
            await self.ledger.take_due()
        raise AssertionError(f"{job} did not end in {most} runs")

    def changes(self) -> list[str]:
        """What Stripe did to sources, in order."""
        return [
            effect.change
            for effect in self.sandbox.effects()
            if effect.change.startswith("source.")
        ]

    def events(self) -> list[Any]:
        return list(self.client.events(after="0", timeout=0))


@pytest.fixture
def stripe() -> Iterator[RemoteSandbox]:
    """A sandbox in which every customer exists."""
    with SandboxServer(auto_customers=True, seed=1) as running:
        yield running


@pytest.fixture
def settings(store: Any, prefix: str, stripe: RemoteSandbox) -> Settings:
    return Settings(
        _env_file=None,
        redis_url=store.url,
        prefix=prefix,
        stripe_api_key="sk_test_sandbox",
        stripe_api_base=stripe.url,
    )


@pytest.fixture
async def world(
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    ledger: Ledger,
    settings: Settings,
    stripe: RemoteSandbox,
) -> AsyncIterator[World]:
    leases = Leases(settings.lease_seconds, lease_clock)
    api = StripeApi(
        api_base=settings.stripe_api_base,
        key=settings.stripe_api_key.get_secret_value(),
    )
    engine = Engine(ledger, api, leases, settings, clock=lease_clock, rng=NoWait())
    yield World(client, db, keys, ledger, leases, engine, stripe)
    await api.aclose()
