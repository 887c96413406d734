"""Damaged records: nothing is written of them, and then their end, once.

A script writes no such record; somebody else's hand may. Whole workers meet all of them
in tests/acceptance/test_poison_records.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from customer_sources import CustomerSources, Does, Job, State, scripts
from customer_sources.contract.errors import NotInReview
from customer_sources.contract.names import Keys
from tasks.upkeep import Upkeep
from tests.builders import come_due, ending, expire
from tests.integration.conftest import World
from worker.ledger import Ledger
from worker.replies import Claimed, Refused, Unreadable
from worker.unreadable import CODE, lay_aside

Damage = Callable[[redis.Redis, Keys, str], object]
REQUIRED = ("fp", "class", "lane", "effect", "op", "state")
NUMBERS = (
    *("runs", "waits", "crashes", "due", "lease_until", "quiet_until", "first_sent"),
    *("last_sent", "deadline", "tried_since", "v", "life", "rings", "unknown", "ask"),
)
NONSENSE = ("", "x", "1.5", "0x10", "1e999", "nan", "9" * 400)


@pytest.fixture
def job(client: CustomerSources) -> Job:
    return client.customer.source.create(customer="cus_1", source="tok_visa")


def as_string(db: redis.Redis, key: str) -> None:
    db.delete(key)
    db.set(key, "x")


def elsewhere(db: redis.Redis, keys: Keys, job_id: str) -> None:
    """Name a lane in the record in which the job does not stand."""
    db.hset(keys.job(job_id), "lane", "default:cus_else")


WRONG_TYPES: dict[str, Damage] = {
    "record": lambda db, keys, job_id: as_string(db, keys.job(job_id)),
    "command": lambda db, keys, job_id: (
        db.delete(keys.command(job_id)) and db.rpush(keys.command(job_id), "x")
    ),
    "lane": lambda db, keys, job_id: as_string(db, keys.lane("default:cus_1")),
    "record gone": lambda db, keys, job_id: db.delete(keys.job(job_id)),
    "another lane": elsewhere,
}


async def is_refused(ledger: Ledger, db: redis.Redis, keys: Keys, job: Job) -> bool:
    """Whether a claim is refused as unreadable and leaves all as it was."""
    before = db.dump(keys.job(job.id)), db.dump(keys.wake("interactive"))
    refused = await ledger.claim(job.id, "t1")
    after = db.dump(keys.job(job.id)), db.dump(keys.wake("interactive"))
    return refused is Refused.UNREADABLE and before == after


async def test_a_record_without_what_a_run_needs_is_not_claimed(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    sound = db.hgetall(keys.job(job.id))
    for name in REQUIRED:
        db.hdel(keys.job(job.id), name)
        assert await is_refused(ledger, db, keys, job), name
        db.hset(keys.job(job.id), mapping=sound)
    for name in ("state", "class", "effect"):
        db.hset(keys.job(job.id), name, "nonsense")
        assert await is_refused(ledger, db, keys, job), name
        db.hset(keys.job(job.id), mapping=sound)

    assert isinstance(await ledger.claim(job.id, "t1"), Claimed)


async def test_a_record_whose_numbers_are_none_is_not_claimed(
    job: Job, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    for name in NUMBERS:
        was = db.hget(keys.job(job.id), name)
        for nonsense in NONSENSE:
            db.hset(keys.job(job.id), name, nonsense)
            assert await is_refused(ledger, db, keys, job), (name, nonsense)
        db.hdel(keys.job(job.id), name)
        if was is not None:
            db.hset(keys.job(job.id), name, was)

    assert isinstance(await ledger.claim(job.id, "t1"), Claimed)


@pytest.mark.parametrize("what", WRONG_TYPES)
async def test_what_is_no_record_ends_in_review_and_the_lane_goes_on(
    what: str, job: Job, client: CustomerSources, world: World
) -> None:
    db, keys = world.db, world.keys
    WRONG_TYPES[what](db, keys, job.id)

    assert await is_refused(world.ledger, db, keys, job)
    assert await lay_aside(world.ledger, job.id) == ""
    assert await lay_aside(world.ledger, job.id) == ""
    assert job.refresh().state is State.NEEDS_REVIEW
    assert [event.data["error"]["code"] for event in world.events()] == [CODE]
    following = client.customer.source.create(customer="cus_1", source="tok_visa")
    assert (await world.run_once(following)).state is State.SUCCEEDED
    assert db.exists(keys.wake("interactive")) == 0


async def test_a_sound_job_an_ended_one_and_a_newer_one_are_not_laid_aside(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    assert await lay_aside(ledger, job.id) is None
    db.hset(keys.job(job.id), mapping={"v": 99, "class": "of tomorrow"})
    assert await ledger.claim(job.id, "t1") is Refused.NEWER
    assert await lay_aside(ledger, job.id) is None
    db.hset(keys.job(job.id), mapping={"v": 1, "class": "interactive"})

    await ledger.claim(job.id, "t1")
    assert await lay_aside(ledger, job.id) is None
    await ledger.commit(job.id, "t1", ending())
    db.hdel(keys.job(job.id), "fp", "op")
    assert await ledger.claim(job.id, "t2") is Refused.FINISHED
    assert await lay_aside(ledger, job.id) is None
    assert await lay_aside(ledger, "job_unheard_of") is None
    assert len(list(client.events(after="0", timeout=0))) == 1


async def test_a_keyed_job_of_which_nothing_is_left_but_a_tombstone_has_ended(
    client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    job = client.customer.source.create(
        customer="cus_1", source="tok_visa", idempotency_key="order-1"
    )
    await ledger.claim(job.id, "t1")
    await ledger.commit(job.id, "t1", ending())
    db.delete(keys.job(job.id))
    db.set(keys.command(job.id), "{}", px=60_000)

    assert await ledger.claim(job.id, "t2") is Refused.FINISHED
    assert await lay_aside(ledger, job.id) is None


async def test_what_is_laid_aside_can_be_seen_and_discarded_and_not_replayed(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    behind = client.customer.source.create(customer="cus_1", source="tok_visa")
    db.hdel(keys.job(job.id), "effect")

    assert await lay_aside(ledger, job.id) == behind.id
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{behind.id}"]
    assert db.lrange(keys.poison, 0, -1) == [f"j:{job.id}"]
    (item,) = client.review.list()
    assert (item.customer, item.operation, item.code) == ("cus_1", "create", CODE)
    assert item.unknown
    assert item.plan is not None
    assert item.plan.does is Does.NOTHING
    with pytest.raises(NotInReview, match="damaged"):
        client.review.replay(job.id, reason="asked")
    client.review.discard(job.id, reason="seen to")
    assert list(client.review.list()) == []


@pytest.mark.parametrize("lost", ["fp", "effect"])
@pytest.mark.parametrize("aside", [False, True])
async def test_a_damaged_job_is_still_the_job_of_its_key(
    lost: str,
    aside: bool,  # noqa: FBT001  a column of the table
    client: CustomerSources,
    ledger: Ledger,
    db: redis.Redis,
    keys: Keys,
) -> None:
    def submit() -> Job:
        return client.customer.source.create(
            customer="cus_1", source="tok_visa", idempotency_key="order-1"
        )

    job = submit()
    db.hdel(keys.job(job.id), lost)
    if aside:
        await lay_aside(ledger, job.id)

    assert submit().id == job.id
    assert aside or not db.hexists(keys.job(job.id), lost)  # no second job over it
    await lay_aside(ledger, job.id)
    assert submit().state is State.NEEDS_REVIEW
    assert len(list(client.events(after="0", timeout=0))) == 1


async def test_upkeep_lays_aside_what_it_cannot_judge_and_goes_on(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    fine = client.customer.source.create(customer="cus_2", source="tok_visa")
    as_string(db, keys.job(job.id))
    come_due(db, keys, fine.id)
    db.zadd(keys.wake("interactive"), {f"j:{job.id}": 1, "else": 1})
    await Upkeep(ledger).one_pass()

    assert job.refresh().state is State.NEEDS_REVIEW
    assert db.zrange(keys.wake("interactive"), 0, -1) == [f"j:{fine.id}"]


async def test_the_next_of_a_lane_is_woken_though_it_cannot_be_read(
    job: Job, client: CustomerSources, world: World
) -> None:
    behind = client.customer.source.create(customer="cus_1", source="tok_visa")
    last = client.customer.source.create(customer="cus_1", source="tok_visa")
    as_string(world.db, world.keys.job(behind.id))
    await world.engine.run_all([job.id])

    states = [one.refresh().state for one in (job, behind, last)]
    assert states == [State.SUCCEEDED, State.NEEDS_REVIEW, State.SUCCEEDED]


async def test_a_damaged_run_costs_no_other_its_lease(
    job: Job, client: CustomerSources, ledger: Ledger, db: redis.Redis, keys: Keys
) -> None:
    fine = client.customer.source.create(customer="cus_2", source="tok_visa")
    await ledger.claim(job.id, "t1")
    await ledger.claim(fine.id, "t2")
    expire(db, keys, fine.id)
    as_string(db, keys.job(job.id))

    assert await ledger.heartbeat([(job.id, "t1"), (fine.id, "t2")]) == ["t1"]
    assert int(db.hget(keys.job(fine.id), "lease_until")) > 1
    await ledger.hand_back([job.id, fine.id])
    assert (await ledger.take_due()).poisoned == []
    db.zadd(keys.wake("interactive"), {f"j:{job.id}": 1})
    assert (await ledger.take_due()).poisoned == [f"j:{job.id}"]
    await lay_aside(ledger, job.id)


@pytest.mark.parametrize("field", ["fp", "class", "lane"])
async def test_a_record_damaged_while_it_runs_ends_the_run_in_review(
    field: str, job: Job, world: World
) -> None:
    commit = world.ledger.commit

    async def damaged(*args: object) -> object:
        world.db.hdel(world.keys.job(job.id), field)
        with pytest.raises(Unreadable):
            await commit(*args)  # type: ignore[arg-type]
        raise Unreadable

    world.ledger.commit = damaged  # type: ignore[assignment,method-assign]
    await world.run_once(job)

    assert job.state is State.NEEDS_REVIEW
    assert [event.data["error"]["code"] for event in world.events()] == [CODE]
    assert world.changes() == ["source.created"]


async def test_a_record_that_only_the_ledger_takes_for_sound_ends_in_review(
    job: Job, world: World
) -> None:
    claim = world.ledger.claim

    async def lies(job_id: str, token: str, *, alone: bool = False) -> object:
        claimed = await claim(job_id, token, alone=alone)
        assert isinstance(claimed, Claimed)
        claimed.record["runs"] = "many"  # type: ignore[index]
        return claimed

    world.ledger.claim = lies  # type: ignore[assignment,method-assign]
    await world.run_once(job)

    assert job.state is State.NEEDS_REVIEW
    assert [event.data["error"]["code"] for event in world.events()] == [CODE]


def test_an_entry_of_the_inbox_stays_where_its_job_could_not_be_made(
    client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    db.xgroup_create(keys.inbox, "workers", id="0", mkstream=True)
    entry = db.xadd(keys.inbox, {"command": "{}"})
    db.xreadgroup("workers", "workers", {keys.inbox: ">"})
    db.set(keys.lane("broken"), "x", px=60_000)
    submit = db.register_script(scripts.load("submit"))
    job = ("job_1", "fp", "get", "none", "bulk", "broken", 0, 0, 1, 0, "{}")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        submit(args=[keys.prefix, *job, "", "", keys.inbox, "workers", entry])

    assert db.xlen(keys.inbox) == 1
    assert db.xpending(keys.inbox, "workers")["pending"] == 1
    db.delete(keys.inbox, keys.lane("broken"))
