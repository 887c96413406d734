"""The engine against a real store and a sandbox: one effect, one event, no guess."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from customer_sources import Command, JobFailed, State
from tests.builders import expire
from tests.integration.conftest import World
from tests.integration.interception import GoOn, intercepted
from worker.answers import TryResult
from worker.replies import Claimed
from worker.stripe_api import StripeRequest


async def test_a_create_ends_with_the_card_in_one_event(world: World) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source="tok_visa", metadata={"order": "7"}, reference="r-1"
    )
    await world.run_once(job)

    card = job.result(timeout=0)
    assert (card["object"], card["brand"], card["customer"]) == (
        "card",
        "Visa",
        "cus_1",
    )
    assert card["metadata"] == {"order": "7", "customer_sources_job": job.id}
    (event,) = world.events()
    assert event.type == "dev.customersources.customer.source.created"
    assert (event.subject, event.partitionkey) == (card["id"], "cus_1")
    assert (event.correlationid, event.causationid) == (job.id, "r-1")
    assert event.data["source"] == card
    assert world.changes() == ["source.created"]


async def test_get_and_delete_follow_create_in_its_lane(world: World) -> None:
    create = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(create)
    card_id = create.result(timeout=0)["id"]
    get = world.client.customer.source.get(customer="cus_1", id=card_id)
    delete = world.client.customer.source.delete(customer="cus_1", id=card_id)

    await world.run_once(get)  # one wake-up runs what follows in the lane, too
    assert get.result(timeout=0)["id"] == card_id
    assert delete.result(timeout=0) == {
        "id": card_id,
        "object": "card",
        "deleted": True,
    }
    assert world.changes() == ["source.created", "source.deleted"]


async def test_a_declined_card_fails_once_with_stripes_words(world: World) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source="tok_chargeDeclined"
    )
    await world.run_once(job)

    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.code == "card_declined"
    assert caught.value.error["decline_code"] == "generic_decline"
    assert [event.type for event in world.events()] == [
        "dev.customersources.source_job.failed"
    ]


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
async def test_a_lost_answer_costs_a_try_and_no_second_effect(
    fault: str, world: World
) -> None:
    world.sandbox.set_faults([{"fault": fault, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]
    assert len(world.sandbox.requests()) == 2


async def test_answers_lost_in_every_try_are_asked_for_again_in_later_runs(
    world: World,
) -> None:
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 10}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert job.state is State.WAITING
    assert world.db.hget(world.keys.job(job.id), "unknown") == "1"

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]
    keys_sent = {r.idempotency_key for r in world.sandbox.requests()}
    assert keys_sent == {job.id}


async def test_a_delete_whose_answer_was_lost_finds_nothing_and_has_succeeded(
    world: World,
) -> None:
    create = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(create)
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
    card_id = create.result(timeout=0)["id"]
    delete = world.client.customer.source.delete(customer="cus_1", id=card_id)
    await world.run_once(delete)

    assert delete.result(timeout=0) == {"id": card_id, "deleted": True}
    assert world.client.snapshot(delete.id).record["code"] == (
        "already_absent_after_unknown"
    )


async def test_deleting_what_was_never_there_fails(world: World) -> None:
    job = world.client.customer.source.delete(customer="cus_1", id="card_none")
    await world.run_once(job)

    with pytest.raises(JobFailed, match="resource_missing"):
        job.result(timeout=0)


async def test_a_worker_that_dies_after_sending_leaves_one_effect(
    world: World,
) -> None:
    """The dead worker's request reached Stripe; nobody read the answer."""
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    claimed = await world.ledger.claim(job.id, "dead")
    assert isinstance(claimed, Claimed)
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
    await world.api.send(_request_of(claimed, job.id))
    expire(world.db, world.keys, job.id)
    await world.ledger.take_due()

    await world.run_once(job)
    assert job.state is State.SUCCEEDED
    assert world.client.snapshot(job.id).record["code"] == "replayed"
    assert world.changes() == ["source.created"]


async def test_a_run_that_lost_its_lease_sends_nothing_more_and_writes_nothing(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    real_claim = world.ledger.claim

    async def claim_then_lose(job_id: str, token: str, *, alone: bool) -> object:
        claimed = await real_claim(job_id, token, alone=alone)
        expire(world.db, world.keys, job_id)
        await world.ledger.take_due()
        await real_claim(job_id, "successor")
        await world.leases.beat(world.ledger)
        return claimed

    world.ledger.claim = claim_then_lose  # type: ignore[assignment,method-assign]
    # The heartbeat runs before the lease is registered, so only the store's word and
    # the clock are left; let the clock say it.
    world.leases._seconds = -1
    with capture_logs() as lines:
        await world.engine.run_all([job.id])

    assert [line["outcome"] for line in lines if line["event"] == "run"] == [
        "superseded"
    ]
    assert world.sandbox.requests() == []
    assert job.refresh().state is State.RUNNING
    assert world.db.hget(world.keys.job(job.id), "token") == "successor"


async def test_a_stale_run_cannot_commit_over_its_successor(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")

    async def answer_too_late(_: StripeRequest, go_on: GoOn) -> TryResult:
        result = await go_on()
        expire(world.db, world.keys, job.id)
        await world.ledger.take_due()
        await world.ledger.claim(job.id, "successor")
        return result

    with intercepted(answer_too_late):
        await world.engine.run_all([job.id])

    assert job.refresh().state is State.RUNNING
    assert world.events() == []


async def test_a_cancel_asked_in_time_is_granted_by_the_next_run(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    world.db.hset(world.keys.job(job.id), "ask", 1)
    await world.run_once(job)

    assert job.state is State.CANCELLED
    assert world.sandbox.requests() == []


async def test_a_draining_worker_hands_back_what_it_was_rung_for(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    world.engine.draining = True
    await world.run_once(job)

    assert job.state is State.QUEUED
    assert (await world.ledger.take_due()).ids["interactive"] == [job.id]


async def test_a_bug_of_ours_costs_time_and_no_truth(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")

    async def broken(*_: object) -> TryResult:
        raise ZeroDivisionError

    with intercepted(broken), capture_logs() as lines:
        await world.run_once(job)
    assert "run_broke" in [line["event"] for line in lines]
    assert job.state is State.WAITING
    assert world.db.hget(world.keys.job(job.id), "unknown") == "1"

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


async def test_one_run_is_one_line_and_says_nothing_secret(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    with capture_logs() as lines:
        await world.run_once(job)

    (line,) = [line for line in lines if line["event"] == "run"]
    request_ids = [request.request_id for request in world.sandbox.requests()]
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "run",
        "log_level": "info",
        "job_id": job.id,
        "operation": "create",
        "account": "default",
        "customer": "cus_1",
        "run": 1,
        "tries": 1,
        "outcome": "succeed",
        "code": "succeeded",
        "unknown": False,
        "stripe_request_ids": request_ids,
    }


def _request_of(claimed: Claimed, job_id: str) -> StripeRequest:
    command = msgspec.json.decode(claimed.command, type=Command)
    return StripeRequest(
        method="POST",
        path=command.path,
        body=command.body.encode(),
        idempotency_key=job_id,
    )
