"""The table of outcomes, at the wire: updates, and guesses at micro-deposits.

Tests are named after their row of the table; see `test_outcome_classes.py`.
"""

from __future__ import annotations

import pytest

from customer_sources import CommandInvalid, Job, JobFailed, JobNeedsReview, State
from tests.integration.conftest import World
from tests.integration.doubts import (
    a_day_later,
    attach,
    bank_token,
    call,
    code,
    lose_answers,
    record,
    sent,
)
from tests.integration.interception import GoOn, intercepted
from worker.answers import TryResult
from worker.stripe_api import StripeRequest

LOST = ["drop_before_commit", "drop_after_commit"]
RIGHT, WRONG = [32, 45], [1, 2]


def update(world: World, **fields: str) -> Job:
    world.sandbox.seed({"cus_1": ["card_1"]})
    source = world.client.customer.source
    return source.update(customer="cus_1", id="card_1", **fields)  # type: ignore[arg-type]


def verify(world: World, account: str, amounts: list[int]) -> Job:
    source = world.client.customer.source
    return source.verify(customer="cus_1", id=account, amounts=amounts)


def guess(world: World, account: str, amounts: list[int]) -> None:
    """Let somebody else guess; a wrong guess is an error that nobody minds."""
    first, second = map(str, amounts)
    path = f"/v1/customers/cus_1/sources/{account}/verify"
    form = {"amounts[0]": first, "amounts[1]": second}
    if amounts == RIGHT:
        call(world, "POST", path, **form)
    else:
        with pytest.raises(Exception, match="402"):
            call(world, "POST", path, **form)


def misses(world: World) -> int:
    effects = world.sandbox.effects()
    return sum("attempt_failed" in effect.change for effect in effects)


@pytest.fixture
def account(world: World) -> str:
    """An account of which the deposits are not verified."""
    return attach(world, bank_token(world))


# --- update


@pytest.mark.parametrize("fault", LOST)
async def test_update_n1_within_the_horizon_is_repeated_with_its_key(
    fault: str, world: World
) -> None:
    job = update(world, name="Ada")
    await lose_answers(world, job, fault)
    await world.run_until_ended(job)

    assert job.result(timeout=0)["name"] == "Ada"
    assert world.changes() == ["source.updated"]


async def test_update_past_the_horizon_that_is_as_asked_is_done(world: World) -> None:
    job = update(world, name="Ada", exp_month="07")
    await lose_answers(world, job)
    tries = len(sent(world, job))
    await a_day_later(world, job)

    assert (job.state, code(world, job)) == (State.SUCCEEDED, "reconciled")
    assert len(sent(world, job)) == tries


async def test_update_past_the_horizon_that_differs_is_told_by_the_fields(
    world: World,
) -> None:
    job = update(world, name="Ada", address_city="Paris")
    await lose_answers(world, job, "drop_before_commit")
    await a_day_later(world, job)

    with pytest.raises(JobNeedsReview, match="differs in name, address_city") as caught:
        job.result(timeout=0)
    assert "Paris" not in str(caught.value.error)
    assert world.changes() == []


async def test_update_404_source_is_not_found(world: World) -> None:
    source = world.client.customer.source
    job = source.update(customer="cus_1", id="card_none", name="Ada")
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "resource_missing")


async def test_update_402_fails(world: World) -> None:
    job = update(world, exp_year="2001")
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.FAILED, "invalid_expiry_year")


# --- verify


async def test_verify_s_that_verified_is_done(world: World, account: str) -> None:
    job = verify(world, account, RIGHT)
    await world.run_once(job)

    assert job.result(timeout=0)["status"] == "verified"


@pytest.mark.parametrize("verified", [True, False])
async def test_verify_s_with_another_status_is_read_once(
    world: World, account: str, *, verified: bool
) -> None:
    job = verify(world, account, RIGHT)
    if not verified:
        world.sandbox.set_faults([{"fault": "error_503_unsaved", "operation": "get"}])
    with intercepted(answers_of_verify_say_new):
        await world.run_once(job)

    if verified:
        assert (job.state, code(world, job)) == (State.SUCCEEDED, "reconciled")
    else:  # executed and answered, and still not known: the horizon must watch over it
        assert job.state is State.WAITING
        assert record(world, job)["unknown"] == "1"
        world.sandbox.clear_faults()
        await world.run_until_ended(job)
        assert job.state is State.SUCCEEDED


