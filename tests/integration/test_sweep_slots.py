"""Sweeps that come by themselves: one a slot, by whoever is first, to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import redis

from customer_sources.contract.names import Keys
from tasks.sweeps import LOOK_SECONDS, Sweeps
from tests.integration.undecided import HOUR, Undecided, settings, undecided
from worker.slots import Every, Rule
from worker.sweeping import Step

__all__ = ["settings", "undecided"]  # fixtures, borrowed

RULE = Every(timedelta(hours=6))
OTHER = Every(timedelta(hours=1))
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
SIX = timedelta(hours=6)


async def begin(undecided: Undecided, now: datetime, rule: Rule = RULE) -> str | None:
    undecided.stopped.stop()
    return await undecided.sweeping.begin_slot(rule, now)


async def ends(undecided: Undecided, sweep_id: str | None) -> None:
    """See a sweep through that has few jobs."""
    assert sweep_id is not None
    assert await undecided.step(sweep_id) is Step.OVER
    swept = await undecided.sweeping.read(sweep_id)
    assert swept is not None
    assert await undecided.sweeping.tell(swept)


async def test_a_rule_that_is_new_begins_with_its_next_slot(
    undecided: Undecided,
) -> None:
    assert await begin(undecided, NOON + timedelta(hours=3)) is None
    assert await begin(undecided, NOON + timedelta(hours=5, minutes=59)) is None
    assert await begin(undecided, NOON + SIX) is not None


async def test_a_slot_has_one_sweep(undecided: Undecided) -> None:
    await begin(undecided, NOON)
    await ends(undecided, await begin(undecided, NOON + SIX))

    assert await begin(undecided, NOON + SIX) is None
    assert await begin(undecided, NOON + SIX + timedelta(hours=5)) is None
    (event,) = undecided.told()
    assert (event["data"]["by"], event["data"]["slot"]) == (
        "schedule",
        "2026-03-08T18:00:00.000Z",
    )


async def test_all_that_find_it_go_on_with_the_same_one(undecided: Undecided) -> None:
    await begin(undecided, NOON)
    found = {await begin(undecided, NOON + SIX) for _ in range(3)}
    by_hand, joined = await undecided.sweeping.begin_by_hand()

    assert (found, joined) == ({by_hand}, True)
    await ends(undecided, by_hand)


async def test_an_outage_of_many_slots_is_made_up_for_by_one_sweep(
    undecided: Undecided,
) -> None:
    await begin(undecided, NOON)
    await ends(undecided, await begin(undecided, NOON + 40 * SIX))

    assert await begin(undecided, NOON + 40 * SIX) is None
    assert len(undecided.told()) == 1
    await ends(undecided, await begin(undecided, NOON + 41 * SIX))


async def test_a_clock_that_is_behind_begins_no_slot_again(
    undecided: Undecided,
) -> None:
    await begin(undecided, NOON)
    await ends(undecided, await begin(undecided, NOON + SIX))

    assert await begin(undecided, NOON) is None
    assert await begin(undecided, NOON + SIX) is None


async def test_a_rule_that_was_changed_begins_with_its_next_slot(
    undecided: Undecided,
) -> None:
    await begin(undecided, NOON)
    later = NOON + timedelta(hours=2)

    assert await begin(undecided, later, OTHER) is None
    await ends(undecided, await begin(undecided, later + timedelta(hours=1), OTHER))
    await ends(undecided, await begin(undecided, NOON + SIX))


async def test_a_slot_that_comes_during_a_sweep_has_its_own_after_it(
    undecided: Undecided,
) -> None:
    await begin(undecided, NOON)
    by_hand, _ = await undecided.sweeping.begin_by_hand()
    assert await begin(undecided, NOON + SIX) == by_hand
    await ends(undecided, by_hand)

    scheduled = await begin(undecided, NOON + SIX)
    assert scheduled != by_hand
    await ends(undecided, scheduled)


async def test_a_sweep_whose_end_nobody_told_is_still_to_be_gone_on_with(
    undecided: Undecided,
) -> None:
    await begin(undecided, NOON)
    sweep_id = await begin(undecided, NOON + SIX)
    assert sweep_id is not None
    assert await undecided.step(sweep_id) is Step.OVER

    assert await begin(undecided, NOON + 2 * SIX) == sweep_id
    assert (await undecided.sweeping.look())[1] == sweep_id
    await ends(undecided, sweep_id)
    assert (await undecided.sweeping.look())[1] is None


def worker(undecided: Undecided, rule: Rule | None = RULE) -> Sweeps:
    """A worker's loop, for which enough time passes between two passes to look."""
    ticks = count(step=round(LOOK_SECONDS) + 1)
    return Sweeps(undecided.sweeping, rule, clock=lambda: float(next(ticks)))


def let_slot_pass(db: redis.Redis, keys: Keys) -> None:
    """Let the last slot lie further back, as time would."""
    db.zincrby(keys.sweep_slots, -6 * HOUR, str(RULE))


async def test_workers_sweep_when_a_slot_has_come(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    job_id = await undecided.job()
    workers = [worker(undecided) for _ in range(3)]

    async def all_pass(times: int) -> None:
        for _ in range(times):
            for one in workers:
                undecided.stopped.stop()
                assert not await one.one_pass(), "the store has others to serve"

    await all_pass(3)
    assert (undecided.told(), undecided.woken_in(job_id)) == ([], HOUR)
    for told in (1, 2):
        let_slot_pass(db, keys)
        await all_pass(3)
        assert len(undecided.told()) == told
    assert undecided.woken_in(job_id) < HOUR


async def test_a_sweep_that_is_damaged_is_not_hurried_and_holds_up_no_other(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    now = 0.0
    idle = Sweeps(undecided.sweeping, None, clock=lambda: now)
    await undecided.sweeping.begin_by_hand()
    db.hset(keys.sweep, "considered", "odd")
    with pytest.raises(redis.ResponseError):
        await idle.one_pass()
    await idle.one_pass()  # nothing, until it is time to look again

    now = LOOK_SECONDS
    db.hset(keys.sweep, "state", "odd")
    with pytest.raises(KeyError):
        await idle.one_pass()
    by_hand, joined = await undecided.sweeping.begin_by_hand()
    assert not joined
    await ends(undecided, by_hand)


async def test_workers_without_a_rule_only_go_on_with_what_was_begun(
    undecided: Undecided,
) -> None:
    await undecided.job()
    idle = worker(undecided, None)
    await idle.one_pass()
    assert undecided.told() == []

    await undecided.sweeping.begin_by_hand()  # and its terminal is closed
    await idle.one_pass()
    assert [event["data"]["considered"] for event in undecided.told()] == [1]


async def test_a_worker_looks_every_two_seconds_where_there_is_nothing_to_do(
    undecided: Undecided,
) -> None:
    now = 0.0
    idle = Sweeps(undecided.sweeping, None, clock=lambda: now)
    await idle.one_pass()
    await undecided.sweeping.begin_by_hand()

    now = LOOK_SECONDS - 0.1
    await idle.one_pass()
    assert undecided.told() == []
    now = LOOK_SECONDS
    await idle.one_pass()
    assert len(undecided.told()) == 1
