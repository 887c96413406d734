"""The engine in trouble: no guess, no verdict too early, nobody else harmed."""

from __future__ import annotations

import pytest
import redis
from structlog.testing import capture_logs

from customer_sources import JobNeedsReview, State
from tests.builders import expire, pass_time
from tests.integration.conftest import World


async def test_the_third_death_ends_in_review_and_the_command_is_never_read(
    world: World,
) -> None:
    job = world.client.customer.source.get(customer="cus_1", id="card_1")
    world.db.set(world.keys.command(job.id), b"\xff not a command")
    for token in ("d1", "d2", "d3"):
        await world.ledger.claim(job.id, token, alone=True)
        expire(world.db, world.keys, job.id)
        await world.ledger.take_due()
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="worker_died"):
        job.result(timeout=0)
    assert world.sandbox.requests() == []
    assert world.events()[0].type.endswith("source_job.needs_review")


async def test_a_command_that_cannot_be_read_ends_in_review(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    world.db.set(world.keys.command(job.id), "{")
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="command_unreadable"):
        job.result(timeout=0)


async def test_past_the_horizon_an_unknown_outcome_comes_to_review(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.ledger.claim(job.id, "dead")
    expire(world.db, world.keys, job.id)
    await world.ledger.take_due()
    record = {"first_sent": 1, "quiet_until": 1}
    world.db.hset(world.keys.job(job.id), mapping=record)
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="key_expired"):
        job.result(timeout=0)
    assert {request.method for request in world.sandbox.requests()} == {"GET"}


async def test_no_doubtful_verdict_while_a_request_can_still_arrive(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.ledger.claim(job.id, "dead")
    expire(world.db, world.keys, job.id)
    await world.ledger.take_due()
    world.db.hset(world.keys.job(job.id), "first_sent", 1)
    await world.run_once(job)

    assert job.state is State.WAITING
    due = int(world.db.hget(world.keys.job(job.id), "due"))
    now = int(world.db.time()[0]) * 1000
    assert 50_000 < due - now <= 61_000  # quiet_seconds after the last request

    pass_time(world.db, world.keys, job.id, "due", "quiet_until")
    await world.run_once(job)
    assert job.state is State.NEEDS_REVIEW


async def test_a_store_that_hiccups_does_not_lose_the_answer(world: World) -> None:
    """An answer that was read is written as soon as the store is back."""
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    commit, failures = world.ledger.commit, iter([True, True, False])

    async def sometimes(*args: object) -> object:
        if next(failures):
            raise redis.ConnectionError
        return await commit(*args)  # type: ignore[arg-type]

    world.ledger.commit = sometimes  # type: ignore[assignment,method-assign]
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    assert len(world.sandbox.requests()) == 1


async def test_no_review_after_three_deaths_while_a_request_can_still_arrive(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    for token in ("d1", "d2", "d3"):
        await world.ledger.claim(job.id, token, alone=True)
        expire(world.db, world.keys, job.id)
        await world.ledger.take_due()
    await world.run_once(job)
    assert job.state is State.WAITING

    pass_time(world.db, world.keys, job.id, "due", "quiet_until")
    await world.run_once(job)
    assert job.state is State.NEEDS_REVIEW
    assert world.sandbox.requests() == []


async def test_one_broken_job_does_not_stop_those_beside_it(world: World) -> None:
    broken = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    fine = world.client.customer.source.create(customer="cus_2", source="tok_visa")
    world.db.hset(world.keys.job(broken.id), "effect", "nonsense")
    with capture_logs() as lines:
        await world.engine.run_all([broken.id, fine.id])

    assert fine.refresh().state is State.SUCCEEDED
    assert broken.refresh().state is State.NEEDS_REVIEW
    assert "record_unreadable" in [line["event"] for line in lines]
