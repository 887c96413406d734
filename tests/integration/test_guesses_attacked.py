"""Ways in which a guess could slip the count, or be sent before its moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import RedisError

from customer_sources import Job, State
from customer_sources.contract.names import target_name
from tests.answers import facts
from tests.builders import expire
from tests.integration.conftest import World
from tests.integration.doubts import (
    MINUTE,
    a_day_later,
    attach,
    bank_token,
    code,
    later,
    lose_answers,
    record,
    sent,
)
from tests.integration.guesses import (
    MISSED,
    OTHER,
    RIGHT,
    THIRD,
    WRONG,
    counted,
    lose_what_was_counted,
    misses,
    used,
    verify,
)
from worker.answers import Answered
from worker.attempts import became_of
from worker.guesses import Became, Guess
from worker.outcomes import Later, Reconcile
from worker.policy import decide
from worker.replies import Claimed, Ending, Word


@pytest.fixture
def account(world: World) -> str:
    return attach(world, bank_token(world))


def wait_for_deposits(world: World, account: str) -> Job:
    now = datetime.now(UTC)
    return verify(world, account, RIGHT, when="deposits_arrived", added_at=now)


def come_back_as_another_server(world: World) -> None:
    world.db.hset(world.keys.meta, "server", "f" * 40)


async def forget_a_miss(world: World, account: str) -> None:
    """Let a guess miss of which the store has lost that it left."""
    job = verify(world, account, WRONG, deadline=timedelta(hours=1))
    await world.ledger.take_due()
    await lose_answers(world, job)
    world.db.hdel(world.keys.job(job.id), "unknown", "quiet_until", "was")
    lose_what_was_counted(world, account, job)
    world.db.hset(world.keys.job(job.id), "deadline", 1)
    world.db.hset(world.keys.job(job.id), "due", 1)
    for _ in range(2):
        await world.run_once(job)
        world.db.hset(world.keys.job(job.id), mapping={"due": 1, "quiet_until": 1})
    assert job.state is State.NEEDS_REVIEW
    assert code(world, job) == "deadline_passed"


# --- a guess that the store has forgotten


async def test_a_guess_that_the_store_forgot_counts_once_it_is_in_doubt(
    world: World, account: str
) -> None:
    """It missed at Stripe unanswered, and nobody may ask again: it is too late."""
    await forget_a_miss(world, account)

    assert (misses(world), used(world, account)) == (1, 1)


async def test_no_reserve_is_used_up_by_what_the_store_forgot(
    world: World, account: str
) -> None:
    await forget_a_miss(world, account)
    for amounts in (OTHER, THIRD):
        await world.run_until_ended(verify(world, account, amounts))

    assert misses(world) == 2


# --- a pair that is known to be wrong


async def test_a_replayed_guess_is_not_sent_once_its_pair_is_known_to_be_wrong(
    world: World, account: str
) -> None:
    """It never got there, and another job has found out since: it can only miss."""
    job = verify(world, account, WRONG)
    await lose_answers(world, job, "drop_before_commit")
    world.db.hset(world.keys.job(job.id), "crashes", 3)
    await later(world, job, 2 * MINUTE)
    assert code(world, job) == "worker_died"
    again = verify(world, account, WRONG, use_reserve=True)  # in doubt, but wanted
    assert code(world, await world.run_until_ended(again)) == MISSED

    again = world.client.review.replay(job.id, reason="looked at it")
    await world.run_until_ended(again)
    assert misses(world) == 1


# --- a count that is doubled


async def test_a_commit_that_is_repeated_because_it_broke_counts_once(
    world: World, account: str
) -> None:
    """What comes after the count may fail: the stream, or a record of a batch."""
    job = verify(world, account, WRONG)
    await world.ledger.claim(job.id, "run-1")
    guess = Guess(target_name("default", "cus_1", account), 2, "a" * 16)
    await world.ledger.send(job.id, "run-1", unknown=False, guess=guess)
    ending = Ending(
        state=State.FAILED,
        code=MISSED,
        result=b"{}",
        event=b"{}",
        guess=guess,
        became=Became.MISSED,
    )
    world.db.set(world.keys.events, "no stream")
    for _ in range(3):
        with pytest.raises(RedisError):
            await world.ledger.commit(job.id, "run-1", ending)
    world.db.delete(world.keys.events)
    await world.ledger.commit(job.id, "run-1", ending)

    assert counted(world, account)["used"] == "1"


# --- sent before its moment


async def test_a_claim_that_is_repeated_gives_no_leave_before_the_deposits(
    world: World, account: str
) -> None:
    """Its answer was lost, so the same call is made again, and has the same answer."""
    job = wait_for_deposits(world, account)
    await world.ledger.claim(job.id, "run-1")
    again = await world.ledger.claim(job.id, "run-1")
    assert isinstance(again, Claimed)
    leave = await world.ledger.send(job.id, "run-1", unknown=False)

    assert again.leave is Word.PLAN
    assert leave.word is not Word.GO
    expire(world.db, world.keys, job.id)
    await world.ledger.take_due()
    await world.run_until_ended(job)


async def test_a_restart_sends_nothing_that_was_to_be_cancelled_before_its_moment(
    world: World, account: str
) -> None:
    job = wait_for_deposits(world, account)
    await world.ledger.take_due()
    await world.ledger.claim(job.id, "run-1")
    world.client.cancel(job.id)
    await world.ledger.postpone(job.id, "run-1", until_ms=2**40)
    come_back_as_another_server(world)
    await world.run_until_ended(job)

    assert job.state is State.CANCELLED
    assert sent(world, job) == []


async def test_a_worker_of_the_version_before_runs_nothing_that_waits_for_deposits(
    world: World, account: str
) -> None:
    """It knows nothing of `when`, and would send at once: too new for it."""
    job = wait_for_deposits(world, account)
    newer = int(record(world, job)["v"]) > 1
    world.client.cancel(job.id)
    assert newer


# --- what Stripe may have counted, taken for nothing


@pytest.mark.parametrize("should_retry", [True, None])
@pytest.mark.parametrize("said", [MISSED, "microdeposit_amounts_of_tomorrow", ""])
def test_every_402_counts_and_is_not_repeated(
    *, said: str, should_retry: bool | None
) -> None:
    """A 402 was executed, whatever its code; nothing proves that it cost nothing."""
    error = {"type": "invalid_request_error", "code": said, "message": "no"}
    answer = Answered(status=402, body={"error": error}, should_retry=should_retry)
    decision = decide(facts("verify"), answer)
    assert not isinstance(decision, Later)
    outcome = decision.otherwise if isinstance(decision, Reconcile) else decision
    assert became_of(outcome) in {Became.MISSED, Became.OVER}


# --- what is told


async def test_the_event_of_a_guess_in_doubt_counts_it_whatever_ended_the_job(
    world: World, account: str
) -> None:
    job = verify(world, account, WRONG)
    await lose_answers(world, job)
    world.db.hset(world.keys.job(job.id), "crashes", 3)
    await a_day_later(world, job)

    assert code(world, job) == "worker_died"
    assert world.events()[-1].data.get("attempts") == {"used": 1, "left": 2}
    assert used(world, account) == 1
