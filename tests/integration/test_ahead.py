"""Commands of `submit_many` are built while the store works on those before."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from customer_sources import AsyncCustomerSources, CustomerSources, State
from customer_sources.ahead import Ahead
from customer_sources.calls import CHUNK
from customer_sources.contract.names import Keys
from sandbox.store import Store

Command = dict[str, Any]


@pytest.fixture
async def aio(
    store: Store, db: redis.Redis, prefix: str
) -> AsyncIterator[AsyncCustomerSources]:
    async with AsyncCustomerSources(store.url, prefix=prefix) as one:
        yield one


def commands(count: int, after: Callable[[], object] = int) -> Iterator[Command]:
    """Write commands; when more than a chunk is asked for, call `after` first."""
    for number in range(count):
        if number == CHUNK:
            after()
        yield {"operation": "get", "customer": f"cus_{number}", "id": "card_1"}


class Look:
    """Sees that a first chunk is with the store, and unanswered: nobody is woken."""

    def __init__(self, db: redis.Redis, keys: Keys) -> None:
        self._db, self._keys = db, keys
        self.was_out = False

    def __call__(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until and not self.was_out:
            last = self._keys.lane(f"default:cus_{CHUNK - 1}")
            self.was_out = self._db.exists(last) > 0
        assert not self.is_rung()

    def is_rung(self) -> bool:
        return self._db.llen(self._keys.queue("sources.interactive")) > 0


class Broken(Exception):
    """Whatever a producer's own iterable may raise."""


def fail() -> None:
    raise Broken


def test_the_next_chunk_is_built_before_the_first_is_answered(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    look = Look(db, keys)
    results = client.submit_many(commands(CHUNK + 5, look))

    assert look.was_out
    assert [result.state for result in results] == [State.QUEUED] * (CHUNK + 5)
    assert len({result.job_id for result in results}) == CHUNK + 5


async def test_so_it_is_for_asyncio(
    aio: AsyncCustomerSources, db: redis.Redis, keys: Keys
) -> None:
    look = Look(db, keys)
    results = await aio.submit_many(commands(CHUNK + 5, look))

    assert look.was_out
    assert [result.state for result in results] == [State.QUEUED] * (CHUNK + 5)


def test_an_iterable_that_breaks_off_leaves_what_was_sent_whole(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    with pytest.raises(Broken):
        client.submit_many(commands(CHUNK + 5, fail))

    assert db.zcard(keys.wake("interactive")) == CHUNK
    assert Look(db, keys).is_rung()
    (one,) = client.submit_many(commands(1))  # the connection is as good as new
    assert one.state is State.QUEUED


async def test_so_it_does_for_asyncio(
    aio: AsyncCustomerSources, db: redis.Redis, keys: Keys
) -> None:
    with pytest.raises(Broken):
        await aio.submit_many(commands(CHUNK + 5, fail))

    assert db.zcard(keys.wake("interactive")) == CHUNK
    assert Look(db, keys).is_rung()
    (one,) = await aio.submit_many(commands(1))
    assert one.state is State.QUEUED


def test_no_more_than_one_chunk_is_ahead() -> None:
    taken: list[Command] = []
    ahead = Ahead(Keys(), (taken.append(c) or c for c in commands(3 * CHUNK)))  # type: ignore[func-returns-value]
    for _ in range(3):
        ahead.build()
    assert len(taken) == CHUNK

    sizes = []
    while tally := ahead.take():
        sizes.append(len(tally.valid))
        ahead.build()
    assert sizes == [CHUNK] * 3
    assert ahead.take() is None
