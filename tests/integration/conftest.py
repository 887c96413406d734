"""A whole worker in the test's own event loop, against a real store and a sandbox."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import redis

from config.accounts import accounts_of
from config.settings import Settings
from customer_sources import AsyncCustomerSources, CustomerSources, Job
from customer_sources.contract.names import Keys
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from sandbox.store import Store
from tests.builders import come_due
from tests.integration.stands import InMemory, OnAStore
from tests.integration.stopped import Stopped
from worker.clock import lease_clock
from worker.engine import Engine
from worker.leases import Leases
from worker.ledger import Ledger
from worker.rates import Rates
from worker.sending import Sender
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
    api: StripeApi
    """What the engine sends with."""
    sender_over: Callable[[StripeApi], Sender]

    @contextmanager
    def sending_over(self, api: StripeApi) -> Iterator[None]:
        """Let the engine send with another `StripeApi` meanwhile."""
        usual, self.engine._sender = self.engine._sender, self.sender_over(api)
        yield
        self.engine._sender = usual

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
    rates: Rates,
    settings: Settings,
    stripe: RemoteSandbox,
) -> AsyncIterator[World]:
    leases = Leases(settings.lease_seconds, lease_clock)
    api = StripeApi(
        api_base=settings.stripe_api_base,
        key=settings.stripe_api_key.get_secret_value(),
    )
    account_of = {**accounts_of(settings)}.get

    def sender_over(api: StripeApi) -> Sender:
        return Sender(ledger, rates, api, account_of)

    engine = Engine(
        ledger,
        sender_over(api),
        leases,
        settings,
        clock=lease_clock,
        rng=NoWait(),
    )
    yield World(client, db, keys, ledger, leases, engine, stripe, api, sender_over)
    await api.aclose()


@pytest.fixture
def on_store(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> OnAStore:
    return OnAStore(client, client, ledger, db, keys)


@pytest.fixture
async def on_store_asyncio(
    on_store: OnAStore, store: Store, prefix: str
) -> AsyncIterator[OnAStore]:
    async with AsyncCustomerSources(store.url, prefix=prefix) as aio:
        yield replace(on_store, client=aio)


@pytest.fixture
def in_memory() -> InMemory:
    return InMemory(InMemorySources(runs="by_hand"))


@pytest.fixture
def in_memory_asyncio() -> InMemory:
    return InMemory(AsyncInMemorySources(runs="by_hand"))


@pytest.fixture(
    params=["on_store", "on_store_asyncio", "in_memory", "in_memory_asyncio"]
)
def stand(request: pytest.FixtureRequest) -> Any:
    """Each in turn; those in memory start no store."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def stopped(
    client: CustomerSources,
    ledger: Ledger,
    rates: Rates,
    db: redis.Redis,
    keys: Keys,
    settings: Settings,
) -> Stopped:
    """A ledger whose clock stands still."""
    return Stopped(client, ledger, rates, db, keys, settings)
