"""What can befall a bank account's verification: attempts used are guesses made.

In each story what Stripe has counted is held against what was guessed, and against what
the store counts; and every job has its one event.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from customer_sources import Job, State
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from tests.builders import come_due
from tests.integration.conftest import World
from tests.integration.doubts import (
    DAY,
    MINUTE,
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
    RIGHT,
    WRONG,
    misses,
    used,
    verify,
)
from tests.integration.verification_stories import STORIES, Guess
from worker.stripe_api import StripeApi

HOUR = 3_600
MOMENTS = ("first_sent", "last_sent", "quiet_until", "tried_since", "deadline")


@pytest.fixture
def stripe() -> Iterator[RemoteSandbox]:
    """A sandbox at which deposits take two days."""
    with SandboxServer(auto_customers=True, seed=1, deposit_days=2) as running:
        yield running


@pytest.fixture
def fresh(world: World) -> str:
    """An account to which the deposits are on their way."""
    return attach(world, bank_token(world))


@pytest.fixture
def account(world: World, fresh: str) -> str:
    """An account on which the deposits are."""
    world.sandbox.advance(2 * DAY)
    return fresh


def made(world: World, account: str, jobs: Sequence[Job]) -> int:
    """Count the guesses of these jobs that Stripe has looked at; check the books."""
    verifies = [one for one in world.sandbox.effects() if one.operation == "verify"]
    ours = [one.idempotency_key for one in verifies if one.idempotency_key]
    assert set(ours) <= {job.id for job in jobs}
    assert len(ours) == len(set(ours)), "a guess was looked at twice"
    is_verified = any(one.change == "source.verified" for one in verifies)
    assert is_verified or misses(world) <= used(world, account)
    told = Counter(event.correlationid for event in world.events())
    assert told == {job.id: 1 for job in jobs}
    return len(ours)


def counts(world: World) -> tuple[int, int]:
    """Say what the last event counts: used, left."""
    told = world.events()[-1].data["attempts"]
    return told["used"], told["left"]


async def play(world: World, job: Job, guess: Guess) -> None:
    if guess.fault:
        await lose_answers(world, job, guess.fault)
        await later(world, job, DAY if guess.too_late else 2 * MINUTE)
    await world.run_until_ended(job)


@pytest.mark.parametrize("name", STORIES)
async def test_the_attempts_used_are_the_guesses_made(
    name: str, world: World, account: str
) -> None:
    story = STORIES[name]
    story.before(world, account)
    jobs: list[Job] = []

    def submit(guess: Guess) -> Job:
        amounts = list(guess.amounts)
        job = verify(world, account, amounts, use_reserve=guess.use_reserve)
        jobs.append(job)
        return job

    if story.at_once:
        for guess in story.guesses:
            submit(guess)
        await world.engine.run_all([job.id for job in reversed(jobs)])
    for n, guess in enumerate(story.guesses):
        await play(world, jobs[n] if story.at_once else submit(guess), guess)

    assert [code(world, job) for job in jobs] == story.codes
    assert made(world, account, jobs) == story.made
    assert counts(world) == story.counts


# --- amounts given before arrival


async def test_amounts_given_before_arrival_cost_one_attempt(
    world: World, fresh: str
) -> None:
    early = await world.run_until_ended(verify(world, fresh, RIGHT))
    assert (code(world, early), counts(world)) == (MISSED, (1, 2))
    assert made(world, fresh, [early]) == 1


async def test_amounts_given_before_arrival_wait_for_it_where_that_is_said(
    world: World, fresh: str
) -> None:
    now = datetime.now(UTC)
    job = verify(world, fresh, RIGHT, when="deposits_arrived", added_at=now)
    for _ in range(3):
        await world.run_once(job)
    assert job.state is State.WAITING
    assert sent(world, job) == []

    world.sandbox.advance(2 * DAY)
    come_due(world.db, world.keys, job.id, "scheduled")
    await world.ledger.take_due()
    await world.run_until_ended(job)
    assert (code(world, job), counts(world)) == ("succeeded", (0, 3))
    assert made(world, fresh, [job]) == 1


# --- API down for a day


@asynccontextmanager
async def nobody_listens(world: World) -> AsyncIterator[None]:
    """Let connections be refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        api = StripeApi(api_base=url, key="sk_test_sandbox")
        with world.sending_over(api):
            yield
        await api.aclose()


def struck_by(fault: str) -> Callable[[World], AbstractAsyncContextManager[None]]:
    """Let every request come to this."""

    @asynccontextmanager
    async def struck(world: World) -> AsyncIterator[None]:
        world.sandbox.set_faults([{"fault": fault}])
        yield
        world.sandbox.clear_faults()

    return struck


DOWN = {
    "connection refused": nobody_listens,
    "429": struck_by("rate_limited"),
    "503": struck_by("error_503_unsaved"),
}


async def down_for(world: World, job: Job, hours: int) -> None:
    """Let hours pass, at Stripe and in the record, with a run every other hour."""
    key = world.keys.job(job.id)
    for _ in range(0, hours, 2):
        await world.run_once(job)
        world.sandbox.advance(2 * HOUR)
        for moment in MOMENTS:
            if world.db.hexists(key, moment):
                world.db.hincrby(key, moment, -2000 * HOUR)
        come_due(world.db, world.keys, job.id)
        await world.ledger.take_due()
    assert not job.refresh().state.is_terminal


@pytest.mark.parametrize("how", ["connection refused", "429"])
async def test_a_guess_is_made_when_the_api_is_back_after_a_day(
    how: str, world: World, account: str
) -> None:
    wrong = verify(world, account, WRONG, deadline=timedelta(days=3))
    async with DOWN[how](world):
        await down_for(world, wrong, 26)
        assert used(world, account) == 0
    await world.run_until_ended(wrong)
    right = await world.run_until_ended(verify(world, account, RIGHT))

    assert [code(world, job) for job in (wrong, right)] == [MISSED, "succeeded"]
    assert made(world, account, [wrong, right]) == 2
    assert counts(world) == (1, 2)


@pytest.mark.parametrize("how", ["connection refused", "429"])
async def test_a_guess_that_nobody_took_for_a_day_has_cost_nothing(
    how: str, world: World, account: str
) -> None:
    job = verify(world, account, WRONG)
    async with DOWN[how](world):
        await down_for(world, job, 24)
        await world.run_until_ended(job)

    assert (job.state, code(world, job)) == (State.FAILED, "deadline_passed")
    assert made(world, account, [job]) == used(world, account) == 0
    assert counts(world) == (0, 3)


async def test_a_guess_in_doubt_is_made_once_while_its_key_is_known(
    world: World, account: str
) -> None:
    """Stripe calls a 503 indeterminate, so its guess counts until it is answered."""
    job = verify(world, account, WRONG)
    async with DOWN["503"](world):
        await down_for(world, job, 20)
        assert used(world, account) == 1
    await world.run_until_ended(job)

    assert (code(world, job), counts(world)) == (MISSED, (1, 2))
    assert made(world, account, [job]) == used(world, account) == 1


async def test_a_guess_in_doubt_for_a_day_is_not_made_and_counts(
    world: World, account: str
) -> None:
    job = verify(world, account, WRONG, deadline=timedelta(days=3))
    async with DOWN["503"](world):
        await down_for(world, job, 26)
    await world.run_until_ended(job)

    assert (code(world, job), counts(world)) == ("key_expired", (1, 2))
    assert record(world, job)["unknown"] == "1"
    assert (made(world, account, [job]), used(world, account)) == (0, 1)
