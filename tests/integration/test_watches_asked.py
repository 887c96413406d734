"""`client.verifications` on a real store: what is taken, listed, refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from customer_sources import (
    AsyncCustomerSources,
    CommandInvalid,
    CustomerSources,
    VerificationNotFound,
)
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tests.integration.watched import TARGET, Watched, watched

__all__ = ["watched"]  # a fixture, borrowed


async def test_a_watch_that_is_opened_late_does_not_make_up_for_what_is_past(
    watched: Watched,
) -> None:
    added = datetime.now(UTC) - timedelta(days=40)
    opened = await watched.planned(added_at=added)
    assert opened.added == added.replace(microsecond=added.microsecond // 1000 * 1000)
    assert opened.expires is not None
    assert opened.expires < opened.opened

    await watched.turn()
    await watched.answer("new")
    await watched.turn()

    assert watched.told() == ["expired"]


async def test_after_an_outage_over_reminders_one_is_told(watched: Watched) -> None:
    await watched.planned()
    await watched.see("new")
    expires = watched.now.expires
    assert expires is not None
    watched.come(expires - timedelta(hours=1))
    await watched.turn()
    await watched.answer("new")
    await watched.turn()

    assert watched.told() == ["due", "due"]
    assert watched.now.next == expires


async def test_the_list_has_those_that_live_first_and_the_others_by_their_end(
    watched: Watched, client: CustomerSources
) -> None:
    for number in range(4):
        watched.stopped.forward(1_000)
        client.verifications.watch("cus_1", f"ba_{number}")
    for number in (2, 0):
        watched.stopped.forward(1_000)
        client.verifications.cancel("cus_1", f"ba_{number}")

    def listed(limit: int) -> list[str]:
        return [watch.source for watch in client.verifications.list(limit)]

    assert listed(10) == ["ba_1", "ba_3", "ba_0", "ba_2"]
    assert listed(3) == ["ba_1", "ba_3", "ba_0"]
    assert listed(1) == ["ba_1"]


async def test_guesses_are_counted_with_those_of_which_nobody_knows(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    watched.open()
    key = keys.attempts(TARGET)
    for name, counted in (("used", (1, 2)), ("held:job_1", (2, 1)), ("over", (2, 0))):
        db.hset(key, name, 1)
        db.hset(key, f"miss:{name}", 1)
        assert watched.now.attempts == counted
    db.delete(key)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"customer": ""}, "customer"),
        ({"id": "card_1"}, "id"),
        ({"id": "src_1"}, "id"),
        ({"id": "ba_1/../x"}, "id"),
        ({"account": "No Name"}, "account"),
        ({"reference": 7}, "reference"),
        ({"added_at": "yesterday"}, "added_at"),
        ({"added_at": "P3D"}, "added_at"),
        ({"added_at": datetime(2026, 1, 1)}, "added_at"),  # noqa: DTZ001  refused
        ({"added_at": datetime.now(UTC) + timedelta(days=2)}, "added_at"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(
    client: CustomerSources, said: dict[str, Any], field: str
) -> None:
    asked = {"customer": "cus_1", "id": "ba_1", **said}

    with pytest.raises(CommandInvalid) as refused:
        client.verifications.watch(**asked)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_what_nobody_watches_is_not_found(client: CustomerSources) -> None:
    for call in (client.verifications.get, client.verifications.cancel):
        with pytest.raises(VerificationNotFound, match="ba_1 of cus_1: no watch"):
            call("cus_1", "ba_1")
    assert client.verifications.list() == []


async def test_it_is_all_there_for_asyncio(
    db: redis.Redis, store: Store, prefix: str
) -> None:
    async with AsyncCustomerSources(store.url, prefix=prefix) as aio:
        with pytest.raises(VerificationNotFound):
            await aio.verifications.get("cus_1", "ba_1")
        opened = await aio.verifications.watch("cus_1", "ba_1", reference="order-7")
        assert (opened.state, opened.reference) == ("new", "order-7")
        assert await aio.verifications.watch("cus_1", "ba_1") == opened
        assert await aio.verifications.list() == [opened]
        ended = await aio.verifications.cancel("cus_1", "ba_1")
        assert (ended.id, ended.state) == (opened.id, "cancelled")
        assert await aio.verifications.list() == [ended]
        with pytest.raises(CommandInvalid):
            await aio.verifications.list(0)
