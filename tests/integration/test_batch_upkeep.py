"""The scripts that look after a batch, at a clock that stands still."""

from __future__ import annotations

import pytest
import redis

from customer_sources.batches.status import BatchState
from customer_sources.contract.names import Keys
from tests.batch_plans import plan
from tests.integration.looked import Looked, looked

__all__ = ["looked"]  # a fixture, borrowed


@pytest.mark.parametrize(("rate", "every_ms"), [(0.3, 3334), (1, 1000), (4, 250)])
async def test_a_rate_of_a_batch_is_kept_however_slow(
    looked: Looked, rate: float, every_ms: int
) -> None:
    looked.bring_in(rate=rate)
    while (step := await looked.look()).room:
        await looked.feed(step)
    assert looked.batch.fed == max(1, rate)  # what a second has saved up

    for _ in range(3):
        looked.stopped.forward(every_ms - 10)
        assert (await looked.look()).room == 0
        looked.stopped.forward(10)
        assert await looked.feed(await looked.look()) == 1


async def test_a_faster_rate_counts_at_once(looked: Looked) -> None:
    looked.bring_in(rate=0.001)
    await looked.feed_all()
    assert looked.batch.fed == 1

    looked.stopped.stop()
    looked.client.batches.throttle(looked.plan.id, rate=4)
    looked.stopped.forward(500)
    assert (await looked.look()).room == 2
    looked.client.batches.throttle(looked.plan.id, rate=0)
    assert (await looked.look()).room == 999


async def test_rows_in_flight_are_bounded_and_more_are_fed_as_they_end(
    looked: Looked,
) -> None:
    looked.bring_in(concurrency=4)
    await looked.feed_all()
    assert (looked.batch.fed, looked.batch.in_flight) == (4, 4)

    await looked.run_all()
    assert (looked.batch.done, looked.batch.in_flight) == (4, 0)
    assert (await looked.look()).room == 4


async def test_rows_are_fed_once_however_many_feed_them(looked: Looked) -> None:
    looked.bring_in()
    step = await looked.look()
    assert (await looked.look(looked.other)).room == 0
    assert await looked.feed(step, most=5) == 5
    assert await looked.feed(step, most=5) == 0
    assert looked.batch.fed == 5

    looked.stopped.forward(1_600)
    after = await looked.look(looked.other)
    assert (after.chunk, after.offset, after.room) == (0, 5, 995)


async def test_before_its_time_no_row_begins(looked: Looked) -> None:
    looked.stopped.stop()
    when = looked.stopped.now + 5_000
    looked.client.batches.open(looked.plan.manifest)
    looked.stopped.db.hset(
        looked.stopped.keys.batch(looked.plan.id), "not_before", when
    )
    looked.bring_in()
    assert (await looked.look()).room == 0
    looked.stopped.forward(5_000)
    assert (await looked.look()).room == 1000


async def test_outcomes_that_become_one_string_are_the_same_and_only_once(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    looked.bring_in()
    await looked.feed_all()
    await looked.run_all()
    told = looked.client.batches.outcomes(looked.plan.id, 1)
    assert {*told} == set(range(11, 21))

    whole = []
    while (chunk := (await looked.look()).whole) is not None:
        await looked.ledger.compress(looked.plan.id, chunk)
        await looked.other.compress(looked.plan.id, chunk)
        whole.append(chunk)
    assert sorted(whole) == [0, 1, 2]
    assert db.type(keys.batch_outcomes(looked.plan.id, 1)) == "string"
    assert looked.client.batches.outcomes(looked.plan.id, 1) == told


async def test_what_is_kept_of_a_batch_that_is_over_has_a_time_to_go(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    """Whether the last outcomes were compressed before its end was told, or after."""
    looked.bring_in()
    await looked.feed_all()
    await looked.run_all()
    while tell := (await looked.look()).tell:
        assert await looked.ledger.tell(looked.plan.id, tell, b"{}", 25)
        assert not await looked.other.tell(looked.plan.id, tell, b"{}", 25)
    assert looked.batch.state is BatchState.COMPLETED
    while (chunk := (await looked.look()).whole) is not None:
        await looked.ledger.compress(looked.plan.id, chunk)

    await looked.look()
    assert not db.exists(keys.active_batches)
    left = list(db.scan_iter(f"{keys.batch(looked.plan.id)}*"))
    assert len(left) == 2 + 3 + 3
    assert all(db.ttl(key) > 0 for key in left)


async def test_how_far_a_batch_is_is_told_once_a_second_and_only_if_it_moved(
    looked: Looked,
) -> None:
    looked.bring_in()
    assert not await looked.tell(0), "that it has started is told first"
    begun = (await looked.look()).tell
    assert await looked.ledger.tell(looked.plan.id, begun, b"{}", 0)
    assert await looked.tell(0)
    looked.stopped.forward(999)
    assert not await looked.tell(1)
    looked.stopped.forward(1)
    assert not await looked.tell(0)
    assert await looked.tell(1)


async def test_a_cancelled_batch_ends_at_once_however_long_the_lanes(
    looked: Looked,
) -> None:
    looked.plan = plan(250, customers=2)
    looked.bring_in()
    await looked.feed_all()
    looked.client.batches.cancel(looked.plan.id)

    assert (await looked.look()).wait_ms == 0  # there are more than one look ends
    await looked.look()

    batch = looked.batch
    assert (batch.state, batch.unprocessed) == (BatchState.CANCELLED, 250)
    assert batch.codes == {"batch_cancelled": 250}


async def test_rows_of_which_the_store_may_have_lost_a_send_are_resolved_first(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    looked.bring_in()
    await looked.feed_all()
    looked.client.batches.pause(looked.plan.id)
    await looked.look()
    db.hset(keys.meta, "server", "the one that was before")

    looked.client.batches.cancel(looked.plan.id)
    await looked.look()
    assert (looked.batch.state, looked.batch.unprocessed) == ("cancelling", 0)

    await looked.run_all()
    await looked.look()
    assert (looked.batch.state, looked.batch.succeeded) == ("cancelled", 25)
