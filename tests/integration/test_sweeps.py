"""What a sweep puts forward, what it passes over, and that it is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from customer_sources.contract.names import Class, Keys
from tests.builders import expire
from tests.integration.test_ledger_damaged import as_string
from tests.integration.undecided import (
    HOUR,
    TOKEN,
    Undecided,
    added_up,
    settings,
    undecided,
)
from worker import scripting
from worker.replies import Claimed, Refused
from worker.sweeping import SCRIPTS, Step

__all__ = ["settings", "undecided"]  # fixtures, borrowed


async def test_what_waits_for_its_next_try_is_put_forward(undecided: Undecided) -> None:
    job_id = await undecided.job()
    assert undecided.woken_in(job_id) == HOUR

    assert await undecided.sweep() == {"put_forward": 1}

    assert undecided.woken_in(job_id) == 0
    told = undecided.stopped.client.history(job_id)[-1]
    assert (told.what, told.at) == ("put_forward", undecided.stopped.now)
    taken = await undecided.stopped.upkeep()
    assert taken.ids[Class.INTERACTIVE] == [job_id]
    assert isinstance(await undecided.stopped.claim(job_id), Claimed)


async def test_nothing_but_undecided_verifications_is_considered(
    undecided: Undecided,
) -> None:
    undecided.stopped.submit("verify")
    undecided.stopped.submit("verify", not_before=timedelta(hours=2))
    await undecided.claimed()
    for operation in ("create", "get", "list", "update", "delete"):
        await undecided.job(operation)

    assert await undecided.sweep() == {"put_forward": 0}


async def test_what_runs_is_passed_over_and_stays_undecided(
    undecided: Undecided,
) -> None:
    job_id = await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(job_id, TOKEN)

    assert await undecided.sweep() == {"put_forward": 0, "running": 1}
    assert undecided.stopped.record(job_id)["state"] == "running"

    await undecided.put_off(job_id)
    assert await undecided.sweep() == {"put_forward": 1}


async def test_what_stands_in_line_keeps_its_place(undecided: Undecided) -> None:
    job_id = await undecided.job()
    await undecided.stopped.announce(operation=1, burst=0.001)
    undecided.stopped.forward(HOUR)
    await undecided.claimed()  # takes the one permit there is
    assert await undecided.stopped.claim(job_id) is Refused.QUEUED

    assert await undecided.sweep() == {"put_forward": 0, "in_line": 1}
    assert undecided.stopped.line("verify") == [job_id]


async def test_what_may_still_be_done_is_left_in_its_quiet_time(
    undecided: Undecided,
) -> None:
    job_id = await undecided.claimed()
    await undecided.put_off(job_id, quiet_ms=60_000)

    assert await undecided.sweep() == {"put_forward": 0, "quiet": 1}
    assert undecided.woken_in(job_id) == HOUR

    undecided.stopped.forward(60_000)
    assert await undecided.sweep() == {"put_forward": 1}


async def test_what_is_due_by_itself_is_left_alone(undecided: Undecided) -> None:
    due, rung = await undecided.job(), await undecided.job()
    undecided.stopped.forward(HOUR)
    undecided.stopped.db.zrem(undecided.keys.wake("interactive"), f"j:{due}")
    await undecided.stopped.upkeep()
    undecided.stopped.db.zadd(undecided.keys.wake("interactive"), {f"j:{due}": 1})
    states = [undecided.stopped.record(job)["state"] for job in (due, rung)]
    assert states == ["waiting", "queued"]

    assert await undecided.sweep() == {"put_forward": 0, "due": 2}


async def test_what_is_to_begin_later_is_not_hurried(undecided: Undecided) -> None:
    job_id = await undecided.job()
    undecided.stopped.db.hset(undecided.keys.job(job_id), "outside", 1)

    assert await undecided.sweep() == {"put_forward": 0, "scheduled": 1}
    undecided.stopped.db.hdel(undecided.keys.job(job_id), "outside")


async def test_what_has_ended_unnoticed_is_dropped(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    job_id = await undecided.job()
    undecided.stopped.cancel(job_id)
    # As a worker of an older release leaves it.
    db.zadd(keys.undecided, {job_id: 1, "job_gone": 0.5})

    assert await undecided.sweep() == {"put_forward": 0, "ended": 2}
    assert undecided.waiting() == []


async def test_damaged_records_stop_no_sweep(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    jobs = [await undecided.job() for _ in range(4)]
    as_string(db, keys.job(jobs[0]))
    db.delete(keys.job(jobs[1]))  # its command is still there
    db.hset(keys.job(jobs[2]), "class", "odd")

    assert await undecided.sweep() == {"put_forward": 1, "unreadable": 3}
    assert undecided.woken_in(jobs[3]) == 0
    for name in (keys.job, keys.command, keys.log):
        db.delete(*map(name, jobs))
    db.delete(keys.undecided, *(keys.lane(f"default:cus_{n}") for n in range(1, 5)))


async def test_who_comes_while_a_sweep_goes_on_is_not_of_it(
    undecided: Undecided,
) -> None:
    await undecided.job()
    sweep_id, _ = await undecided.sweeping.begin_by_hand()
    late = await undecided.job()
    assert await undecided.step(sweep_id) is Step.OVER

    swept = await undecided.sweeping.read(sweep_id)
    assert swept is not None
    assert swept.counts["considered"] == 1
    assert undecided.woken_in(late) == HOUR


async def test_a_dry_run_says_what_a_sweep_would_do_and_does_nothing(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    jobs = [await undecided.job(), await undecided.claimed()]
    await undecided.put_off(jobs[1], quiet_ms=60_000)
    places = keys.undecided, *map(keys.job, jobs), keys.wake("interactive")
    before = [db.dump(place) for place in places]
    undecided.stopped.stop()

    counts = added_up(await undecided.sweeping.dry_run())

    assert counts == {"put_forward": 1, "quiet": 1}
    assert [db.dump(place) for place in places] == before
    assert not db.exists(keys.sweep)
    assert await undecided.sweep() == counts


async def test_a_sweep_is_told_once_with_its_counts(undecided: Undecided) -> None:
    await undecided.job()
    sweep_id, joined = await undecided.sweeping.begin_by_hand()
    assert not joined
    assert await undecided.step(sweep_id) is Step.OVER
    swept = await undecided.sweeping.read(sweep_id)
    assert swept is not None

    assert [await undecided.sweeping.tell(swept) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    (event,) = undecided.told()
    assert (event["id"], event["subject"]) == (f"{sweep_id}:swept", sweep_id)
    data = event["data"]
    assert (data["state"], data["by"], "slot" in data) == ("swept", "hand", False)
    assert added_up(data) == {"put_forward": 1}
    at = datetime.fromisoformat(event["time"])
    assert at == datetime.fromtimestamp(undecided.stopped.now / 1000, UTC)


async def test_calls_that_are_repeated_change_nothing_more(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    scripts = scripting.register(db, SCRIPTS)

    def twice(name: str, *args: Any) -> list[Any]:
        undecided.stopped.stop()
        said = [keys.prefix, *args]
        return [scripts[name](args=said) for _ in range(2)]

    job_id = await undecided.job()

    assert twice("sweep_begin", "sweep_1", "", 0) == [["LIVE", "sweep_1"]] * 2
    assert twice("sweep_step", "sweep_1", 500) == [["OVER"]] * 2
    assert db.hget(keys.sweep, "considered") == "1"
    stories = [line.what for line in undecided.stopped.client.history(job_id)]
    assert stories.count("put_forward") == 1
    assert twice("sweep_tell", "sweep_1", b"{}", 10) == [["TOLD"], ["STALE"]]
    assert twice("sweep_begin", "sweep_1", "", 0) == [["LIVE", "sweep_1"]] * 2
    assert twice("sweep_step", "sweep_1", 500) == [["OVER"]] * 2
    assert db.hget(keys.sweep, "state") == "told", "it did not begin or end again"
    assert twice("sweep_step", "sweep_other", 500) == [["STALE"]] * 2
    assert twice("sweep_tell", "sweep_other", b"{}", 10) == [["STALE"]] * 2


async def test_a_page_that_is_full_is_not_taken_for_the_last(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    step = scripting.register(db, ["sweep_step"])["sweep_step"]
    for _ in range(4):
        await undecided.job()
    sweep_id, _ = await undecided.sweeping.begin_by_hand()

    answers = [step(args=[keys.prefix, sweep_id, 2])[0] for _ in range(4)]
    assert answers == ["STEPPED", "STEPPED", "OVER", "OVER"]
    assert db.hget(keys.sweep, "considered") == "4"


async def test_a_crash_of_the_next_run_leaves_it_undecided(
    undecided: Undecided, db: redis.Redis, keys: Keys
) -> None:
    job_id = await undecided.job()
    undecided.stopped.forward(HOUR)
    await undecided.stopped.claim(job_id, TOKEN)
    expire(db, keys, job_id)
    await undecided.stopped.upkeep()

    assert undecided.waiting() == [job_id]
    assert await undecided.sweep() == {"put_forward": 0, "due": 1}
