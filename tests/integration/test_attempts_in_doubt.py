"""Guesses of which nobody knows what became: they count, and their repeats do not."""

from __future__ import annotations

import pytest

from customer_sources import State
from tests.builders import come_due
from tests.integration.conftest import World
from tests.integration.doubts import (
    a_day_later,
    attach,
    bank_token,
    code,
    lose_answers,
    record,
)
from tests.integration.guesses import (
    OTHER,
    RIGHT,
    THIRD,
    WRONG,
    counted,
    guessed,
    misses,
    verify,
)
from worker.replies import Claimed


@pytest.fixture
def account(world: World) -> str:
    """An account of which the deposits are not verified."""
    return attach(world, bank_token(world))


async def test_a_pair_of_which_nobody_knows_is_sent_again_by_a_person_alone(
    world: World, account: str
) -> None:
    job = verify(world, account, WRONG)
    await lose_answers(world, job)
    await a_day_later(world, job)
    assert job.state is State.NEEDS_REVIEW

    refused = await guessed(world, account, WRONG)
    assert refused == ("verification_amounts_in_doubt", {"used": 1, "left": 2})
    again = await guessed(world, account, WRONG, use_reserve=True)
    assert again == ("bank_account_verification_failed", {"used": 2, "left": 1})


@pytest.mark.parametrize("fault", ["drop_before_commit", "drop_after_commit"])
async def test_an_unanswered_guess_counts_and_its_repeat_does_not(
    fault: str, world: World, account: str
) -> None:
    job = verify(world, account, WRONG)
    await lose_answers(world, job, fault)
    assert list(counted(world, account)) == [f"held:{job.id}"]

    await world.run_until_ended(job)
    assert counted(world, account)["used"] == "1"
    assert misses(world) == 1


async def test_a_guess_that_nobody_can_clear_up_counts_as_used(
    world: World, account: str
) -> None:
    """Past the horizon, and the account is not verified: it missed, or never ran."""
    job = verify(world, account, WRONG)
    await lose_answers(world, job)
    await a_day_later(world, job)
    assert job.state is State.NEEDS_REVIEW
    assert world.events()[-1].data["attempts"] == {"used": 1, "left": 2}

    assert (await guessed(world, account, OTHER))[1] == {"used": 2, "left": 1}
    kept = await guessed(world, account, THIRD)
    assert kept[0] == "verification_attempts_reserved"


async def test_a_guess_that_never_left_costs_nothing(
    world: World, account: str
) -> None:
    world.sandbox.set_faults([{"fault": "rate_limited"}])
    job = verify(world, account, WRONG)
    await world.run_once(job)
    assert record(world, job)["state"] == "waiting"
    assert counted(world, account) == {}

    world.sandbox.clear_faults()
    await world.run_until_ended(job)
    assert (counted(world, account)["used"], misses(world)) == ("1", 1)


async def test_a_replayed_guess_is_the_same_guess(world: World, account: str) -> None:
    """It goes under the key that Stripe has seen, so it is not counted twice."""
    job = verify(world, account, WRONG)
    await lose_answers(world, job)
    world.db.hset(world.keys.job(job.id), "crashes", 3)
    await a_day_later(world, job)
    assert code(world, job) == "worker_died"

    again = world.client.review.replay(job.id, reason="looked at it")
    (name,) = counted(world, account)
    await world.run_until_ended(again)
    assert (name, misses(world)) == (f"held:{job.id}", 1)
    assert len(counted(world, account)) == 1


async def test_a_worker_that_died_with_a_permit_has_guessed_nothing(
    world: World, account: str
) -> None:
    """Between claim and send: the request cannot have left, so nothing is in doubt."""
    job = verify(world, account, RIGHT)
    claimed = await world.ledger.claim(job.id, "run-1")
    assert isinstance(claimed, Claimed)
    assert claimed.leave is None
    world.db.hset(world.keys.job(job.id), "lease_until", 1)
    world.db.zadd(world.keys.wake("interactive"), {f"j:{job.id}": 1})
    await world.ledger.take_due()

    assert "unknown" not in record(world, job)
    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED


async def test_a_guess_that_is_held_may_be_repeated_whatever_others_have_used(
    world: World, account: str
) -> None:
    """It is counted already: its repeat, under the same key, takes nothing."""
    job = verify(world, account, RIGHT)
    await lose_answers(world, job, "drop_before_commit")
    stale = {"crashes": 3, "quiet_until": 1}
    world.db.hset(world.keys.job(job.id), mapping=stale)
    come_due(world.db, world.keys, job.id)
    await world.ledger.take_due()
    await world.run_once(job)
    assert job.state is State.NEEDS_REVIEW
    await guessed(world, account, WRONG)
    await guessed(world, account, OTHER, use_reserve=True)

    again = world.client.review.replay(job.id, reason="within the day")
    await world.run_until_ended(again)
    assert again.state is State.SUCCEEDED
    assert misses(world) == 2


async def test_a_replay_past_the_horizon_knows_what_others_have_used(
    world: World, account: str
) -> None:
    """Its record carries the count: all three were ours, so nothing else locked it."""
    await guessed(world, account, WRONG)
    await guessed(world, account, OTHER)
    job = verify(world, account, THIRD, use_reserve=True)
    await lose_answers(world, job)
    stale = {"crashes": 3, "quiet_until": 1}
    world.db.hset(world.keys.job(job.id), mapping=stale)
    come_due(world.db, world.keys, job.id)
    await world.ledger.take_due()
    await world.run_once(job)
    assert (job.state, code(world, job)) == (State.NEEDS_REVIEW, "worker_died")
    assert (counted(world, account)["used"], misses(world)) == ("2", 3)

    again = world.client.review.replay(job.id, reason="looked at it")
    assert record(world, again)["guesses"] == "2"
    await a_day_later(world, again)
    assert code(world, again) == "verification_attempts_exhausted"
    assert world.events()[-1].data["attempts"] == {"used": 3, "left": 0}
