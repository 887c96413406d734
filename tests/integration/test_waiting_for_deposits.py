"""A verify that waits for its deposits stands aside until they can be there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from customer_sources import Job, State
from tests.integration.conftest import World
from tests.integration.doubts import attach, bank_token, code, record, sent

RIGHT = [32, 45]
LONG_AGO = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def account(world: World) -> str:
    return attach(world, bank_token(world))


def verify(world: World, account: str, added_at: datetime, **said: timedelta) -> Job:
    source = world.client.customer.source
    return source.verify(
        customer="cus_1",
        id=account,
        amounts=RIGHT,
        when="deposits_arrived",
        added_at=added_at,
        **said,  # type: ignore[arg-type]
    )


async def test_it_waits_outside_its_lane_and_asks_for_no_permit(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC))
    following = world.client.customer.source.get(customer="cus_1", id=account)
    world.db.hset(world.keys.account("default"), "rate", 1000)
    await world.run_once(job)

    assert job.state is State.WAITING
    assert following.refresh().state is State.SUCCEEDED
    kept = record(world, job)
    assert int(kept["due"]) > int(kept["at"]) + 20 * 3_600_000
    assert (kept["class"], kept["runs"]) == ("scheduled", "0")
    assert world.db.hget(world.keys.account("default"), "sent:verify") is None
    assert sent(world, job) == []
    assert world.client.cancel(job.id).state is State.CANCELLED


async def test_when_its_moment_comes_it_is_sent(world: World, account: str) -> None:
    job = verify(world, account, datetime.now(UTC))
    await world.run_once(job)
    await world.run_until_ended(job)

    assert job.state is State.SUCCEEDED
    assert len(sent(world, job)) == 1


async def test_deposits_that_are_there_are_not_waited_for(
    world: World, account: str
) -> None:
    """And it keeps its place: what was submitted after it goes after it."""
    job = verify(world, account, LONG_AGO)
    following = world.client.customer.source.get(customer="cus_1", id=account)
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    assert following.refresh().state is State.SUCCEEDED
    times = [event.correlationid for event in world.events()]
    assert times == [job.id, following.id]


async def test_a_deadline_before_that_ends_it_at_once(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC), deadline=timedelta(minutes=5))
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "deadline_before_deposits")
    assert sent(world, job) == []


async def test_a_worker_that_dies_while_it_plans_has_sent_nothing(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC))
    await world.ledger.claim(job.id, "run-1")
    world.db.hset(world.keys.job(job.id), "lease_until", 1)
    world.db.zadd(world.keys.wake("interactive"), {f"j:{job.id}": 1})
    await world.ledger.take_due()
    await world.run_once(job)

    assert job.state is State.WAITING
    assert "unknown" not in record(world, job)
    assert world.client.cancel(job.id).state is State.CANCELLED


async def test_a_store_that_was_restarted_has_lost_nothing_of_it(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC))
    await world.ledger.take_due()
    world.db.hset(world.keys.meta, "server", "f" * 40)
    await world.run_once(job)

    assert job.state is State.WAITING
    assert "unknown" not in record(world, job)
    assert world.client.cancel(job.id).state is State.CANCELLED


async def test_a_wish_to_cancel_while_it_is_planned_is_granted(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC))
    await world.ledger.claim(job.id, "run-1")
    assert world.client.cancel(job.id).state is State.RUNNING
    await world.ledger.postpone(job.id, "run-1", until_ms=2**40)
    await world.run_until_ended(job)

    assert job.state is State.CANCELLED
    assert sent(world, job) == []


async def test_a_replay_of_one_that_never_began_waits_too(
    world: World, account: str
) -> None:
    job = verify(world, account, datetime.now(UTC))
    world.db.hset(world.keys.job(job.id), "deadline", 1)
    await world.run_once(job)
    assert (job.state, code(world, job)) == (State.FAILED, "deadline_passed")

    again = await world.run_once(world.client.review.replay(job.id, reason="again"))
    assert again.state is State.WAITING
    assert sent(world, again) == []
    assert world.client.cancel(again.id).state is State.CANCELLED