@pytest.mark.parametrize("fault", LOST)
async def test_verify_n1_is_repeated_with_the_same_key_and_costs_one_attempt(
    fault: str, world: World, account: str
) -> None:
    job = verify(world, account, WRONG)
    await lose_answers(world, job, fault)
    await world.run_until_ended(job)

    assert job.state is State.FAILED
    assert misses(world) == 1


@pytest.mark.parametrize(
    ("fault", "amounts", "before", "outcome"),
    [
        ("drop_after_commit", RIGHT, 0, "reconciled"),
        ("drop_after_commit", WRONG, 2, "verification_failed"),
        ("drop_after_commit", WRONG, 0, "key_expired"),
        ("drop_before_commit", RIGHT, 0, "key_expired"),
    ],
)
async def test_verify_unknown_past_the_horizon_is_told_by_the_account(
    fault: str,
    amounts: list[int],
    before: int,
    outcome: str,
    world: World,
    account: str,
) -> None:
    for _ in range(before):
        guess(world, account, WRONG)
    job = verify(world, account, amounts)
    await lose_answers(world, job, fault)
    tries = len(sent(world, job))
    await a_day_later(world, job)

    assert code(world, job) == outcome
    assert len(sent(world, job)) == tries


async def test_verify_400_already_verified_is_read_and_done(
    world: World, account: str
) -> None:
    guess(world, account, RIGHT)
    job = verify(world, account, RIGHT)
    await world.run_once(job)

    assert (job.state, code(world, job)) == (State.SUCCEEDED, "already_verified")


async def test_verify_402_is_never_repeated(world: World, account: str) -> None:
    job = verify(world, account, WRONG)
    await world.run_once(job)

    with pytest.raises(JobFailed, match="do not match") as caught:
        job.result(timeout=0)
    assert caught.value.code == "bank_account_verification_failed"
    assert len(sent(world, job)) == 1


async def test_verify_402_after_which_nobody_may_guess_says_so(
    world: World, account: str
) -> None:
    """Others have guessed, or a deposit bounced: this is the first guess of ours."""
    guess(world, account, WRONG)
    guess(world, account, WRONG)
    job = verify(world, account, WRONG)
    await world.run_once(job)

    with pytest.raises(JobFailed, match="do not match") as caught:
        job.result(timeout=0)
    assert caught.value.code == "verification_failed"
    assert caught.value.error["attempts"] == {"used": 1, "left": 0}


async def test_verify_402_is_told_without_the_read_too(
    world: World, account: str
) -> None:
    world.sandbox.set_faults([{"fault": "drop_after_commit", "operation": "get"}])
    job = verify(world, account, WRONG)
    await world.run_once(job)

    expected = (State.FAILED, "bank_account_verification_failed")
    assert (job.state, code(world, job)) == expected


async def test_verify_i400_tells_nothing_by_which_amounts_could_be_guessed(
    world: World, account: str
) -> None:
    job = verify(world, account, RIGHT)
    other = StripeRequest(
        method="POST",
        path=f"/v1/customers/cus_1/sources/{account}/verify",
        body=b"amounts[]=1&amounts[]=2",
        idempotency_key=job.id,
    )
    await world.api.send(other)
    await world.run_once(job)

    with pytest.raises(JobNeedsReview, match="idempotency_error") as caught:
        job.result(timeout=0)
    assert "body_sha256" not in caught.value.error


async def test_verify_with_deposits_not_there_yet_counts_as_a_mismatch(
    world: World, account: str
) -> None:
    """No error of its own is documented for it; to us it is any other 402."""
    job = verify(world, account, [45, 32])
    await world.run_once(job)

    assert code(world, job) == "bank_account_verification_failed"


@pytest.mark.parametrize("target", ["card_1", "src_1"])
async def test_verify_of_a_card_or_a_src_is_refused_before_sending(
    world: World, target: str
) -> None:
    with pytest.raises(CommandInvalid, match="bank accounts"):
        verify(world, target, RIGHT)
    assert world.sandbox.requests() == []


async def test_verify_of_two_jobs_for_one_account_is_one_after_the_other(
    world: World, account: str
) -> None:
    first, second = verify(world, account, WRONG), verify(world, account, RIGHT)
    await world.run_once(second)
    assert second.state is State.QUEUED

    await world.run_once(first)
    assert first.state is State.FAILED
    assert second.refresh().state is State.SUCCEEDED


async def answers_of_verify_say_new(request: StripeRequest, go_on: GoOn) -> TryResult:
    """Let a 200 to a verify say what Stripe's documented example says: `new`."""
    answer = await go_on()
    body = getattr(answer, "body", {})
    if request.method == "POST" and body.get("status"):
        body["status"] = "new"
    return answer
