"""An interactive job behind others in its lane hurries them: they get its class."""

from __future__ import annotations

from datetime import timedelta

from customer_sources.contract.names import Class
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Refused

SECOND = 1_000
LANE = "cus_lane"


async def test_the_head_of_a_lane_moves_to_the_urgent_line_and_keeps_its_place(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001)
    await stopped.fill(priority="bulk")
    head = stopped.submit(priority="bulk", customer=LANE)
    assert head in stopped.line(of=Class.BULK)
    stopped.forward(1)
    await stopped.fill(customer="cus_other")
    assert stopped.line() != []

    stopped.submit(customer=LANE)

    assert head not in stopped.line(of=Class.BULK)
    assert stopped.line()[0] == head
    assert stopped.record(head)["class"] == "interactive"
    assert (stopped.gate_opens_in() or 0) <= 0


async def test_all_before_it_are_hurried_one_by_one_and_none_behind_it(
    stopped: Stopped,
) -> None:
    before = [stopped.submit(priority="bulk", customer=LANE) for _ in range(3)]
    urgent = stopped.submit(customer=LANE)
    behind = stopped.submit(priority="bulk", customer=LANE)
    classes = []

    for job in (*before, urgent):
        classes.append(stopped.record(job)["class"])
        assert isinstance(await stopped.claim(job), Claimed)
        await stopped.end(job)

    assert classes == ["interactive"] * 4
    assert stopped.record(behind)["class"] == "bulk"
    assert stopped.woken_at(behind, Class.BULK) == SECOND
    assert not stopped.db.exists(stopped.keys.urgent)


async def test_the_last_urgent_one_of_a_lane_counts(stopped: Stopped) -> None:
    jobs = [
        stopped.submit(priority=of, customer=LANE)
        for of in ("bulk", "interactive", "bulk", "interactive", "bulk")
    ]
    classes = []

    for job in jobs:
        classes.append(stopped.record(job)["class"])
        await stopped.claim(job)
        await stopped.end(job)

    assert classes == [*["interactive"] * 4, "bulk"]


async def test_one_that_runs_or_waits_is_woken_among_the_urgent(
    stopped: Stopped,
) -> None:
    job = stopped.submit(priority="bulk", customer=LANE)
    await stopped.claim(job)

    stopped.submit(customer=LANE)

    assert stopped.woken_at(job) == stopped.settings.lease_ms
    assert stopped.woken_at(job, Class.BULK) is None
    await stopped.put_off(job)
    assert stopped.woken_at(job) == 60 * SECOND


async def test_one_that_was_granted_a_permit_keeps_it(stopped: Stopped) -> None:
    await stopped.announce(operation=1, burst=0.001)
    await stopped.fill(priority="bulk")
    (job,) = stopped.line(of=Class.BULK)
    stopped.forward(SECOND)
    assert await stopped.grant() == [job]

    stopped.submit(customer=stopped.record(job)["lane"].partition(":")[2])

    assert stopped.woken_at(job) == 5 * SECOND
    assert isinstance(await stopped.claim(job), Claimed)


async def test_one_that_comes_on_its_date_hurries_nobody(stopped: Stopped) -> None:
    head = stopped.submit(priority="bulk", customer=LANE)
    dated = stopped.submit(not_before=timedelta(seconds=1), customer=LANE)
    stopped.forward(SECOND)
    await stopped.upkeep()

    assert await stopped.claim(dated) is Refused.BEHIND
    assert stopped.record(head)["class"] == "bulk"


async def test_a_lane_is_not_hurried_for_a_job_that_was_cancelled_for_ever(
    stopped: Stopped,
) -> None:
    job = stopped.submit(priority="bulk", customer=LANE)
    urgent = stopped.submit(customer=LANE)
    stopped.cancel(urgent)
    await stopped.claim(job)
    await stopped.end(job)

    assert not stopped.db.exists(stopped.keys.urgent)
    later = [stopped.submit(priority="bulk", customer=LANE) for _ in range(2)]
    assert {stopped.record(one)["class"] for one in later} == {"bulk"}
