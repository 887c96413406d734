"""What jobs of ours, and people, make of a watch, at a clock that stands still."""

from __future__ import annotations

import msgspec
import pytest
import redis

from customer_sources import VerificationEnded
from customer_sources.contract.names import Keys
from customer_sources.contract.states import State
from tests.builders import ending
from tests.integration.watched import ACCOUNT, CUSTOMER, TARGET, Watched, watched
from worker.replies import Claimed

__all__ = ["watched"]  # a fixture, borrowed


@pytest.mark.parametrize("moment", ["new", "waiting", "looking", "due"])
async def test_a_job_of_ours_ends_a_watch_wherever_it_is(
    watched: Watched, moment: str
) -> None:
    for operation, found, why in (
        ("verify", "verified", "succeeded"),
        ("verify", "failed", "verification_attempts_exhausted"),
        ("delete", "deleted", "succeeded"),
    ):
        await bring_to(watched, moment)
        before, state = watched.told(), watched.now.state

        job_id = await watched.decided(operation, found, why)
        assert watched.now.state == state, "nothing is told yet"
        for worker in (watched.one, watched.other, watched.one):
            await watched.turn(worker)

        assert watched.told() == [*before, found]
        data = watched.events()[-1].data
        assert (data["why"], data["job"]) == (why, job_id)
        assert (watched.now.state, watched.now.job) == (found, job_id)


async def bring_to(watched: Watched, moment: str) -> None:
    """Open a watch and let it come so far."""
    watched.open()
    if moment != "new":
        await watched.turn()
    if moment == "due":
        await watched.see("new")
    if moment == "looking":
        watched.come(watched.now.next)
        await watched.turn()
    if moment == "found":
        await watched.decided("verify", "verified", "succeeded")


async def test_what_a_job_decides_of_an_account_that_nobody_watches_is_nothing(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    await watched.decided("verify", "verified", "succeeded")

    assert not [*db.scan_iter(f"{keys.prefix}watch*")]


async def test_a_create_that_says_so_opens_a_watch_in_its_commit(
    watched: Watched,
) -> None:
    job_id = watched.stopped.submit(customer=CUSTOMER)
    assert isinstance(await watched.stopped.claim(job_id), Claimed)
    where = ("watch_7", "default", CUSTOMER, ACCOUNT, "order-7")
    ended = msgspec.structs.replace(ending(), watch=("open", TARGET, *where))
    for _ in range(2):
        await watched.commit(job_id, ended)

    watch = watched.now
    assert (watch.id, watch.state, watch.reference) == ("watch_7", "new", "order-7")
    assert watch.added == watch.opened


async def test_a_damaged_watch_keeps_no_job_from_ending(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    db.set(keys.watch(TARGET), "nonsense")
    db.zadd(keys.watches, {TARGET: 1})

    await watched.decided("verify", "verified", "succeeded")
    await watched.turn()

    assert not db.exists(keys.watches)
    db.delete(keys.watch(TARGET))


@pytest.mark.parametrize("moment", ["new", "waiting", "looking", "due", "found"])
async def test_a_watch_is_cancelled_wherever_it_is_and_that_is_the_end(
    watched: Watched, db: redis.Redis, keys: Keys, moment: str
) -> None:
    await bring_to(watched, moment)
    before, look = watched.told(), watched.look

    ended = watched.cancel()
    assert watched.cancel() == ended, "twice is once"
    if look:
        assert isinstance(await watched.stopped.claim(look), Claimed)
        found = {"status": "verified"}
        await watched.end(look, State.SUCCEEDED, "succeeded", found)
    await watched.turn()

    assert watched.told() == [*before, "cancelled"]
    assert (ended.state, ended.why, ended.job) == ("cancelled", "", "")
    assert 0 < db.pttl(keys.watch(TARGET)) <= 86_400_000


async def test_what_has_ended_stays_as_it_was_told(watched: Watched) -> None:
    await watched.planned()
    await watched.see("verified")

    with pytest.raises(VerificationEnded, match="is over: verified"):
        watched.cancel()
    await watched.decided("delete", "deleted", "succeeded")
    await watched.turn()

    assert watched.told() == ["verified"]


async def test_an_account_has_one_watch_that_lives_and_another_after_it(
    watched: Watched, db: redis.Redis, keys: Keys
) -> None:
    first = await watched.planned(reference="first")
    assert watched.open(reference="second") == first

    watched.cancel()
    again = watched.open(reference="third")

    assert again.id != first.id
    assert (again.state, again.reference, again.told) == ("new", "third", 0)
    assert again.arrives is None
    assert db.pttl(keys.watch(TARGET)) == -1
    assert not db.exists(keys.ended_watches)
    await watched.turn()
    await watched.see("verified")
    assert [event.id for event in watched.events()] == [
        f"{first.id}:terminal",
        f"{again.id}:terminal",
    ]
