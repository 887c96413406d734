"""What a person asks of a batch, and what befalls it, at a clock that stands still."""

from __future__ import annotations

import redis

from customer_sources.contract.names import Keys
from tasks.batches import Batches
from tests.batch_plans import plan
from tests.integration.looked import Looked, looked
from worker.replies import Claimed

__all__ = ["looked"]  # a fixture, borrowed


async def test_a_pause_does_not_end_the_canary(looked: Looked) -> None:
    looked.bring_in(canary=10)
    assert (await looked.look()).room == 10
    await looked.feed(await looked.look())
    looked.client.batches.pause(looked.plan.id)
    await looked.look()
    looked.client.batches.resume(looked.plan.id)
    assert (await looked.look()).room == 0

    await looked.run_all()
    await looked.look()
    assert (looked.batch.state, looked.batch.why) == ("held", "canary")
    looked.client.batches.resume(looked.plan.id)
    assert (await looked.look()).room > 10, "nothing bounds it any more"


async def test_a_hurried_row_of_a_cancelled_batch_is_never_sent(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    looked.plan = plan(2, customers=1)
    looked.bring_in()
    await looked.feed(await looked.look())
    looked.client.batches.pause(looked.plan.id)
    await looked.look()
    (first, _) = db.zrange(keys.batch_live(looked.plan.id), 0, -1)
    job = str(first).partition(":")[2]
    customer = looked.plan.rows[0].customer
    looked.stopped.submit(customer=customer)
    assert looked.stopped.record(job)["class"] == "interactive"

    looked.client.batches.cancel(looked.plan.id)
    assert not isinstance(await looked.stopped.claim(job), Claimed)


async def test_a_batch_in_trouble_holds_up_no_other(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    looked.bring_in()
    sick = plan(3, label="sick")
    looked.client.batches.open(sick.manifest)
    for number, chunk in enumerate(sick.chunks):
        looked.client.batches.put(sick.id, number, chunk)
    db.delete(keys.batch_chunk(sick.id, 0))
    looked.stopped.stop()

    await Batches(looked.ledger).one_pass()

    assert looked.client.batches.get(sick.id).fed == 0
    assert looked.batch.fed > 0


async def test_rows_after_a_loss_of_the_store_are_taken_for_sent_for_a_while(
    looked: Looked, db: redis.Redis, keys: Keys
) -> None:
    looked.plan = plan(25)
    looked.bring_in(concurrency=5)

    await looked.feed(await looked.look())
    live = db.zrange(keys.batch_live(looked.plan.id), 0, -1)
    assert {life_of(db, keys, one) for one in live} == {None}
    await looked.run_all()
    db.hset(keys.meta, "server", "the one that was before")
    looked.stopped.forward(1_000)

    lives = []
    for _ in range(3):
        await looked.feed(await looked.look())
        live = db.zrange(keys.batch_live(looked.plan.id), 0, -1)
        lives += [life_of(db, keys, one) for one in live]
        await looked.run_all()

    older, present = [None] * 10, ["1"] * 5
    assert lives == older + present, "twice the window, as of the life before"


def life_of(db: redis.Redis, keys: Keys, member: str) -> str | None:
    """The life of the store as of which a row was fed."""
    return db.hget(keys.job(member.partition(":")[2]), "life")
