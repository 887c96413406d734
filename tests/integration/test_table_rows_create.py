"""The table of outcomes, at the wire: creates of which Stripe's answer was lost.

Tests are named after their row of the table; see `test_outcome_classes.py`.
"""

from __future__ import annotations

import pytest

from customer_sources import JobFailed, JobNeedsReview, State
from customer_sources.contract.names import MARKER
from tests.integration.conftest import World
from tests.integration.doubts import (
    a_day_later,
    attach,
    bank_token,
    call,
    card_token,
    code,
    delete_customer,
    legacy_source,
    lose_answers,
    sent,
)

LOST = ["drop_before_commit", "drop_after_commit"]


async def test_create_s_is_told(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    assert job.result(timeout=0)["metadata"] == {MARKER: job.id}


@pytest.mark.parametrize("fault", LOST)
async def test_create_n1_within_the_horizon_is_repeated_with_its_key(
    fault: str, world: World
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job, fault)
    await world.run_until_ended(job)

    assert job.state is State.SUCCEEDED
    assert world.changes() == ["source.created"]


async def test_create_key_expired_and_applied_is_found_by_its_mark(
    world: World,
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job)
    tries = len(sent(world, job))
    world.sandbox.seed({"cus_1": [f"card_{number}" for number in range(250)]})
    await a_day_later(world, job)

    assert job.result(timeout=0)["metadata"] == {MARKER: job.id}
    assert code(world, job) == "reconciled"
    assert len(sent(world, job)) == tries  # nothing was sent past the horizon
    assert world.changes() == ["source.created"]


async def test_create_key_expired_and_not_applied_is_told_and_not_repeated(
    world: World,
) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job, "drop_before_commit")
    await a_day_later(world, job)

    with pytest.raises(JobNeedsReview, match="replay is safe") as caught:
        job.result(timeout=0)
    assert caught.value.code == "not_applied"
    assert "unknown" not in world.db.hgetall(world.keys.job(job.id))
    assert world.changes() == []


async def test_create_key_expired_without_a_mark_names_what_is_like_it(
    world: World,
) -> None:
    world.sandbox.seed({"cus_1": ["ba_before"]})
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world), marker=False
    )
    await lose_answers(world, job)
    await a_day_later(world, job)

    (ours,) = (
        e.object for e in world.sandbox.effects() if e.change == "source.created"
    )
    with pytest.raises(JobNeedsReview, match=ours):
        job.result(timeout=0)


@pytest.mark.parametrize("marked", [True, False])
async def test_create_key_expired_and_ambiguous_names_the_candidates(
    world: World, *, marked: bool
) -> None:
    before = attach(world, card_token(world))
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world), marker=marked
    )
    await lose_answers(world, job)
    if marked:  # somebody wipes the mark off
        (made,) = (e.object for e in world.sandbox.effects() if e.idempotency_key)
        path = f"/v1/customers/cus_1/sources/{made}"
        call(world, "POST", path, metadata="")
    await a_day_later(world, job)

    with pytest.raises(JobNeedsReview, match="key_expired") as caught:
        job.result(timeout=0)
    assert before in caught.value.error["message"]


async def test_create_key_expired_with_a_token_that_tells_nothing(world: World) -> None:
    """The published test tokens can be used again and again."""
    job = world.client.customer.source.create(
        customer="cus_1", source="tok_visa", marker=False
    )
    await lose_answers(world, job)
    await a_day_later(world, job)

    with pytest.raises(JobNeedsReview, match="its token is not told"):
        job.result(timeout=0)


async def test_create_key_expired_and_the_customer_gone(world: World) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job)
    delete_customer(world)
    await a_day_later(world, job)

    with pytest.raises(JobNeedsReview, match="cannot be read"):
        job.result(timeout=0)


