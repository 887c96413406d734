"""Fixtures that every test may ask for: a real store, a ledger on it, a client."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
import redis

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.audit import leaks
from worker.ledger import Ledger
from worker.rates import Rates
from worker.store import connect

# How long an example takes to draw is the machine's business, never a test's. And the
# suite says of a tree what it said before: with EXPLORE=1 it looks at other examples.
hypothesis.settings.register_profile(
    "ours",
    deadline=None,
    derandomize="EXPLORE" not in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ours")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches them."""
    for name in ("SOURCES_REDIS_URL", "SOURCES_PREFIX", "STRIPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """One server for the session; each test has a prefix of its own on it."""
    with Store.start() as running:
        yield running


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}:"


@pytest.fixture
def keys(prefix: str) -> Keys:
    return Keys(prefix)


@pytest.fixture
def db(store: Store, keys: Keys) -> Iterator[redis.Redis]:
    """The raw store. After the test nothing may be left that nobody would look at."""
    client = redis.Redis.from_url(store.url, decode_responses=True)
    yield client
    left = leaks(client, keys)
    mine = list(client.scan_iter(f"{keys.prefix}*", count=1000))
    if mine:
        client.delete(*mine)
    client.close()
    assert left == []


@pytest.fixture
def client(store: Store, db: redis.Redis, prefix: str) -> Iterator[CustomerSources]:
    with CustomerSources(store.url, prefix=prefix) as one:
        yield one


@pytest.fixture
def settings(store: Store, prefix: str) -> Settings:
    return Settings(
        _env_file=None,
        redis_url=store.url,
        prefix=prefix,
        stripe_api_key="sk_test_sandbox",
    )


@pytest.fixture
async def ledger(
    store: Store, db: redis.Redis, keys: Keys, settings: Settings
) -> AsyncIterator[Ledger]:
    connection = connect(store.url)
    yield Ledger(connection, keys, settings, "boot-1")
    await connection.aclose()


@pytest.fixture
async def rates(
    store: Store, db: redis.Redis, keys: Keys, settings: Settings
) -> AsyncIterator[Rates]:
    connection = connect(store.url)
    yield Rates(connection, keys, settings)
    await connection.aclose()
