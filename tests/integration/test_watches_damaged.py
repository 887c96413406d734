"""Watches whose record somebody else has damaged: told once, and in nobody's way."""

from __future__ import annotations

import pytest
import redis

from customer_sources import CustomerSources, VerificationNotFound
from customer_sources.contract.names import Keys, target_name
from tests.integration.watched import ACCOUNT, CUSTOMER, TARGET, Watched, watched
from worker.watch_ledger import AGAIN_MS

__all__ = ["watched"]  # a fixture, borrowed

MONTH_MS = 30 * 86_400_000


@pytest.mark.parametrize("status", ["new", "verified"])
async def test_a_turn_that_is_no_number_is_taken_once(
    watched: Watched, db: redis.Redis, keys: Keys, status: str
) -> None:
    opened = await watched.planned()
    watched.come(opened.next)
    await watched.turn()
    await watched.answer(status)
    db.hset(keys.watch(TARGET), "turn", "odd")

    for _ in range(3):
        await watched.turn()
        watched.stopped.forward(AGAIN_MS)

    assert watched.told() == ["due" if status == "new" else status]


async def test_a_turn_that_is_no_number_is_cancelled_once(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    await watched.planned()
    db.hset(keys.watch(TARGET), "turn", "odd")

    for _ in range(3):
        assert watched.cancel().state == "cancelled"

    assert watched.told() == ["cancelled"]


@pytest.mark.parametrize("damage", ["another type", "no number"])
async def test_guesses_that_cannot_be_counted_hold_no_watch_up(
    watched: Watched, db: redis.Redis, keys: Keys, damage: str
) -> None:
    sources = ["ba_0", "ba_1", "ba_2"]
    for source in sources:
        watched.stopped.stop()
        watched.client.verifications.watch(CUSTOMER, source)
    if damage == "another type":
        db.set(keys.attempts(TARGET), "odd")
    else:
        db.hset(keys.attempts(TARGET), "used", "odd")

    await watched.turn()

    db.expire(keys.attempts(TARGET), 1)
    targets = [target_name("default", CUSTOMER, source) for source in sources]
    states = [db.hget(keys.watch(target), "state") for target in targets]
    assert states == ["waiting"] * 3


@pytest.mark.parametrize(
    "field", ["state", "added", "told", "expires", "reminders", "account"]
)
async def test_a_watch_that_cannot_be_read_is_given_up_and_that_is_told_once(
    watched: Watched, db: redis.Redis, keys: Keys, field: str
) -> None:
    opened = await watched.planned(reference="order-7")
    db.hset(keys.watch(TARGET), field, "No Such")

    await give_up(watched)

    (event,) = watched.events()
    assert (event.id, event.subject) == (f"{opened.id}:terminal", ACCOUNT)
    assert (event.data["state"], event.data["why"]) == ("expired", "record_unreadable")
    assert event.causationid == "order-7"
    assert (watched.now.state, watched.now.why) == ("expired", "record_unreadable")
    assert watched.open().state == "new", "it can be watched again"
    watched.cancel()


@pytest.mark.parametrize("field", ["id", "state", "turn", "customer", "expires"])
async def test_so_is_one_of_which_something_is_missing(
    watched: Watched, db: redis.Redis, keys: Keys, field: str
) -> None:
    await watched.planned()
    db.hdel(keys.watch(TARGET), field)

    await give_up(watched)

    assert watched.told() == ["expired"]
    assert db.pttl(keys.watch(TARGET)) > 0


async def give_up(watched: Watched) -> None:
    """Let more time pass than any watch lives, with two workers at it."""
    watched.stopped.forward(MONTH_MS)
    for _ in range(4):
        for worker in (watched.one, watched.other):
            await watched.turn(worker)
        watched.stopped.forward(AGAIN_MS * 100)


async def test_one_that_cannot_be_read_hides_no_other(
    watched: Watched, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    watched.open()
    client.verifications.watch(CUSTOMER, "ba_2")
    db.hset(keys.watch(TARGET), "added", "odd")

    assert [one.source for one in client.verifications.list()] == ["ba_2"]
    with pytest.raises(VerificationNotFound):
        watched.cancel()

    client.verifications.cancel(CUSTOMER, "ba_2")
    await give_up(watched)
