"""`AsyncConsumer` keeps the rules of `Consumer`, and can be cancelled anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
import redis

from customer_sources import CustomerSources, Event, LedgerUnavailable
from customer_sources.aio_consumer import AsyncConsumer
from customer_sources.contract.names import Keys
from customer_sources.membership import reading
from customer_sources.store import connect_async
from sandbox.store import Store
from tests.builders import KEPT
from tests.integration.told import names, pending, tell

THREE = ["e1", "e2", "e3"]


class Events(Protocol):
    def __call__(self, group: str | None = None, **how: Any) -> AsyncConsumer: ...


@pytest.fixture
async def events(store: Store, db: redis.Redis, keys: Keys) -> AsyncIterator[Events]:
    client = connect_async(store.url)
    yield lambda group=None, **how: AsyncConsumer(
        client, reading(keys.events, group, **how)
    )
    await client.aclose()


@pytest.fixture
def told(db: redis.Redis, keys: Keys) -> list[str]:
    return tell(db, keys, *THREE)


async def read(consumer: AsyncConsumer) -> list[str]:
    return names([event async for event in consumer])


async def test_everything_kept_can_be_read_from_the_start(
    events: Events, told: list[str]
) -> None:
    assert await read(events(after="0", timeout=0)) == THREE
    assert await read(events(since=datetime(2020, 1, 1, tzinfo=UTC), timeout=0))


async def test_from_now_on_means_from_the_beginning_of_the_block(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    async with events(timeout=0) as consumer:
        tell(db, keys, "e4")
        assert await read(consumer) == ["e4"]


async def test_an_event_is_acknowledged_when_the_next_is_asked_for(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    consumer = events("billing", timeout=0)
    held = []
    async for event in consumer:
        assert pending(db, keys) == {consumer.name: 1}
        held.append(event.id)

    assert held == THREE
    assert pending(db, keys) == {}


async def test_leaving_a_block_acknowledges_the_last_event(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    async with events("billing") as consumer:
        async for event in consumer:
            if event.id == "e2":
                break

    assert pending(db, keys) == {}
    assert await read(events("billing", timeout=0)) == ["e3"]


async def test_leaving_a_block_by_an_exception_does_not(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    consumer = events("billing")
    with pytest.raises(ZeroDivisionError):
        async with consumer:
            _ = 1 / len((await anext(consumer)).subject)

    assert pending(db, keys) == {consumer.name: 1}
    assert await read(events("billing", timeout=0)) == THREE


async def test_sync_and_async_consumers_are_members_of_one_group(
    events: Events, client: CustomerSources, told: list[str]
) -> None:
    one = client.events("billing", timeout=0)
    other = events("billing", timeout=0)

    assert [next(one).id, (await anext(other)).id, next(one).id] == THREE
    assert one.name != other.name


async def test_what_a_dead_consumer_left_is_taken_over(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    db.xgroup_create(keys.events, "billing", id="0")
    db.xreadgroup("billing", "dead", {keys.events: ">"}, count=1)
    db.xclaim(keys.events, "billing", "dead", 0, told[:1], idle=60_000)

    assert await read(events("billing", timeout=0)) == THREE


async def test_what_cannot_be_read_is_passed_over_and_counted(
    events: Events, db: redis.Redis, keys: Keys
) -> None:
    db.xadd(keys.events, {"event": "{"})
    tell(db, keys, "e1")
    consumer = events("billing", timeout=0)

    assert await read(consumer) == ["e1"]
    assert consumer.skipped == 1


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 10])
async def test_a_consumer_cancelled_while_it_waits_loses_nothing(
    events: Events, db: redis.Redis, keys: Keys, turns: int
) -> None:
    consumer = events("billing")
    async with asyncio.timeout(20), consumer:
        waiting = asyncio.ensure_future(anext(consumer))
        while not is_blocked(db):  # noqa: ASYNC110  it happens in the store
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        tell(db, keys, "e1")

        assert (await anext(consumer)).id == "e1"
    assert pending(db, keys) == {}


async def test_an_event_that_was_on_its_way_when_cancelled_comes_again(
    events: Events, told: list[str], db: redis.Redis, keys: Keys
) -> None:
    """Wherever the cancellation hits, nothing is lost and nothing handled twice."""
    handled: list[str] = []
    consumer = events("billing", timeout=0)
    for turns in range(2000):
        step = asyncio.ensure_future(anext(consumer, None))
        for _ in range(turns):
            await asyncio.sleep(0)
        step.cancel()
        try:
            event: Event | None = await step
        except asyncio.CancelledError:
            continue
        if event is None:
            break
        handled.append(event.id)

    assert handled == THREE
    assert pending(db, keys) == {}


def is_blocked(db: redis.Redis) -> bool:
    return any(
        one["cmd"] == "xreadgroup" and "b" in one["flags"] for one in db.client_list()
    )


async def test_when_the_store_is_back_the_same_loop_goes_on_where_it_was() -> None:
    with Store.start(aof=True, config=KEPT) as store:
        keys = Keys()
        client = connect_async(store.url)
        with redis.Redis.from_url(store.url) as db:
            tell(db, keys, *THREE)
        consumer = AsyncConsumer(client, reading(keys.events, "billing", timeout=0))
        handled = [(await anext(consumer)).id]
        store.kill()
        with pytest.raises(LedgerUnavailable):
            await anext(consumer)
        store.restart()

        handled += await read(consumer)
        await client.aclose()
        assert handled == THREE
