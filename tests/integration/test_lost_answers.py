"""Each script's answer lost on its way: the driver asks again, and nobody can tell."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import redis
import redis.asyncio

from config.settings import Settings
from customer_sources import CustomerSources, Job, State
from customer_sources.contract.commands import Command
from customer_sources.contract.events import LAST_MOMENT_MS
from customer_sources.contract.names import INTERACTIVE_QUEUE, Class, Keys
from customer_sources.contract.states import TERMINAL
from sandbox.store import Store
from tests.builders import come_due, ending
from tests.proxy import Proxy, proxy_to
from worker.housekeeping import HOUSEKEEPING
from worker.ledger import SCRIPTS, Ledger
from worker.replies import Claimed, Leave, Trimmed, Word
from worker.store import connect

RING_AGAIN_MS = 5000
NOTHING_READ = ending(State.NEEDS_REVIEW), "", ""


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store) as running:
        yield running


@pytest.fixture
async def lossy(
    proxy: Proxy, db: redis.Redis, keys: Keys, settings: Settings
) -> AsyncIterator[Ledger]:
    """A worker's ledger behind the proxy, connected, its scripts in the store."""
    connection = connect(proxy.url)
    ledger = Ledger(connection, keys, settings, "boot-1")
    for script in ledger._scripts.values():
        await connection.script_load(script.script)
    yield ledger
    await connection.aclose()


@pytest.fixture
def lossy_client(
    proxy: Proxy, db: redis.Redis, prefix: str
) -> Iterator[CustomerSources]:
    """A client behind the proxy, connected, its scripts in the store."""
    with CustomerSources(proxy.url, prefix=prefix) as client:
        for script in (client._submit, client._cancel):
            client._redis.script_load(script.script)
        yield client


@pytest.fixture
def job(client: CustomerSources) -> Job:
    return client.customer.source.create(customer="cus_1", source="tok_visa")


async def defers(ledger: Ledger, job: Job) -> object:
    return await ledger.defer(job.id, "t1", delay_ms=0, counts=True, unknown=False)


ANSWERS: dict[str, tuple[Callable[[Ledger, Job], Awaitable[object]], object]] = {
    "send": (
        lambda ledger, job: ledger.send(job.id, "t1", unknown=False),
        Leave(Word.GO),
    ),
    "heartbeat": (lambda ledger, job: ledger.heartbeat([(job.id, "t1")]), []),
    "defer": (defers, True),
    "commit": (lambda ledger, job: ledger.commit(job.id, "t1", ending()), ""),
    "hand_back": (lambda ledger, job: ledger.hand_back([job.id]), None),
    "lay_aside": (lambda ledger, job: ledger.lay_aside(job.id, *NOTHING_READ), None),
    "announce": (lambda ledger, _: ledger.announce(live=False), None),
    "trim": (lambda ledger, _: ledger.trim(), Trimmed("FINE", 0, 0, "")),
}
"""Scripts that a running job of run t1 meets, and what they answer, heard or not."""
TOLD_BELOW = {"claim", "postpone", "ring", "take_due"}
"""Those whose second answer differs in what the test of its own tells."""


def test_every_script_of_the_worker_is_here() -> None:
    assert ANSWERS.keys() | TOLD_BELOW == {*SCRIPTS, *HOUSEKEEPING}


@pytest.mark.parametrize("script", ANSWERS)
async def test_a_script_whose_answer_was_lost_answers_the_same_again(
    script: str, job: Job, ledger: Ledger, lossy: Ledger, proxy: Proxy
) -> None:
    call, answer = ANSWERS[script]
    await ledger.claim(job.id, "t1")
    proxy.eat_an_answer()

    assert await call(lossy, job) == answer
    assert proxy.eaten
    job.refresh()
    if job.state not in TERMINAL:  # what was written once can be ended by its run
        await ledger.claim(job.id, "t1")
        assert await ledger.commit(job.id, "t1", ending()) == ""


async def test_a_claim_whose_answer_was_lost_is_the_same_run_without_a_second_leave(
    job: Job, lossy: Ledger, proxy: Proxy
) -> None:
    proxy.eat_an_answer()
    claimed = await lossy.claim(job.id, "t1")

    assert isinstance(claimed, Claimed)
    assert (claimed.leave, claimed.record["runs"]) == (None, "1")
    assert await lossy.send(job.id, "t1", unknown=False) == Leave(Word.GO)
    assert await lossy.commit(job.id, "t1", ending()) == ""