async def test_create_deadline_passed_and_not_applied_fails(world: World) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job, "drop_before_commit")
    world.db.hset(world.keys.job(job.id), mapping={"deadline": 1, "quiet_until": 1})
    await world.run_once(job)

    with pytest.raises(JobFailed, match="Stripe did nothing") as caught:
        job.result(timeout=0)
    assert caught.value.code == "deadline_passed"
    assert world.changes() == []


async def test_create_token_already_used_with_doubt_is_looked_into(
    world: World,
) -> None:
    """Stripe forgot the key early; the token is used because we used it."""
    job = world.client.customer.source.create(
        customer="cus_1", source=card_token(world)
    )
    await lose_answers(world, job)
    world.sandbox.advance(86_460)
    world.db.hset(world.keys.job(job.id), "quiet_until", 1)
    await world.run_until_ended(job)

    assert job.result(timeout=0)["metadata"] == {MARKER: job.id}
    assert code(world, job) == "reconciled"
    assert world.changes() == ["source.created"]


async def test_create_token_already_used_without_doubt_fails(world: World) -> None:
    token = card_token(world)
    attach(world, token)
    job = world.client.customer.source.create(customer="cus_1", source=token)
    await world.run_once(job)

    with pytest.raises(JobFailed, match="token_already_used"):
        job.result(timeout=0)


async def test_create_bank_account_exists_names_it(world: World) -> None:
    existing = attach(world, bank_token(world))
    job = world.client.customer.source.create(
        customer="cus_1", source=bank_token(world)
    )
    await world.run_once(job)

    with pytest.raises(JobFailed, match="bank_account_exists") as caught:
        job.result(timeout=0)
    assert caught.value.error["existing"] == existing
    assert len(sent(world, job)) == 1


async def test_create_bank_account_exists_with_our_mark_is_ours(world: World) -> None:
    job = world.client.customer.source.create(
        customer="cus_1", source=bank_token(world)
    )
    attach(world, bank_token(world), **{f"metadata[{MARKER}]": job.id})
    await world.run_once(job)

    assert job.result(timeout=0)["object"] == "bank_account"
    assert code(world, job) == "reconciled"


async def test_create_bank_account_exists_is_told_without_the_read_too(
    world: World,
) -> None:
    attach(world, bank_token(world))
    world.sandbox.set_faults([{"fault": "error_503_unsaved", "operation": "list"}])
    job = world.client.customer.source.create(
        customer="cus_1", source=bank_token(world)
    )
    await world.run_once(job)

    with pytest.raises(JobFailed, match="bank_account_exists"):
        job.result(timeout=0)


@pytest.mark.parametrize("fault", LOST)
async def test_create_src_attach_unknown_is_read_under_the_customer(
    fault: str, world: World
) -> None:
    source = legacy_source(world)
    job = world.client.customer.source.create(customer="cus_1", source=source)
    await lose_answers(world, job, fault)
    await a_day_later(world, job)

    attached = fault == "drop_after_commit"
    assert code(world, job) == ("reconciled" if attached else "not_applied")
    assert world.changes().count("source.created") == attached


async def test_create_402_is_final_and_a_processing_error_may_be_asked_anew(
    world: World,
) -> None:
    tokens = ("tok_chargeDeclined", "tok_chargeDeclinedProcessingError")
    declined, broken = (
        world.client.customer.source.create(customer="cus_1", source=token)
        for token in tokens
    )
    await world.run_once(declined)
    await world.run_once(broken)

    assert code(world, declined) == "card_declined"
    assert code(world, broken) == "processing_error"
    assert world.db.zrange(world.keys.review, 0, -1) == [broken.id]


async def test_create_404_customer_fails(world: World) -> None:
    delete_customer(world)
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    with pytest.raises(JobFailed, match="resource_missing"):
        job.result(timeout=0)


async def test_create_duplicates_by_design_are_two_cards(world: World) -> None:
    for _ in range(2):
        job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
        await world.run_once(job)

    assert world.changes() == ["source.created"] * 2
