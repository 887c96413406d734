"""Every class of outcome, reached at the wire and not only by table.

The classes are those in which docs/guarantees.md counts: not sent, maybe sent, success,
key in use, limited, locked, broken, refused key, rejected, other parameters.
"""

from __future__ import annotations

import socket

import pytest

from customer_sources import JobFailed, JobNeedsReview, State
from tests.builders import pass_time
from tests.integration.conftest import World
from worker.stripe_api import StripeApi, StripeRequest


def record(world: World, job_id: str) -> dict[str, str]:
    return dict(world.client.snapshot(job_id).record)


async def test_not_sent_leaves_nothing_unknown_and_is_tried_again(
    world: World,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        real = world.engine._api
        world.engine._api = StripeApi(
            api_base=f"http://127.0.0.1:{nobody.getsockname()[1]}", key="sk_test_x"
        )
        job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
        await world.run_once(job)
        await world.engine._api.aclose()
    assert job.state is State.WAITING
    assert "unknown" not in record(world, job.id)

    world.engine._api = real
    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


@pytest.mark.parametrize(
    "fault",
    ["drop_before_commit", "drop_after_commit", "garbage"],
)
@pytest.mark.parametrize("operation", ["create", "update", "delete"])
async def test_maybe_sent_is_repeated_until_an_answer_tells(
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


async def test_a_key_in_use_is_waited_for_with_the_same_key(world: World) -> None:
    """The first request is still being executed while the second is sent."""
    world.sandbox.set_faults([{"fault": "latency", "seconds": 0.5, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    impatient = StripeApi(
        api_base=world.sandbox.url, key="sk_test_sandbox", read_timeout=0.1
    )
    real, world.engine._api = world.engine._api, impatient
    await world.run_once(job)
    await impatient.aclose()
    statuses = {request.status for request in world.sandbox.requests()}
    assert 409 in statuses or 429 in statuses

    world.engine._api = real
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
async def test_a_limit_is_waited_out_and_counts_as_no_run(
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


async def test_a_limit_does_not_settle_what_is_unknown(world: World) -> None:
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
async def test_a_broken_api_is_asked_again(fault: str, world: World) -> None:
    world.sandbox.set_faults([{"fault": fault, "count": 6}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert record(world, job.id)["unknown"] == "1"

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


async def test_a_saved_500_is_nobodys_guess(world: World) -> None:
    """Stripe did it, says 500, and will say so for this key for ever."""
    world.sandbox.set_faults([{"fault": "error_500_saved", "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    for _ in range(3):
        pass_time(world.db, world.keys, job.id, "due", "quiet_until")
        if (await world.run_once(job)).state.is_terminal:
            break

    with pytest.raises(JobNeedsReview, match="stripe_error_saved"):
        job.result(timeout=0)
    assert world.changes() == ["source.created"]


async def test_a_refused_key_spends_nothing_and_waits_for_people(
    world: World,
) -> None:
    world.sandbox.set_faults([{"fault": "unauthorized", "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)
    assert job.state is State.WAITING
    assert record(world, job.id)["runs"] == "0"
    assert len(world.sandbox.requests()) == 1

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


async def test_a_rejected_command_fails_with_stripes_words(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1")
    await world.run_once(job)

    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.code == "parameter_missing"


async def test_a_key_that_was_used_for_something_else_comes_to_review(
    world: World,
) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    other = StripeRequest(
        method="POST",
        path="/v1/customers/cus_1/sources",
        body=b"source=tok_amex",
        idempotency_key=job.id,
    )
    await world.engine._api.send(other)
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="idempotency_error"):
        job.result(timeout=0)


async def test_a_body_that_comes_late_is_read(world: World) -> None:
    world.sandbox.set_faults([{"fault": "slow_body", "seconds": 0.2, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    assert len(world.sandbox.requests()) == 1
