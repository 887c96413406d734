"""A server that was started again may have lost that a request was about to leave.

Here the server is made another one by changing the id that the ledger remembers.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from customer_sources import CustomerSources, State
from customer_sources.contract.names import Keys
from tests.builders import ending, expire
from tests.integration.conftest import World
from worker.ledger import Ledger
from worker.replies import Claimed, Refused, Word


async def restart(ledger: Ledger, db: redis.Redis, keys: Keys) -> None:
    """Let the store have been another server until now, and somebody notice."""
    await ledger.take_due()
    db.hset(keys.meta, "server", "f" * 40)


async def claim(ledger: Ledger, job_id: str, token: str = "run-1") -> Claimed:
    claimed = await ledger.claim(job_id, token)
    assert isinstance(claimed, Claimed)
    return claimed


async def test_a_job_that_changes_stripe_may_have_been_sent(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await restart(ledger, db, keys)
    lost = int(db.hget(keys.meta, "clock"))

    claimed = await claim(ledger, job.id)
    assert claimed.record["unknown"] == "1"
    assert claimed.leave is Word.GO
    # Its key may be as old as the last moment before the restart, and not younger.
    assert int(db.hget(keys.job(job.id), "first_sent")) == lost
    assert int(claimed.record["quiet_until"]) > claimed.now_ms


async def test_what_came_due_before_the_loss_was_noticed_may_have_been_sent(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    """The lost writes came after the last mark that was kept: due then, or later."""
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    await restart(ledger, db, keys)
    kept = int(db.hget(keys.meta, "clock")) - 10_000
    db.hset(keys.meta, "clock", kept)
    db.hset(keys.job(job.id), "due", kept + 1)
    assert client.cancel(job.id).state is State.WAITING


async def test_the_age_of_a_key_counts_from_the_first_loss_whoever_notices_it(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    """Else a second restart, or a day without claims, would make it young again."""
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await restart(ledger, db, keys)
    first = int(db.hget(keys.meta, "clock"))
    db.hset(keys.meta, "clock", first - 3_600_000)  # an hour in which nobody came
    client.customer.source.create(customer="cus_2", source="tok_visa")
    assert int(db.hget(keys.meta, "clock")) >= first
    await restart(ledger, db, keys)

    await claim(ledger, job.id)
    assert int(db.hget(keys.job(job.id), "first_sent")) == first - 3_600_000


async def test_a_read_has_nothing_to_doubt(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.get(customer="cus_1", id="card_1")
    await restart(ledger, db, keys)
    assert "unknown" not in (await claim(ledger, job.id)).record


async def test_a_job_submitted_since_has_nothing_to_doubt(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    await restart(ledger, db, keys)
    await ledger.take_due()
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    assert "unknown" not in (await claim(ledger, job.id)).record


async def test_what_an_answer_proved_is_not_doubted_again_in_the_same_life(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await restart(ledger, db, keys)
    await claim(ledger, job.id)
    await ledger.defer(job.id, "run-1", delay_ms=0, counts=True, unknown=False)
    assert "unknown" not in (await claim(ledger, job.id, "run-2")).record

    await ledger.defer(job.id, "run-2", delay_ms=0, counts=True, unknown=False)
    await restart(ledger, db, keys)
    assert (await claim(ledger, job.id, "run-3")).record["unknown"] == "1"


async def test_what_was_not_due_yet_cannot_have_been_sent(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", not_before=timedelta(hours=1)
    )
    await restart(ledger, db, keys)
    assert client.cancel(job.id).state is State.CANCELLED


async def test_a_cancel_is_only_asked_for_where_a_send_may_be_lost(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    await restart(ledger, db, keys)
    assert client.cancel(job.id).state is State.QUEUED
    assert db.hget(keys.job(job.id), "ask") == "1"


async def test_the_first_server_of_all_is_no_restart(
    client: CustomerSources, db: redis.Redis, keys: Keys, ledger: Ledger
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    assert "unknown" not in (await claim(ledger, job.id)).record
    assert db.hget(keys.meta, "life") == "0"


async def test_a_delete_that_finds_nothing_after_a_restart_is_taken_for_ours(
    world: World,
) -> None:
    """Without the doubt it would fail as not found, though its own send did it."""
    world.sandbox.seed({"cus_1": ["card_1"]})
    job = world.client.customer.source.delete(customer="cus_1", id="card_1")
    await world.ledger.take_due()
    record, command = (
        world.db.dump(world.keys.job(job.id)),
        world.db.get(world.keys.command(job.id)),
    )
    await world.run_once(job)
    assert job.state is State.SUCCEEDED
    # The store comes back without its last second.
    world.db.delete(world.keys.result(job.id), world.keys.events)
    world.db.restore(world.keys.job(job.id), 0, record, replace=True)
    world.db.set(world.keys.command(job.id), command)
    world.db.zadd(world.keys.lane("default:cus_1"), {job.id: 1})
    world.db.zadd(world.keys.wake("interactive"), {f"j:{job.id}": 1})
    world.db.hset(world.keys.meta, "server", "f" * 40)

    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED
    assert len(world.events()) == 1


@pytest.mark.parametrize("alone", [False, True])
async def test_a_job_of_which_two_holders_died_is_claimed_alone_only(
    alone: bool,  # noqa: FBT001
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    ledger: Ledger,
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    for token in ("d1", "d2"):
        await ledger.claim(job.id, token)
        expire(db, keys, job.id)
        await ledger.take_due()
    claimed = await ledger.claim(job.id, "d3", alone=alone)
    if not alone:
        assert claimed is Refused.ALONE
        assert db.hget(keys.job(job.id), "state") == "queued"
        return
    assert isinstance(claimed, Claimed)
    await ledger.commit(job.id, "d3", ending())
