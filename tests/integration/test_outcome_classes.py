"""The table of outcomes, at the wire: the rows that are the same for any operation.

Tests are named after their row: the operation, the class of the outcome, what is done
about it. The classes: N0 not sent, N1 maybe sent, S success, C409 key in use, L429
limited, K429 locked, E5xx broken, A4 key refused, V400 rejected, I400 key of other
parameters. The other rows are in `test_table_rows*.py`.
"""

from __future__ import annotations

import hashlib
import socket

import pytest

from customer_sources import JobFailed, JobNeedsReview, State
from tests.builders import come_due
from tests.integration.conftest import World
from worker.rates import Rates
from worker.stripe_api import StripeApi, StripeRequest


def record(world: World, job_id: str) -> dict[str, str]:
    return dict(world.client.snapshot(job_id).record)


async def test_any_n0_leaves_nothing_unknown_and_is_tried_again(
    world: World,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nowhere = StripeApi(
            api_base=f"http://127.0.0.1:{nobody.getsockname()[1]}", key="sk_test_x"
        )
        job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
        with world.sending_over(nowhere):
            await world.run_once(job)
        await nowhere.aclose()
    assert job.state is State.WAITING
    assert "unknown" not in record(world, job.id)

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


@pytest.mark.parametrize(
    "fault",
    ["drop_before_commit", "drop_after_commit", "garbage"],
)
@pytest.mark.parametrize("operation", ["create", "update", "delete"])
async def test_any_n1_is_repeated_until_an_answer_tells(
    fault: str, operation: str, world: World
) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    world.sandbox.set_faults([{"fault": fault, "count": 2}])
    source = world.client.customer.source
    job = {
        "create": lambda: source.create(customer="cus_1", source="tok_visa"),
        "update": lambda: source.update(customer="cus_1", id="card_1", name="A"),
        "delete": lambda: source.delete(customer="cus_1", id="card_1"),
    }[operation]()
    await world.run_until_ended(job)

    assert job.state is State.SUCCEEDED
    assert len(world.changes()) == 1


async def test_any_post_c409_is_waited_for_with_the_same_key(world: World) -> None:
    """The first request is still being executed while the second is sent."""
    world.sandbox.set_faults([{"fault": "latency", "seconds": 0.5, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    impatient = StripeApi(
        api_base=world.sandbox.url, key="sk_test_sandbox", read_timeout=0.1
    )
    with world.sending_over(impatient):
        await world.run_once(job)
    await impatient.aclose()
    statuses = {request.status for request in world.sandbox.requests()}
    assert 409 in statuses or 429 in statuses

    await world.run_until_ended(job, most=200)
    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "rate_limited", "reason": "global-rate"},
        {"fault": "rate_limited", "reason": "endpoint-concurrency"},
        {"fault": "lock_timeout"},
    ],
    ids=str,
)
async def test_any_l429_and_k429_are_waited_out_and_count_as_no_run(
    rule: dict[str, str], world: World
) -> None:
    world.sandbox.set_faults([{**rule, "count": 9}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert job.state is State.WAITING
    assert record(world, job.id)["runs"] == "0"
    assert "unknown" not in record(world, job.id)

    await world.run_until_ended(job)
    assert record(world, job.id)["runs"] == "1"


async def test_any_l429_does_not_settle_what_is_unknown(world: World) -> None:
    world.sandbox.set_faults(
        [
            {"fault": "drop_after_commit", "count": 1},
            {"fault": "rate_limited", "count": 9},
        ]
    )
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_until_ended(job)

    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


@pytest.mark.parametrize("fault", ["error_500_unsaved", "error_503_unsaved"])
async def test_any_post_e5xx_without_replay_is_asked_again(
    fault: str, world: World
) -> None:
    world.sandbox.set_faults([{"fault": fault, "count": 6}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert record(world, job.id)["unknown"] == "1"

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


async def test_any_post_e5xx_with_replay_is_read_and_never_guessed(
    world: World,
) -> None:
    """Stripe did it, says 500, and will say so for this key for ever."""
    world.sandbox.set_faults([{"fault": "error_500_saved", "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_until_ended(job)

    assert job.result(timeout=0)["metadata"]["customer_sources_job"] == job.id
    assert record(world, job.id)["code"] == "reconciled"
    assert world.changes() == ["source.created"]


async def test_any_a4_spends_nothing_and_waits_for_people(
    world: World, rates: Rates
) -> None:
    world.sandbox.set_faults([{"fault": "unauthorized", "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert job.state is State.WAITING
    assert record(world, job.id)["runs"] == "0"
    assert "tried_since" not in record(world, job.id)
    (told,) = world.events()
    assert told.type == "dev.customersources.source_account.suspended"

    come_due(world.db, world.keys, job.id)
    await world.run_once(job)
    assert job.state is State.QUEUED  # in line, however often somebody rings for it
    assert len(world.sandbox.requests()) == 1

    assert await rates.resume("default", "by hand") == "RESUMED"
    granted = await rates.grant(1, 1)
    assert granted.ids == [job.id]
    await world.engine.run_all(granted.ids)
    assert job.refresh().state is State.SUCCEEDED
    assert record(world, job.id)["runs"] == "1"


async def test_create_v400_fails_with_stripes_words(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1")
    await world.run_once(job)

    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.code == "parameter_missing"


async def test_any_post_i400_comes_to_review_with_the_hash_of_our_body(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    other = StripeRequest(
        method="POST",
        path="/v1/customers/cus_1/sources",
        body=b"source=tok_amex",
        idempotency_key=job.id,
    )
    await world.api.send(other)
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="idempotency_error") as caught:
        job.result(timeout=0)
    body = world.client.command(job.id)
    assert body is not None
    digest = hashlib.sha256(body.body.encode()).hexdigest()
    assert caught.value.error["body_sha256"] == digest[:16]
    assert world.client.review.show(job.id).evidence == {"body_sha256": digest[:16]}
    assert world.changes() == ["source.created"]  # the other one


async def test_any_s_with_a_late_body_is_read(world: World) -> None:
    world.sandbox.set_faults([{"fault": "slow_body", "seconds": 0.2, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    assert len(world.sandbox.requests()) == 1
