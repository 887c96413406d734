"""From review to a result: what a replay sends, and that nothing is done twice."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources import Does, Job, State
from tests.builders import come_due
from tests.integration.conftest import World

WHY = "Stripe was down"
DROPPED = {"fault": "drop_after_commit", "count": 99}
UNSENT = {"fault": "drop_before_commit", "count": 99}


async def left_by_dead_workers(world: World, job: Job) -> Job:
    """Three workers died of it, the last one with its request out."""
    await world.run_once(job)
    assert job.state is State.WAITING
    record = {"crashes": 3, "quiet_until": 1}
    world.db.hset(world.keys.job(job.id), mapping=record)
    come_due(world.db, world.keys, job.id)
    await world.run_once(job)
    assert (job.state, code(world, job)) == (State.NEEDS_REVIEW, "worker_died")
    world.sandbox.clear_faults()
    return job


def code(world: World, job: Job) -> str:
    return world.client.snapshot(job.id).record["code"]


def sent(world: World) -> list[Any]:
    return [one for one in world.sandbox.requests() if one.method != "GET"]


async def test_inside_the_horizon_the_same_key_brings_the_saved_result(
    world: World,
) -> None:
    world.sandbox.set_faults([DROPPED])
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await left_by_dead_workers(world, old)
    assert world.client.review.plan(old.id).does is Does.SAME_KEY
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert code(world, new) == "replayed"
    assert new.result(timeout=0)["metadata"] == {"customer_sources_job": old.id}
    assert world.changes() == ["source.created"]
    assert {one.idempotency_key for one in sent(world)} == {old.id}


async def test_inside_the_horizon_what_never_arrived_is_done_once(
    world: World,
) -> None:
    world.sandbox.set_faults([UNSENT])
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await left_by_dead_workers(world, old)
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert new.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


async def test_a_replay_that_nobody_hears_of_is_replayed_under_the_first_key(
    world: World,
) -> None:
    world.sandbox.set_faults([DROPPED])
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await left_by_dead_workers(world, old)
    world.sandbox.set_faults([DROPPED])
    second = world.client.review.replay(old.id, reason=WHY)
    await left_by_dead_workers(world, second)
    third = world.client.review.replay(second.id, reason=WHY)
    await world.run_once(third)

    assert third.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]
    assert {one.idempotency_key for one in sent(world)} == {old.id}


@pytest.mark.parametrize("fault", [DROPPED, UNSENT])
async def test_past_the_horizon_stripe_is_read_and_nothing_is_sent(
    world: World, fault: dict[str, Any]
) -> None:
    world.sandbox.set_faults([fault])
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await left_by_dead_workers(world, old)
    world.db.hset(world.keys.job(old.id), "first_sent", 1)
    assert world.client.review.plan(old.id).does is Does.READS_FIRST
    before = len(sent(world))
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert len(sent(world)) == before
    if fault is DROPPED:  # it is there, with the first job's mark on it
        assert code(world, new) == "reconciled"
    else:
        assert (new.state, code(world, new)) == (State.NEEDS_REVIEW, "key_expired")
        assert world.client.review.plan(new.id).does is Does.READS_FIRST


async def test_no_verdict_is_given_while_the_first_request_may_still_arrive(
    world: World,
) -> None:
    world.sandbox.set_faults([UNSENT])
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await left_by_dead_workers(world, old)
    record = world.keys.job(old.id)
    now = int(world.db.time()[0]) * 1000
    world.db.hset(record, mapping={"first_sent": 1, "quiet_until": now + 60_000})
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert new.state is State.WAITING
    world.client.cancel(new.id)
    assert new.refresh().state is State.WAITING


async def test_a_failure_that_may_pass_is_sent_again_with_a_new_key(
    world: World,
) -> None:
    source = world.client.customer.source
    old = source.create(customer="cus_1", source="tok_chargeDeclinedProcessingError")
    await world.run_once(old)
    assert (old.state, code(world, old)) == (State.FAILED, "processing_error")
    assert world.client.review.plan(old.id).does is Does.NEW_KEY
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert [one.idempotency_key for one in sent(world)] == [old.id, new.id]
    assert new.state is State.FAILED  # this token always fails so
    assert world.changes() == []


async def test_a_deadline_that_passed_before_anything_was_sent_can_be_given_up(
    world: World,
) -> None:
    old = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    world.db.hset(world.keys.job(old.id), "deadline", 1)
    await world.run_once(old)
    assert (old.state, code(world, old)) == (State.FAILED, "deadline_passed")
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert new.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


async def test_a_delete_that_was_done_is_found_done(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    world.sandbox.set_faults([DROPPED])
    old = world.client.customer.source.delete(customer="cus_1", id="card_1")
    await left_by_dead_workers(world, old)
    assert world.client.review.plan(old.id).does is Does.DELETES_AGAIN
    new = world.client.review.replay(old.id, reason=WHY)
    await world.run_once(new)

    assert code(world, new) == "already_absent_after_unknown"
    assert world.changes() == ["source.deleted"]
