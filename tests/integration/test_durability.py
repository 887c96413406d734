"""`durability="fsync"`: a call returns when the store's disk has what it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
import redis.asyncio

from config.settings import Settings
from customer_sources import (
    AsyncCustomerSources,
    CustomerSources,
    DurabilityUnavailable,
    LedgerUnavailable,
    State,
)
from customer_sources.contract.names import Keys
from customer_sources.durability import WAIT
from sandbox.store import Store
from worker.grouped import MOST_TOGETHER
from worker.guesses import Guess
from worker.ledger import Ledger
from worker.replies import Claimed, Leave, Word
from worker.store import connect


@pytest.fixture(scope="module")
def durable() -> Iterator[Store]:
    with Store.start(aof=True, config={"appendfsync": "always"}) as running:
        yield running


@pytest.fixture
def waits(durable: Store) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(durable.url, decode_responses=True) as db:
        db.config_resetstat()
        yield db


def waited(db: redis.Redis) -> int:
    """How often somebody waited for the disk, the one question before it included."""
    stats = db.info("commandstats")
    return int(stats.get("cmdstat_waitaof", {}).get("calls", 0))


COMMAND = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}


def test_every_write_of_a_producer_waits_for_the_disk(
    durable: Store, waits: redis.Redis, prefix: str
) -> None:
    with CustomerSources(durable.url, prefix=prefix, durability="fsync") as client:
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
        assert waited(waits) == 2  # the question, and the wait
        assert [one.error for one in client.submit_many([COMMAND] * 3)] == [None] * 3
        assert waited(waits) == 3  # once for all of them
        assert client.cancel(job.id).state is State.CANCELLED
        assert waited(waits) == 4


async def test_so_does_the_async_client(
    durable: Store, waits: redis.Redis, prefix: str
) -> None:
    async with AsyncCustomerSources(
        durable.url, prefix=prefix, durability="fsync"
    ) as client:
        job = await client.customer.source.create(customer="cus_1", source="tok_visa")
        await client.submit_many([COMMAND] * 3)
        assert (await client.cancel(job.id)).state is State.CANCELLED
    assert waited(waits) == 4


def test_who_does_not_ask_for_it_does_not_wait(
    durable: Store, waits: redis.Redis, prefix: str
) -> None:
    with CustomerSources(durable.url, prefix=prefix) as client:
        client.customer.source.create(customer="cus_1", source="tok_visa")
    assert waited(waits) == 0


@pytest.fixture
async def connection(durable: Store) -> AsyncIterator[redis.asyncio.Redis]:
    connection = connect(durable.url)
    yield connection
    await connection.aclose()


@pytest.fixture
def ledger(connection: redis.asyncio.Redis, prefix: str, settings: Settings) -> Ledger:
    """A worker's, that waits for the disk."""
    wanted = settings.model_copy(update={"durability": "fsync"})
    return Ledger(connection, Keys(prefix), wanted, "boot-1")


async def test_a_worker_sends_nothing_before_the_disk_knows_that_it_will(
    durable: Store, waits: redis.Redis, prefix: str, ledger: Ledger
) -> None:
    with CustomerSources(durable.url, prefix=prefix) as client:
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
    assert isinstance(await ledger.claim(job.id, "run-1"), Claimed)
    assert waited(waits) == 1


async def test_claims_of_the_same_moment_wait_for_the_disk_together(
    durable: Store, waits: redis.Redis, prefix: str, ledger: Ledger
) -> None:
    each = [{**COMMAND, "customer": f"cus_{n}"} for n in range(MOST_TOGETHER + 1)]
    with CustomerSources(durable.url, prefix=prefix) as client:
        ids = [one.job_id for one in client.submit_many(each)]
    claimed = await asyncio.gather(*(ledger.claim(one, "run-1") for one in ids))
    assert {type(one) for one in claimed} == {Claimed}
    assert waited(waits) == 2  # one that was too many for a group
    assert await ledger.send(ids[0], "run-1", unknown=False) == Leave(Word.GO)
    assert waited(waits) == 2  # of all that a worker asks, claims alone wait


async def test_no_guess_leaves_before_the_disk_knows_that_it_is_counted(
    durable: Store, waits: redis.Redis, prefix: str, ledger: Ledger
) -> None:
    with CustomerSources(durable.url, prefix=prefix) as client:
        job = client.customer.source.verify(customer="cus_1", id="ba_1", amounts=[1, 2])
    await ledger.claim(job.id, "run-1")
    before = waited(waits)
    leave = await ledger.send(
        job.id, "run-1", unknown=False, guess=Guess("default:cus_1/ba_1", 2, "mark")
    )
    assert leave == Leave(Word.GO, used=0)
    assert waited(waits) == before + 1


