"""Watches in memory: what a test of somebody else's service can let happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from customer_sources import Verification, VerificationEnded, VerificationNotFound
from customer_sources.testing import AsyncInMemorySources, InMemorySources

BANK_ACCOUNT = {"id": "ba_1", "object": "bank_account", "status": "new"}


@pytest.fixture
def sources() -> InMemorySources:
    return InMemorySources()


def told(sources: InMemorySources) -> list[str]:
    return [e.data["state"] for e in sources.told if "source_verification" in e.type]


def wait(sources: InMemorySources, days: int) -> None:
    sources.advance(timedelta(days=days))
    sources.run()


def test_a_watch_is_due_once_and_expires(sources: InMemorySources) -> None:
    opened = sources.verifications.watch("cus_1", "ba_1", reference="order-7")
    assert (opened.state, opened.reference) == ("waiting", "order-7")
    assert sources.verifications.watch("cus_1", "ba_1") == opened
    wait(sources, 3)
    assert told(sources) == []

    for _ in range(3):
        wait(sources, 1)
    assert told(sources) == ["due"]
    assert sources.verifications.get("cus_1", "ba_1").told == 1
    for _ in range(3):
        wait(sources, 5)

    assert told(sources) == ["due", "expired"]
    assert sources.told[-1].id == f"{opened.id}:terminal"
    assert sources.verifications.get("cus_1", "ba_1").state == "expired"


def test_a_job_decides_the_watch_that_its_create_asked_for(
    sources: InMemorySources,
) -> None:
    sources.succeed("create", BANK_ACCOUNT)
    made = sources.customer.source.create(customer="cus_1", source="btok_1", watch=True)
    made.result()
    assert sources.verifications.get("cus_1", "ba_1").state == "waiting"

    call = sources.customer.source
    job = call.verify(customer="cus_1", id="ba_1", amounts=[32, 45])
    job.result()
    call.delete(customer="cus_1", id="ba_1").result()

    ended = sources.verifications.get("cus_1", "ba_1")
    assert (ended.state, ended.status, ended.job) == ("verified", "verified", job.id)
    assert told(sources) == ["verified"]


@pytest.mark.parametrize(
    "made", [{**BANK_ACCOUNT, "status": "verified"}, {"id": "card_1", "object": "card"}]
)
def test_what_needs_no_verification_is_not_watched(
    sources: InMemorySources, made: dict[str, str]
) -> None:
    sources.succeed("create", made)
    sources.customer.source.create(
        customer="cus_1", source="tok_1", watch=True
    ).result()

    assert sources.verifications.list() == []


def test_one_that_is_cancelled_makes_room_for_another(sources: InMemorySources) -> None:
    with pytest.raises(VerificationNotFound):
        sources.verifications.cancel("cus_1", "ba_1")
    added = datetime(2026, 1, 5, 12, tzinfo=UTC)
    first = sources.verifications.watch("cus_1", "ba_1", added_at=added)
    assert first.added == added
    wait(sources, 0)
    assert told(sources) == ["expired"], "nobody makes up for what is past"
    with pytest.raises(VerificationEnded):
        sources.verifications.cancel("cus_1", "ba_1")

    second = sources.verifications.watch("cus_1", "ba_1")
    for _ in range(2):
        ended = sources.verifications.cancel("cus_1", "ba_1")
        assert (ended.id, ended.state) == (second.id, "cancelled")
    assert told(sources) == ["expired", "cancelled"]


def test_the_list_has_those_that_live_first(sources: InMemorySources) -> None:
    for number in range(3):
        sources.verifications.watch("cus_1", f"ba_{number}")
        sources.advance(timedelta(seconds=1))
    sources.verifications.cancel("cus_1", "ba_0")

    def names(found: list[Verification]) -> list[str]:
        return [watch.source for watch in found]

    assert names(sources.verifications.list()) == ["ba_1", "ba_2", "ba_0"]
    assert names(sources.verifications.list(1)) == ["ba_1"]


async def test_it_is_all_there_for_asyncio() -> None:
    sources = AsyncInMemorySources()

    opened = await sources.verifications.watch("cus_1", "ba_1")
    assert await sources.verifications.get("cus_1", "ba_1") == opened
    assert await sources.verifications.list() == [opened]
    ended = await sources.verifications.cancel("cus_1", "ba_1")

    assert ended.state == "cancelled"
    assert [event.id for event in sources.told] == [f"{opened.id}:terminal"]
