"""What a producer can ask about guesses, and about how a success is known."""

from __future__ import annotations

import redis

from customer_sources import AsyncCustomerSources, CustomerSources
from customer_sources.contract.names import Keys, target_name
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from sandbox.store import Store
from tests.integration.conftest import World
from tests.integration.doubts import attach, bank_token

NONE = (0, 3)


async def test_guesses_are_counted_for_whoever_asks_watched_or_not(
    client: CustomerSources, db: redis.Redis, keys: Keys, store: Store, prefix: str
) -> None:
    kept = keys.attempts(target_name("acme", "cus_1", "ba_1"))
    db.hset(kept, mapping={"used": 1, "held:job_1": "mark", "miss:mark": 1})
    db.expire(kept, 600)
    locked = keys.attempts(target_name("default", "cus_1", "ba_2"))
    db.hset(locked, mapping={"used": 1, "over": 1})
    db.expire(locked, 600)

    asked = client.verifications.attempts
    assert asked("cus_1", "ba_1", account="acme") == (2, 1)
    assert asked("cus_1", "ba_1") == NONE
    assert asked("cus_1", "ba_2") == (1, 0)
    async with AsyncCustomerSources(store.url, prefix=prefix) as aio:
        of_acme = await aio.verifications.attempts("cus_1", "ba_1", account="acme")
    assert of_acme == (2, 1)


async def test_in_memory_nobody_counts() -> None:
    assert InMemorySources().verifications.attempts("cus_1", "ba_1") == NONE
    aio = AsyncInMemorySources()
    assert await aio.verifications.attempts("cus_1", "ba_1") == NONE


async def test_a_job_says_how_its_success_is_known(
    world: World, store: Store, prefix: str
) -> None:
    account = attach(world, bank_token(world))
    source = world.client.customer.source
    first, second = (
        source.verify(customer="cus_1", id=account, amounts=[32, 45]) for _ in range(2)
    )
    await world.run_once(first)
    await world.run_once(second)
    outcomes = []
    for job in (first, second):
        assert job.outcome == ""
        job.result(timeout=0)
        outcomes.append(job.outcome)
    assert outcomes == ["succeeded", "already_verified"]

    async with AsyncCustomerSources(store.url, prefix=prefix) as aio:
        same = await aio.job(second.id)
        await same.result(timeout=0)
    assert same.outcome == "already_verified"
