"""Reading events from the stand-in is reading them from a store: each test on both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Keys
from customer_sources.testing import InMemorySources
from tests.integration.stands import InMemory, OnAStore, Stand
from worker.ledger import Ledger


@pytest.fixture
def on_store(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> OnAStore:
    return OnAStore(client, client, ledger, db, keys)


@pytest.fixture
def in_memory() -> InMemory:
    return InMemory(InMemorySources(runs="by_hand"))


@pytest.fixture(params=["on_store", "in_memory"])
def reading(request: pytest.FixtureRequest) -> Any:
    """Stands whose clients read events."""
    return request.getfixturevalue(request.param)


def read(stand: Stand, *arguments: Any, **options: Any) -> list[str]:
    events = stand.client.events(*arguments, timeout=0, **options)
    return [event.correlationid for event in events]


async def three_jobs(stand: Stand) -> list[str]:
    jobs = [
        stand.client.customer.source.create(
            customer="cus_1", source="tok_visa", idempotency_key=f"k{n}"
        )
        for n in range(3)
    ]
    await stand.run()
    return [job.id for job in jobs]


async def test_reading_along_starts_where_it_is_told_to(reading: Stand) -> None:
    ids = await three_jobs(reading)

    assert read(reading) == []
    assert read(reading, after="0") == ids
    assert read(reading, since=datetime.now(UTC) - timedelta(hours=1)) == ids
    assert read(reading, since=datetime.now(UTC) + timedelta(hours=1)) == []
    with reading.client.events(timeout=0) as events:
        job = reading.client.customer.source.get(customer="cus_1", id="card_1")
        await reading.run()
        assert [event.correlationid for event in events] == [job.id]


async def test_a_group_hears_everything_once(reading: Stand) -> None:
    ids = await three_jobs(reading)
    with reading.client.events(group="billing", timeout=0) as events:
        assert [event.correlationid for event in events] == ids

    assert read(reading, "billing") == []
    assert read(reading, "mail") == ids
    assert read(reading, "late", after="$") == []


def handle(events: Any, known: dict[str, str]) -> None:
    """Stop at the first event of which nothing is known."""
    with events:
        for event in events:
            known[event.correlationid]


async def test_what_was_not_handled_comes_again(reading: Stand) -> None:
    ids = await three_jobs(reading)
    events = reading.client.events(group="billing", consumer="a", timeout=0)
    with pytest.raises(KeyError):
        handle(events, {ids[0]: "paid"})

    other = reading.client.events(
        group="billing", consumer="b", timeout=0, take_over_after=60
    )
    with other:
        assert next(other).correlationid == ids[2]
    assert read(reading, "billing", consumer="a") == [ids[1]]


async def test_what_another_left_behind_is_taken_over(reading: Stand) -> None:
    ids = await three_jobs(reading)
    first = reading.client.events(group="billing", consumer="a", timeout=0)
    assert next(first).correlationid == ids[0]

    assert read(reading, "billing", consumer="b", take_over_after=0) == ids


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": -1},
        {"consumer": "a"},
        {"after": "0", "since": datetime.now(UTC)},
        {"group": ""},
        *({"group": "g", "after": a} for a in ("garbage", "", "1-", "-1", 7, "9" * 20)),
        {"after": "yesterday"},
        {"since": datetime(2030, 1, 1)},  # noqa: DTZ001
    ],
)
async def test_arguments_that_do_not_go_together_are_refused(
    reading: Stand, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        reading.client.events(**wrong)


@pytest.mark.parametrize("after", ["0", "$", "0-0", "1767225600000-3", "1" + "0" * 18])
async def test_every_id_of_the_store_is_a_place_to_start(
    reading: Stand, after: str
) -> None:
    assert read(reading, "billing", after=after) is not None
