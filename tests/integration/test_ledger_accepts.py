"""submit.lua and cancel.lua: a job is accepted once, and ends unsent or not at all."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import redis

from customer_sources import (
    CustomerSources,
    JobCancelled,
    JobConflict,
    JobNotFound,
    LedgerUnavailable,
    State,
)
from customer_sources.contract.names import Keys
from tests.builders import ending
from worker.ledger import Ledger
from worker.replies import Claimed, Leave, Refused, Word


def test_a_job_is_written_before_anybody_hears_of_it(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")

    assert job.state is State.QUEUED
    assert db.hget(keys.job(job.id), "state") == "queued"
    (message,) = db.lrange(keys.queue("sources.interactive"), 0, -1)
    assert job.id in json.loads(message)["headers"]["argsrepr"]
    assert db.zscore(keys.wake("interactive"), f"j:{job.id}") is not None


def test_the_same_key_and_parameters_are_the_same_job(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    first = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )
    again = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )

    assert again.id == first.id
    assert db.llen(keys.queue("sources.interactive")) == 1
    assert db.zcard(keys.lane("default:cus_1")) == 1


def test_the_same_key_with_other_parameters_is_a_conflict(
    client: CustomerSources,
) -> None:
    first = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )

    with pytest.raises(JobConflict) as caught:
        client.customer.source.create(
            customer="cus_2", source="tok_visa", idempotency_key="order-1"
        )
    assert caught.value.job_id == first.id


async def test_a_key_is_recognised_after_its_job_has_been_forgotten(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending())
    db.delete(keys.job(job.id), keys.result(job.id))  # as its retention does

    again = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )
    assert again.state is State.SUCCEEDED
    assert db.llen(keys.queue("sources.interactive")) == 1
    assert await ledger.claim(job.id, "t2") is Refused.FINISHED
    with pytest.raises(JobConflict):
        client.customer.source.create(
            customer="cus_1", source="tok_amex", idempotency_key="order-1"
        )


def test_only_the_head_of_a_lane_is_rung_for(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    head = client.customer.source.create(customer="cus_1", source="tok_visa")
    behind = client.customer.source.get(customer="cus_1", id="card_1")

    assert db.llen(keys.queue("sources.interactive")) == 1
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{head.id}"]
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [head.id, behind.id]


def test_customers_do_not_wait_for_each_other(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    for number in range(3):
        client.customer.source.create(customer=f"cus_{number}", source="tok_visa")

    assert db.llen(keys.queue("sources.interactive")) == 3


def test_an_unordered_read_joins_no_lane(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    client.customer.source.create(customer="cus_1", source="tok_visa")
    client.customer.source.get(customer="cus_1", id="card_1", ordered=False)

    assert db.zcard(keys.lane("default:cus_1")) == 1
    assert db.llen(keys.queue("sources.interactive")) == 2


async def test_a_job_for_later_holds_nobody_up(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    later = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    now = client.customer.source.create(customer="cus_1", source="tok_visa")

    assert later.state is State.WAITING
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [now.id]
    assert await ledger.claim(later.id, "t1") is Refused.NOT_DUE


async def test_a_customer_id_of_any_length_has_a_lane(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    longest = "cus_" + "x" * 4996
    first = client.customer.source.create(customer=longest, source="tok_visa")
    second = client.customer.source.create(customer=longest, source="tok_visa")

    assert await ledger.claim(second.id, "t2") is Refused.BEHIND
    (lane,) = db.scan_iter(f"{keys.prefix}lane:*")
    assert len(lane) < 100
    assert db.object("encoding", keys.job(first.id)) == "listpack"


def test_a_job_that_nobody_took_is_cancelled_and_tells_so(
    client: CustomerSources,
) -> None:
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", reference="ours-7"
    )

    assert client.cancel(job.id).state is State.CANCELLED
    with pytest.raises(JobCancelled):
        job.result(timeout=1)
    (event,) = client.events(after="0", timeout=0)
    assert event.id == f"{job.id}:terminal"
    assert event.type.endswith("source_job.cancelled")
    assert (event.partitionkey, event.causationid) == ("cus_1", "ours-7")


def test_cancelling_twice_tells_once(client: CustomerSources) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    client.cancel(job.id)

    assert client.cancel(job.id).state is State.CANCELLED
    assert len(list(client.events(after="0", timeout=0))) == 1


async def test_cancelling_the_head_wakes_the_next_of_the_lane(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    head = client.customer.source.create(customer="cus_1", source="tok_visa")
    behind = client.customer.source.create(customer="cus_1", source="tok_visa")
    client.cancel(head.id)

    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{behind.id}"]
    assert isinstance(await ledger.claim(behind.id, "t1"), Claimed)


async def test_cancelling_in_the_middle_of_a_lane_skips_and_blocks_nobody(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    jobs = [
        client.customer.source.create(customer="cus_1", source="tok_visa")
        for _ in range(3)
    ]
    client.cancel(jobs[1].id)

    await ledger.claim(jobs[0].id, "t1")
    assert await ledger.commit(jobs[0].id, "t1", ending()) == jobs[2].id


async def test_a_running_job_is_only_asked_to_cancel(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")

    assert client.cancel(job.id).state is State.RUNNING
    assert db.hget(keys.job(job.id), "ask") == "1"
    assert await ledger.send(job.id, "t1", unknown=False) == Leave(Word.CANCEL)


async def test_an_unknown_outcome_is_never_cancelled_away(
    client: CustomerSources, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    await ledger.defer(job.id, "t1", delay_ms=60_000, counts=True, unknown=True)

    assert client.cancel(job.id).state is State.WAITING


async def test_a_wish_to_cancel_is_granted_as_soon_as_it_can_be(
    client: CustomerSources, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.claim(job.id, "t1")
    client.cancel(job.id)
    await ledger.defer(job.id, "t1", delay_ms=60_000, counts=True, unknown=False)

    claimed = await ledger.claim(job.id, "t2")
    assert isinstance(claimed, Claimed)
    assert claimed.leave is Word.CANCEL


def test_a_job_that_never_was_cannot_be_found_or_cancelled(
    client: CustomerSources,
) -> None:
    nobody = "job_" + "0" * 26
    with pytest.raises(JobNotFound):
        client.cancel(nobody)
    with pytest.raises(JobNotFound):
        client.job(nobody)


async def test_a_call_repeated_by_its_id_is_remembered_like_one_with_a_key(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    """The id came from an error of a keyed call; its key must find it for as long."""
    by_key = {"customer": "cus_1", "source": "tok_visa", "idempotency_key": "order-1"}
    job_id = client.customer.source.create(**by_key).id
    db.delete(*db.scan_iter(f"{keys.prefix}*"))  # the first call never arrived
    client.customer.source.create(customer="cus_1", source="tok_visa", job_id=job_id)
    await ledger.claim(job_id, "t1")
    await ledger.commit(job_id, "t1", ending())
    db.delete(keys.job(job_id), keys.result(job_id))  # as its retention does

    assert client.customer.source.create(**by_key).state is State.SUCCEEDED


async def test_a_cancel_keeps_as_long_as_the_workers_settings_say(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    await ledger.announce(live=False)
    db.hset(keys.meta, "keep", 5000)
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    client.cancel(job.id)

    assert 0 < db.pttl(keys.job(job.id)) <= 5000


async def test_an_end_that_cannot_be_told_is_not_written(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.set(keys.events, "somebody else's", px=60_000)
    with pytest.raises(LedgerUnavailable):
        client.cancel(job.id)

    assert job.refresh().state is State.QUEUED


async def test_a_span_counts_by_the_stores_clock(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    """A producer whose clock is wrong must not miss its own deadline."""
    now = int(db.time()[0]) * 1000
    db.hset(keys.meta, "clock", now + 3_600_000)  # an hour ahead of ours
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", deadline=timedelta(minutes=5)
    )

    deadline = int(db.hget(keys.job(job.id), "deadline"))
    assert abs(deadline - (now + 3_600_000 + 300_000)) < 10_000


async def test_submit_says_whether_anybody_ever_served_the_store(
    client: CustomerSources, ledger: Ledger
) -> None:
    before = client.customer.source.create(customer="cus_1", source="tok_visa")
    await ledger.take_due()
    after = client.customer.source.create(customer="cus_2", source="tok_visa")

    assert (before.served, after.served) == (False, True)