@pytest.mark.parametrize("disks", ["none", "too slow"])
async def test_no_claim_is_granted_of_which_the_disk_does_not_know(
    disks: str,
    durable: Store,
    waits: redis.Redis,
    prefix: str,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if disks == "none":
        waits.config_set("appendonly", "no")
    else:  # as above: two disks are one more than there are
        monkeypatch.setattr("worker.grouped.WAIT", ("WAITAOF", 1, 1, 50))
        monkeypatch.setattr("worker.grouped.is_on_disk", lambda reply: reply[1] >= 1)
    with CustomerSources(durable.url, prefix=prefix) as client:
        ids = [one.job_id for one in client.submit_many([COMMAND] * 2)]
    try:
        answers = await asyncio.gather(
            *(ledger.claim(one, "run-1") for one in ids), return_exceptions=True
        )
    finally:
        waits.config_set("appendonly", "yes")
    expected = redis.ResponseError if disks == "none" else redis.TimeoutError
    assert [type(one) for one in answers] == [expected] * 2


def test_a_store_without_an_append_only_file_is_refused_before_a_write(
    store: Store, db: redis.Redis, prefix: str
) -> None:
    with CustomerSources(store.url, prefix=prefix, durability="fsync") as client:
        with pytest.raises(DurabilityUnavailable, match="append"):
            client.customer.source.create(customer="cus_1", source="tok_visa")
        (one,) = client.submit_many([COMMAND])
        assert isinstance(one.error, DurabilityUnavailable)
    assert list(db.scan_iter(f"{prefix}*")) == []


def test_a_disk_that_is_too_slow_is_told_with_the_id_that_repeats_the_call(
    durable: Store, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two disks are one more than there are, so the wait cannot end well.
    never = ("WAITAOF", 1, 1, 50)
    with CustomerSources(durable.url, prefix=prefix, durability="fsync") as client:
        client.customer.source.get(customer="cus_1", id="card_1")
        monkeypatch.setattr("customer_sources.durability.WAIT", never)
        monkeypatch.setattr(
            "customer_sources.durability.is_on_disk", lambda reply: reply[1] >= 1
        )
        with pytest.raises(LedgerUnavailable, match="not on disk") as caught:
            client.customer.source.create(customer="cus_1", source="tok_visa")
        monkeypatch.setattr("customer_sources.durability.WAIT", WAIT)
        monkeypatch.setattr(
            "customer_sources.durability.is_on_disk", lambda reply: reply[0] >= 1
        )
        again = client.customer.source.create(
            customer="cus_1", source="tok_visa", job_id=caught.value.job_id
        )
    assert again.id == caught.value.job_id


def test_another_word_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="durability"):
        CustomerSources(store.url, durability="always")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lazy() -> Iterator[Store]:
    """A store that never syncs by itself, so that no wait for its disk ends well."""
    with Store.start(aof=True, config={"appendfsync": "no"}) as running:
        yield running


def test_a_repeat_on_another_connection_waits_like_the_first_call(
    lazy: Store, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is waited for by connection, and a repeat may have written nothing."""
    monkeypatch.setattr("customer_sources.durability.WAIT", ("WAITAOF", 1, 0, 100))
    for _ in range(2):
        with (
            CustomerSources(lazy.url, prefix=prefix, durability="fsync") as client,
            pytest.raises(LedgerUnavailable, match="not on disk"),
        ):
            client.customer.source.create(
                customer="cus_1", source="tok_visa", idempotency_key="order-1"
            )


async def test_a_claim_repeated_on_another_connection_waits_too(
    lazy: Store, prefix: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.grouped.WAIT", ("WAITAOF", 1, 0, 100))
    with CustomerSources(lazy.url, prefix=prefix) as client:
        job = client.customer.source.create(customer="cus_1", source="tok_visa")
    wanted = settings.model_copy(update={"durability": "fsync"})
    other = connect(lazy.url)
    for _ in range(2):
        # Another's call moves the clock's mark, so that this one need not.
        await Ledger(other, Keys(prefix), settings, "boot-2").heartbeat([])
        connection = connect(lazy.url)
        ledger = Ledger(connection, Keys(prefix), wanted, "boot-1")
        with pytest.raises(redis.TimeoutError):
            await ledger.claim(job.id, "run-1")
        await connection.aclose()
    await other.aclose()