async def test_a_commit_whose_answer_was_lost_leaves_the_next_of_the_lane_awake(
    job: Job, client: CustomerSources, lossy: Ledger, proxy: Proxy, keys: Keys
) -> None:
    following = client.customer.source.create(customer="cus_1", source="tok_visa")
    await lossy.claim(job.id, "t1")
    proxy.eat_an_answer()

    assert await lossy.commit(job.id, "t1", ending()) == ""
    assert len(list(client.events(after="0", timeout=0))) == 1
    assert isinstance(await lossy.claim(following.id, "t2"), Claimed)


async def test_a_damaged_job_whose_laying_aside_was_not_heard_of_is_told_once(
    job: Job, client: CustomerSources, lossy: Ledger, proxy: Proxy, db: redis.Redis
) -> None:
    db.hdel(client._keys.job(job.id), "effect")
    proxy.eat_an_answer()

    assert await lossy.lay_aside(job.id, *NOTHING_READ) == ""
    assert proxy.eaten
    assert await lossy.lay_aside(job.id, *NOTHING_READ) == ""
    assert len(list(client.events(after="0", timeout=0))) == 1


async def test_what_upkeep_named_in_vain_is_named_again_soon(
    job: Job, lossy: Ledger, proxy: Proxy, db: redis.Redis, keys: Keys
) -> None:
    come_due(db, keys, job.id)
    proxy.eat_an_answer()

    assert len(await lossy.take_due()) == 0
    wakes_at = db.zscore(keys.wake("interactive"), f"j:{job.id}")
    assert wakes_at is not None
    assert 0 < wakes_at - time.time() * 1000 <= RING_AGAIN_MS
    come_due(db, keys, job.id)
    assert (await lossy.take_due()).ids[Class.INTERACTIVE] == [job.id]


async def test_a_ring_whose_answer_was_lost_rings_twice_for_one_job(
    job: Job, lossy: Ledger, proxy: Proxy, db: redis.Redis, keys: Keys
) -> None:
    proxy.eat_an_answer()
    await lossy.ring(Class.INTERACTIVE, [job.id])

    assert db.llen(keys.queue(INTERACTIVE_QUEUE)) == 3  # the submit's, and both
    assert isinstance(await lossy.claim(job.id, "t1"), Claimed)


def test_a_submit_whose_answer_was_lost_is_one_job_rung_once(
    lossy_client: CustomerSources, proxy: Proxy, db: redis.Redis, keys: Keys
) -> None:
    proxy.eat_an_answer()
    job = lossy_client.customer.source.create(customer="cus_1", source="tok_visa")

    assert proxy.eaten
    assert job.state is State.QUEUED
    assert db.llen(keys.queue(INTERACTIVE_QUEUE)) == 1
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [job.id]


def test_commands_submitted_together_whose_answer_was_lost_are_each_one_job(
    lossy_client: CustomerSources, proxy: Proxy, db: redis.Redis, keys: Keys
) -> None:
    command = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}
    proxy.eat_an_answer()
    taken = lossy_client.submit_many([command] * 3)

    assert proxy.eaten
    assert [one.state for one in taken] == [State.QUEUED] * 3
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [it.job_id for it in taken]
    # Who is to be rung for is said once; upkeep finds the head within seconds.
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{taken[0].job_id}"]


def test_a_cancel_whose_answer_was_lost_ends_the_job_once(
    lossy_client: CustomerSources, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lossy_client.customer.source.create(customer="cus_1", source="tok_visa")
    read = lossy_client.command

    def read_and_lose_what_comes_next(job_id: str) -> Command | None:
        command = read(job_id)
        proxy.eat_an_answer()
        return command

    monkeypatch.setattr(lossy_client, "command", read_and_lose_what_comes_next)

    assert lossy_client.cancel(job.id).state is State.CANCELLED
    assert proxy.eaten
    assert len(list(lossy_client.events(after="0", timeout=0))) == 1


async def test_a_job_postponed_twice_waits_once_for_the_same_moment(
    client: CustomerSources,
    ledger: Ledger,
    lossy: Ledger,
    proxy: Proxy,
    db: redis.Redis,
    keys: Keys,
) -> None:
    job = client.customer.source.verify(customer="cus_1", id="ba_1", amounts=[1, 2])
    following = client.customer.source.get(customer="cus_1", id="ba_1")
    await ledger.claim(job.id, "t1")
    proxy.eat_an_answer()

    # The first answer named the lane's next, and was lost: its wake-up is there.
    assert await lossy.postpone(job.id, "t1", until_ms=LAST_MOMENT_MS) == ""
    assert db.zscore(keys.wake(Class.INTERACTIVE), f"j:{following.id}")
    record = db.hgetall(keys.job(job.id))
    assert (record["state"], record["runs"]) == ("waiting", "0")
    assert db.zrange(keys.lane("default:cus_1"), 0, -1) == [following.id]
    assert client.cancel(job.id).state is State.CANCELLED
    assert client.cancel(following.id).state is State.CANCELLED
