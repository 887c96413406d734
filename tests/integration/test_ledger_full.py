"""A full store takes nothing new, and everything in it can still end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from customer_sources import CustomerSources, LedgerFull, State
from customer_sources.contract.names import Class, Keys
from tests.builders import ending
from tests.integration.conftest import World
from worker.ledger import Ledger
from worker.replies import Claimed, Leave, Word


@contextmanager
def full(db: redis.Redis) -> Iterator[None]:
    """A store whose memory is used up."""
    db.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        db.config_set("maxmemory", "0")


async def test_nothing_new_is_taken_and_nothing_is_written_half_way(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    with full(db), pytest.raises(LedgerFull):
        client.customer.source.create(customer="cus_2", source="tok_visa")
    assert list(db.scan_iter(f"{keys.prefix}*")) == []


async def test_every_step_of_a_job_in_it_can_be_made(
    client: CustomerSources, ledger: Ledger, db: redis.Redis
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    other = client.customer.source.create(customer="cus_2", source="tok_visa")
    with full(db):
        claimed = await ledger.claim(job.id, "t1")
        assert isinstance(claimed, Claimed)
        assert await ledger.send(job.id, "t1", unknown=False) == Leave(Word.GO)
        assert await ledger.heartbeat([(job.id, "t1")]) == []
        await ledger.defer(job.id, "t1", delay_ms=0, counts=True, unknown=False)
        await ledger.hand_back([job.id])
        assert (await ledger.take_due()).ids[Class.INTERACTIVE] == [job.id]
        await ledger.ring(Class.INTERACTIVE, [job.id])
        await ledger.claim(job.id, "t2")
        assert await ledger.commit(job.id, "t2", ending()) == ""
        client.cancel(other.id)
    assert job.refresh().state is State.SUCCEEDED
    assert other.refresh().state is State.CANCELLED


async def test_a_worker_drains_it(world: World) -> None:
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    with full(world.db):
        await world.run_once(job)
    assert job.state is State.SUCCEEDED
