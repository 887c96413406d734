"""Guesses at a bank account's amounts are counted, and the last is kept."""

from __future__ import annotations

import msgspec
import pytest

from customer_sources import JobFailed, State
from customer_sources.contract.names import target_name
from tests.integration.conftest import World
from tests.integration.doubts import attach, bank_token, call, code, sent
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


@pytest.fixture
def account(world: World) -> str:
    """An account of which the deposits are not verified."""
    return attach(world, bank_token(world))


async def test_right_amounts_verify_and_nothing_stays_counted(
    world: World, account: str
) -> None:
    assert await guessed(world, account, WRONG) == (
        "bank_account_verification_failed",
        {"used": 1, "left": 2},
    )
    assert await guessed(world, account, RIGHT) == (
        "succeeded",
        {"used": 1, "left": 2},
    )
    assert counted(world, account) == {}


async def test_the_third_guess_is_kept_for_who_asks_for_it(
    world: World, account: str
) -> None:
    await guessed(world, account, WRONG)
    await guessed(world, account, OTHER)
    before = len(world.sandbox.requests())

    kept = await guessed(world, account, RIGHT)
    assert kept == ("verification_attempts_reserved", {"used": 2, "left": 1})
    assert len(world.sandbox.requests()) == before

    assert await guessed(world, account, RIGHT, use_reserve=True) == (
        "succeeded",
        {"used": 2, "left": 1},
    )


async def test_three_misses_are_the_end_for_everybody(
    world: World, account: str
) -> None:
    await guessed(world, account, WRONG)
    await guessed(world, account, OTHER)
    assert await guessed(world, account, THIRD, use_reserve=True) == (
        "verification_attempts_exhausted",
        {"used": 3, "left": 0},
    )
    before = len(world.sandbox.requests())

    assert await guessed(world, account, RIGHT, use_reserve=True) == (
        "verification_attempts_exhausted",
        {"used": 3, "left": 0},
    )
    assert len(world.sandbox.requests()) == before
    assert misses(world) == 3


@pytest.mark.parametrize("again", [WRONG, WRONG[::-1]])
async def test_a_pair_that_missed_is_not_sent_again(
    again: list[int], world: World, account: str
) -> None:
    await guessed(world, account, WRONG)
    refused = await guessed(world, account, again)

    assert refused == ("verification_amounts_failed_before", {"used": 1, "left": 2})
    assert misses(world) == 1
    assert "32" not in str(counted(world, account))


async def test_a_person_may_tell_a_pair_that_missed_the_other_way_round(
    world: World, account: str
) -> None:
    """Nobody says whether Stripe minds the order."""
    await guessed(world, account, RIGHT[::-1])
    same = await guessed(world, account, RIGHT[::-1], use_reserve=True)
    assert same[0] == "verification_amounts_failed_before"

    assert (await guessed(world, account, RIGHT))[0] == same[0]
    assert (await guessed(world, account, RIGHT, use_reserve=True))[0] == "succeeded"


async def test_where_nothing_can_be_counted_nobody_guesses(
    world: World, account: str
) -> None:
    target = target_name("default", "cus_1", account)
    world.db.set(world.keys.attempts(target), "not ours")
    before = len(world.sandbox.requests())

    refused = await guessed(world, account, RIGHT)
    assert refused == ("verification_attempts_exhausted", {"used": 3, "left": 0})
    assert len(world.sandbox.requests()) == before
    world.db.delete(world.keys.attempts(target))


async def test_what_was_refused_tells_the_producer_what_is_left(
    world: World, account: str
) -> None:
    await guessed(world, account, WRONG)
    job = await world.run_until_ended(verify(world, account, WRONG))

    with pytest.raises(JobFailed, match="were wrong") as caught:
        job.result(timeout=0)
    assert caught.value.error["attempts"] == {"used": 1, "left": 2}
    assert caught.value.error["param"] == "amounts"


async def test_a_guess_at_nothing_costs_nothing(world: World, account: str) -> None:
    """Nor does one that Stripe does not take for one: of amounts there are none."""
    missing = await guessed(world, "ba_none", WRONG)
    assert missing == ("resource_missing", {"used": 0, "left": 3})

    bare = verify(world, account, WRONG)
    key = world.keys.command(bare.id)
    stored = msgspec.json.decode(str(world.db.get(key)))
    world.db.set(key, msgspec.json.encode(stored | {"body": ""}), keepttl=True)
    await world.run_until_ended(bare)

    assert code(world, bare) == "parameter_missing"
    assert (counted(world, account), counted(world, "ba_none")) == ({}, {})


async def test_what_others_guessed_is_learnt_from_the_account(
    world: World, account: str
) -> None:
    path = f"/v1/customers/cus_1/sources/{account}/verify"
    for amount in ("7", "8"):
        with pytest.raises(Exception, match="402"):
            call(world, "POST", path, **{"amounts[0]": amount, "amounts[1]": "9"})
    assert await guessed(world, account, WRONG) == (
        "verification_failed",
        {"used": 1, "left": 0},
    )
    before = len(world.sandbox.requests())

    refused = await guessed(world, account, RIGHT, use_reserve=True)
    assert refused == ("verification_failed", {"used": 1, "left": 0})
    assert len(world.sandbox.requests()) == before


async def test_two_producers_at_once_use_one_guess_each_in_turn(
    world: World, account: str
) -> None:
    first, second = verify(world, account, WRONG), verify(world, account, WRONG)
    await world.run_once(second)
    assert second.state is State.QUEUED
    await world.run_until_ended(first)
    await world.run_until_ended(second)

    codes = [code(world, one) for one in (first, second)]
    assert codes == [
        "bank_account_verification_failed",
        "verification_amounts_failed_before",
    ]
    assert misses(world) == 1


async def test_a_guess_is_charged_one_permit(world: World, account: str) -> None:
    job = verify(world, account, WRONG)
    spent = "sent:verify"
    world.db.hset(world.keys.account("default"), "rate", 1000)
    world.db.hset(world.keys.account("default"), "each", 1000)
    await world.run_until_ended(job)

    assert world.db.hget(world.keys.account("default"), spent) == "1"
    assert len(sent(world, job)) == 1


async def test_an_account_that_is_verified_already_is_told_as_such(
    world: World, account: str
) -> None:
    path = f"/v1/customers/cus_1/sources/{account}/verify"
    call(world, "POST", path, **{"amounts[0]": "32", "amounts[1]": "45"})
    job = await world.run_until_ended(verify(world, account, WRONG))

    assert job.state is State.SUCCEEDED
    told = world.events()[-1]
    assert told.type.endswith("customer.source.verified")
    assert told.data["outcome"] == "already_verified"
    assert counted(world, account) == {}
