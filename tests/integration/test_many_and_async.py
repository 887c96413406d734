"""submit_many, and the asyncio client: the same jobs by other calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from customer_sources import (
    AsyncCustomerSources,
    CommandInvalid,
    CustomerSources,
    JobConflict,
    JobFailed,
    JobNotFound,
    LedgerUnavailable,
    ResultTimeout,
    State,
)
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.builders import ending
from worker.ledger import Ledger


@pytest.fixture
async def aio(
    store: Store, db: redis.Redis, prefix: str
) -> AsyncIterator[AsyncCustomerSources]:
    async with AsyncCustomerSources(store.url, prefix=prefix) as one:
        yield one


def commands(count: int) -> list[dict[str, object]]:
    return [
        {"operation": "create", "customer": f"cus_{n}", "source": "tok_visa"}
        for n in range(count)
    ]


def test_many_are_submitted_and_wake_workers_with_few_messages(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    results = client.submit_many(commands(1050))

    assert {result.state for result in results} == {State.QUEUED}
    assert len({result.job_id for result in results}) == 1050
    assert db.llen(keys.queue("sources.interactive")) < 30


def test_each_command_is_told_what_became_of_it(client: CustomerSources) -> None:
    fine, key = commands(1)[0], {"idempotency_key": "k"}
    results = client.submit_many(
        [
            fine | key,
            {"operation": "get", "customer": "a b", "id": "x"},
            fine | key,
            fine | key | {"customer": "cus_9"},
            {"nonsense": 1},
            fine | {"priority": "bulk"},
        ]
    )

    assert results[0].state is State.QUEUED
    assert isinstance(results[1].error, CommandInvalid)
    assert results[2] == results[0]
    assert isinstance(results[3].error, JobConflict)
    assert isinstance(results[4].error, CommandInvalid)
    assert results[5].state is State.QUEUED


def test_bulk_goes_to_its_own_queue(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    client.submit_many([command | {"priority": "bulk"} for command in commands(3)])

    assert db.llen(keys.queue("sources.bulk")) == 1
    assert db.zcard(keys.wake("bulk")) == 3


def test_a_store_that_goes_away_leaves_each_command_an_id_to_repeat() -> None:
    with Store.start() as store, CustomerSources(store.url) as client:
        client.submit_many(commands(1))
        store.kill()
        results = client.submit_many(commands(3))

    assert all(isinstance(result.error, LedgerUnavailable) for result in results)
    assert all(result.job_id.startswith("job_") for result in results)


async def test_the_asyncio_client_submits_and_waits(
    aio: AsyncCustomerSources, ledger: Ledger
) -> None:
    job = await aio.customer.source.create(customer="cus_1", source="tok_visa")
    with pytest.raises(ResultTimeout):
        await job.result(timeout=0.05)
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending())

    assert await job.result(timeout=5) == {"id": "card_1"}
    assert (await (await aio.job(job.id)).refresh()).state is State.SUCCEEDED


async def test_the_asyncio_client_raises_what_the_other_raises(
    aio: AsyncCustomerSources, ledger: Ledger
) -> None:
    with pytest.raises(CommandInvalid):
        await aio.customer.source.get(customer="a b", id="card_1")
    with pytest.raises(JobNotFound):
        await aio.job("job_" + "0" * 26)
    job = await aio.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending(State.FAILED))
    with pytest.raises(JobFailed):
        await job.result(timeout=5)


async def test_the_asyncio_client_cancels_and_submits_many(
    aio: AsyncCustomerSources, db: redis.Redis, keys: Keys
) -> None:
    job = await aio.customer.source.create(customer="cus_1", source="tok_visa")
    assert (await aio.cancel(job.id)).state is State.CANCELLED

    results = await aio.submit_many([*commands(120), {"operation": "?"}])
    assert [r.state for r in results] == [State.QUEUED] * 120 + [None]
    assert db.llen(keys.queue("sources.interactive")) < 10


async def test_a_store_that_is_not_there_is_told_to_asyncio_too() -> None:
    async with AsyncCustomerSources("redis://127.0.0.1:1/0") as aio:
        with pytest.raises(LedgerUnavailable, match="job_"):
            await aio.customer.source.create(customer="cus_1", source="tok_visa")
