"""take_due.lua: whatever is due is named again, and an outage is not a crash."""

from __future__ import annotations

from datetime import timedelta

import redis

from customer_sources import CustomerSources
from customer_sources.contract.names import Class, Keys
from tests.builders import come_due, expire
from worker.ledger import Ledger
from worker.replies import Claimed, Refused


async def test_nothing_is_named_before_its_time(
    client: CustomerSources, ledger: Ledger
) -> None:
    client.customer.source.create(customer="cus_1", source="tok_visa")

    assert len(await ledger.take_due()) == 0


async def test_a_job_whose_message_was_lost_is_named_again(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.delete(keys.queue("sources.interactive"))
    come_due(db, keys, job.id)

    assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [job.id]
    assert len(await ledger.take_due()) == 0


async def test_repeats_grow_rarer(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    waits = []
    for _ in range(5):
        come_due(db, keys, job.id)
        await ledger.take_due()
        now = int(db.get(keys.pulse))
        waits.append(round(db.zscore(keys.wake("interactive"), f"j:{job.id}") - now))

    assert waits == [5000, 10000, 20000, 30000, 30000]


async def test_nothing_is_rung_twice_into_a_crowded_queue(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.lpush(keys.queue("sources.interactive"), *["x"] * 101)
    come_due(db, keys, job.id)

    assert len(await ledger.take_due()) == 0
    db.delete(keys.queue("sources.interactive"))
    come_due(db, keys, job.id)
    assert len(await ledger.take_due()) == 1


async def test_a_crowded_queue_starves_no_job_that_was_never_rung_for(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    head = client.customer.source.create(customer="cus_1", source="tok_visa")
    behind = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.lpush(keys.queue("sources.interactive"), *["x"] * 101)
    client.cancel(head.id)
    come_due(db, keys, behind.id)

    assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [behind.id]


async def test_a_crowded_queue_does_not_hold_up_what_was_handed_back(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.lpush(keys.queue("sources.interactive"), *["x"] * 101)
    await ledger.hand_back([job.id])

    assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [job.id]


async def test_a_waiting_job_is_queued_in_its_lane_when_it_is_due(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    come_due(db, keys, job.id, "scheduled")

    assert (await ledger.take_due()).ids[Class.SCHEDULED] == [job.id]
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [job.id]
    assert isinstance(await ledger.claim(job.id, "t1"), Claimed)


async def test_a_job_that_comes_due_behind_others_waits_its_turn(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    later = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    head = client.customer.source.create(customer="cus_1", source="tok_visa")
    come_due(db, keys, later.id, "scheduled")

    taken = await ledger.take_due()
    assert (len(taken), taken.poisoned) == (0, [])
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [head.id, later.id]
    assert await ledger.claim(later.id, "t1") is Refused.BEHIND


async def test_a_dead_workers_job_is_taken_over_with_its_outcome_unknown(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    expire(db, keys, job.id)

    assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [job.id]
    record = db.hgetall(keys.job(job.id))
    assert (record["state"], record["unknown"]) == ("queued", "1")
    assert record["crashes"] == "1"
    assert int(record["quiet_until"]) == int(record["last_sent"]) + 60_000


async def test_a_read_leaves_nothing_unknown_behind(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.get(customer="cus_1", id="card_1")
    await ledger.claim(job.id, "t1")
    expire(db, keys, job.id)
    await ledger.take_due()

    assert "unknown" not in db.hgetall(keys.job(job.id))


async def test_a_holder_that_lives_has_not_died_of_its_job(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    await ledger.heartbeat([])
    expire(db, keys, job.id)
    await ledger.take_due()

    assert "crashes" not in db.hgetall(keys.job(job.id))


async def test_leases_that_ran_out_during_an_outage_get_one_more(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.take_due()
    await ledger.claim(job.id, "t1")
    db.set(keys.pulse, int(db.get(keys.pulse)) - 60_000)  # nobody was there
    expire(db, keys, job.id)

    assert len(await ledger.take_due()) == 0
    assert db.hget(keys.job(job.id), "state") == "running"
    assert await ledger.heartbeat([(job.id, "t1")]) == []

    db.hset(keys.meta, "amnesty", 0)  # the one lease more is over
    expire(db, keys, job.id)
    assert len(await ledger.take_due()) == 1


async def test_a_record_that_cannot_be_read_does_not_stop_the_pass(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    come_due(db, keys, job.id)
    db.set(keys.job("broken"), "not a hash", px=60_000)
    db.zadd(keys.wake("interactive"), {"j:broken": 0, "j:gone": 0, "else": 0})

    taken = await ledger.take_due()
    assert taken.ids[Class.INTERACTIVE] == [job.id]
    assert sorted(taken.poisoned) == ["else", "j:broken"]
    assert db.lrange(keys.poison, 0, -1) == ["else"]
    # Whoever was told may die: it is named again, until it was laid aside.
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{job.id}", "j:broken"]
    db.zadd(keys.wake("interactive"), {"j:broken": 0})
    assert (await ledger.take_due()).poisoned == ["j:broken"]


async def test_one_pass_takes_no_more_than_its_batch(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    members = {f"j:none-{number}": 0 for number in range(501)}
    db.zadd(keys.wake("bulk"), members)

    assert (await ledger.take_due()).more
    assert db.zcard(keys.wake("bulk")) == 1
    assert not (await ledger.take_due()).more


async def test_what_a_stopping_worker_hands_back_is_due_at_once(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.hand_back([job.id, "job_unheard_of"])

    assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [job.id]


async def test_a_clock_set_back_does_not_turn_time_back(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    ahead = int(db.time()[0]) * 1000 + 3_600_000
    db.hset(keys.meta, "clock", ahead)
    await ledger.take_due()

    assert int(db.get(keys.pulse)) == ahead


async def test_time_goes_on_after_the_clock_was_set_back(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    """Else a lease of seconds would last as long as the clock was wrong."""
    ahead = int(db.time()[0]) * 1000 + 3_600_000
    db.hset(keys.meta, "clock", ahead)
    await ledger.take_due()
    db.hincrby(keys.meta, "clock", -10_000)  # ten seconds later
    await ledger.take_due()

    now, offset = int(db.get(keys.pulse)), int(db.hget(keys.meta, "offset"))
    assert ahead - 2000 < now < ahead + 2000
    assert offset < 3_600_000 - 500  # and bit by bit it agrees with the clock again
