"""`client.batches` on a real store, with no worker: bring in, look at, steer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from customer_sources import (
    AsyncCustomerSources,
    BatchEnded,
    BatchNotFound,
    CommandInvalid,
    CustomerSources,
)
from customer_sources.batches.calls import Settings
from customer_sources.batches.status import Batch, BatchState
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.batch_plans import Plan, plan


@pytest.fixture
def small() -> Plan:
    """Three chunks, the last of which is short."""
    return plan(25, chunk_rows=10)


@pytest.fixture
async def aio(store: Store, prefix: str) -> AsyncIterator[AsyncCustomerSources]:
    async with AsyncCustomerSources(store.url, prefix=prefix) as one:
        yield one


def bring_in(client: CustomerSources, one: Plan, **settings: Any) -> Batch:
    client.batches.open(one.manifest, Settings(**settings))
    for number, chunk in enumerate(one.chunks):
        client.batches.put(one.id, number, chunk)
    return client.batches.get(one.id)


def test_a_batch_that_is_opened_waits_for_its_chunks_and_knows_its_settings(
    client: CustomerSources, small: Plan
) -> None:
    settings = Settings(
        concurrency=7,
        rate=2.5,
        canary=3,
        max_errors=0.25,
        not_before=datetime(2030, 1, 31, 12, tzinfo=UTC),
    )

    batch = client.batches.open(small.manifest, settings)

    assert (batch.state, batch.uploaded, batch.chunks) == (BatchState.UPLOADING, 0, 3)
    assert (batch.rows, batch.done, batch.in_flight) == (25, 0, 0)
    asked = (batch.window, batch.rate, batch.canary, batch.max_errors)
    assert asked == (7, 2.5, 3, 0.25)
    assert batch.not_before == settings.not_before
    assert client.batches.manifest(small.id) == small.manifest


def test_the_same_plan_is_the_same_batch_with_its_first_settings(
    client: CustomerSources, small: Plan
) -> None:
    first = client.batches.open(small.manifest, Settings(rate=5))
    client.batches.put(small.id, 0, small.chunks[0])

    again = client.batches.open(small.manifest, Settings(rate=99))

    assert (again.id, again.rate, again.uploaded) == (first.id, 5, 1)
    assert again.created == first.created
    other = client.batches.open(plan(25, chunk_rows=10, label="again").manifest)
    assert other.id != first.id


def test_an_upload_that_broke_off_goes_on_where_it_was(
    client: CustomerSources, small: Plan
) -> None:
    client.batches.open(small.manifest)
    assert client.batches.put(small.id, 0, small.chunks[0]) == 1
    assert client.batches.put(small.id, 0, b"other bytes") == 1  # is there already
    assert client.batches.put(small.id, 2, small.chunks[2]) == 1  # another is next

    assert client.batches.open(small.manifest).uploaded == 1
    assert client.batches.put(small.id, 1, small.chunks[1]) == 2
    assert client.batches.get(small.id).state is BatchState.UPLOADING
    assert client.batches.put(small.id, 2, small.chunks[2]) == 3
    assert client.batches.get(small.id).state is BatchState.RUNNING

    for number in range(3):
        stored = client.batches.rows(small.id, number)
        assert list(stored) == list(small.rows[number * 10 : number * 10 + 10])
    assert list(client.batches.rows(small.id, 3)) == []


def test_a_batch_starts_with_its_last_chunk_and_not_before(
    client: CustomerSources, small: Plan, db: redis.Redis, keys: Keys
) -> None:
    client.batches.open(small.manifest)
    assert client.batches.resume(small.id) == "uploading"
    assert client.batches.pause(small.id) == "uploading"
    assert not db.exists(keys.active_batches)

    assert bring_in(client, small).state is BatchState.PAUSED, "as was asked before"
    assert db.smembers(keys.active_batches) == {small.id}
    assert client.batches.resume(small.id) == "running"
    kept = [keys.batch(small.id), keys.batch_chunk(small.id, 0)]
    assert [db.ttl(key) for key in kept] == [-1, -1]


def test_an_upload_that_nobody_goes_on_with_is_gone_after_a_month(
    client: CustomerSources, small: Plan, db: redis.Redis, keys: Keys
) -> None:
    client.batches.open(small.manifest)
    client.batches.put(small.id, 0, small.chunks[0])

    kept = [keys.batch(small.id), keys.batch_manifest(small.id)]
    kept.append(keys.batch_chunk(small.id, 0))
    assert all(0 < db.ttl(key) <= 30 * 86_400 for key in kept)


def test_a_batch_is_paused_and_goes_on_and_says_so_twice_alike(
    client: CustomerSources, small: Plan
) -> None:
    bring_in(client, small)
    for verb, state in (
        (client.batches.pause, "paused"),
        (client.batches.resume, "running"),
    ):
        assert verb(small.id) == state
        since = client.batches.get(small.id).since
        assert verb(small.id) == state
        batch = client.batches.get(small.id)
        assert (batch.state, batch.since) == (state, since)


def test_a_cancelled_batch_takes_no_chunk_and_does_not_go_on(
    client: CustomerSources, small: Plan
) -> None:
    client.batches.open(small.manifest)
    client.batches.put(small.id, 0, small.chunks[0])

    assert client.batches.cancel(small.id) == "cancelling"
    assert client.batches.cancel(small.id) == "cancelling"

    with pytest.raises(BatchEnded, match="cancelled"):
        client.batches.put(small.id, 1, small.chunks[1])
    assert client.batches.put(small.id, 0, small.chunks[0]) == 1
    assert client.batches.resume(small.id) == "cancelling"
    assert client.batches.pause(small.id) == "cancelling"


@pytest.mark.parametrize("state", ["completed", "cancelled"])
def test_what_is_over_stays_as_it_is(
    client: CustomerSources, small: Plan, db: redis.Redis, keys: Keys, state: str
) -> None:
    bring_in(client, small)
    ended: dict[Any, Any] = {"state": state, "ended": 1, "fed": 25, "succeeded": 25}
    db.hset(keys.batch(small.id), mapping=ended)
    batches = client.batches
    for verb in (batches.pause, batches.resume, batches.cancel):
        with pytest.raises(BatchEnded) as refused:
            verb(small.id)
        assert (refused.value.batch_id, refused.value.state) == (small.id, state)
    with pytest.raises(BatchEnded, match=state):
        batches.throttle(small.id, rate=1)

    assert batches.open(small.manifest).state == state
    assert batches.get(small.id).done == 25


def test_a_batch_is_throttled_in_what_is_named_alone(
    client: CustomerSources, small: Plan
) -> None:
    bring_in(client, small, rate=5, concurrency=50)
    for asked, then in (
        ({"rate": 2.5}, (2.5, 50)),
        ({"concurrency": 10}, (2.5, 10)),
        ({"rate": 0, "concurrency": 20}, (0, 20)),
    ):
        assert client.batches.throttle(small.id, **asked) == "running"
        batch = client.batches.get(small.id)
        assert (batch.rate, batch.window) == then


WRONG: list[dict[str, Any]] = [
    {"rate": -1},
    {"rate": float("nan")},
    {"rate": "fast"},
    {"concurrency": 0},
    {"concurrency": 1.5},
    {"concurrency": True},
    {"concurrency": 100_001},
]


@pytest.mark.parametrize("wrong", [*WRONG, {}])
def test_a_throttle_that_makes_no_sense_changes_nothing(
    client: CustomerSources, small: Plan, wrong: dict[str, Any]
) -> None:
    before = bring_in(client, small)
    with pytest.raises(CommandInvalid):
        client.batches.throttle(small.id, **wrong)
    assert client.batches.get(small.id) == before


@pytest.mark.parametrize(
    "wrong",
    [
        *WRONG,
        {"canary": -1},
        {"max_errors": 1.1},
        {"not_before": datetime(2030, 1, 31)},  # noqa: DTZ001  that is what is wrong
        {"not_before": "P1M"},
    ],
)
def test_settings_that_make_no_sense_open_nothing(
    client: CustomerSources, small: Plan, wrong: dict[str, Any]
) -> None:
    with pytest.raises(CommandInvalid) as refused:
        client.batches.open(small.manifest, Settings(**wrong))
    assert [one.field for one in refused.value.problems] == list(wrong)
    assert client.batches.list() == []


def test_of_a_batch_that_is_not_there_nothing_is_told(
    client: CustomerSources, small: Plan
) -> None:
    batches = client.batches
    for call in (
        batches.get,
        batches.manifest,
        batches.pause,
        batches.resume,
        batches.cancel,
        lambda one: batches.throttle(one, rate=1),
        lambda one: batches.put(one, 0, small.chunks[0]),
    ):
        with pytest.raises(BatchNotFound) as missing:
            call(small.id)
        assert missing.value.batch_id == small.id
    assert list(batches.rows(small.id, 0)) == []
    assert batches.outcomes(small.id, 0) == {}


def test_batches_are_listed_newest_first(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    made = [plan(3, label=label) for label in ("a", "b", "c")]
    for age, one in enumerate(made):
        client.batches.open(one.manifest)
        db.zadd(keys.batches, {one.id: age})
    assert [batch.label for batch in client.batches.list()] == ["c", "b", "a"]
    assert [batch.label for batch in client.batches.list(limit=2)] == ["c", "b"]

    db.delete(keys.batch(made[1].id), keys.batch_manifest(made[1].id))  # its time is up
    assert [batch.label for batch in client.batches.list()] == ["c", "a"]


async def test_the_same_calls_are_there_for_asyncio(
    aio: AsyncCustomerSources, client: CustomerSources, small: Plan
) -> None:
    batches, sync = aio.batches, client.batches
    opened = await batches.open(small.manifest, Settings(rate=5))
    for number, chunk in enumerate(small.chunks):
        assert await batches.put(small.id, number, chunk) == number + 1
    assert opened.state is BatchState.UPLOADING
    assert await batches.pause(small.id) == "paused"
    assert await batches.throttle(small.id, concurrency=3) == "paused"

    assert await batches.get(small.id) == sync.get(small.id)
    assert await batches.list() == sync.list()
    assert await batches.manifest(small.id) == small.manifest
    assert await batches.rows(small.id, 1) == sync.rows(small.id, 1)
    assert await batches.outcomes(small.id, 0) == {}

    assert await batches.resume(small.id) == "running"
    assert await batches.cancel(small.id) == "cancelling"
    with pytest.raises(BatchNotFound):
        await batches.get("batch_none")
    with pytest.raises(CommandInvalid):
        await batches.throttle(small.id)
