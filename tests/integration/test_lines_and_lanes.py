"""Lanes and lines: of each lane the head alone may wait for a permit."""

from __future__ import annotations

from itertools import pairwise

from customer_sources.contract.names import Class
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Refused


async def test_a_lane_of_a_thousand_jobs_has_one_in_line(stopped: Stopped) -> None:
    await stopped.announce(operation=1)
    await stopped.fill(priority="bulk")
    stopped.client.submit_many(
        {
            "operation": "create",
            "customer": "cus_lane",
            "source": "tok_visa",
            "priority": "bulk",
        }
        for _ in range(1_000)
    )
    members = stopped.db.zrange(stopped.keys.lane("default:cus_lane"), 0, -1)
    lane = [str(one) for one in members]

    for job, following in pairwise(lane[:4]):
        in_line = [one for one in stopped.line(of=Class.BULK) if one in set(lane)]
        assert in_line == [job]
        await stopped.let_go(job)
        assert await stopped.claim(lane[3]) is Refused.BEHIND
        assert isinstance(await stopped.claim(job), Claimed)
        await stopped.fill(priority="bulk")
        await stopped.end(job)
        assert following in stopped.line(of=Class.BULK), "what a claim would come to"
        assert stopped.woken_at(following, Class.BULK) is None


async def test_a_cancelled_job_leaves_its_line_to_the_next_of_its_lane(
    stopped: Stopped,
) -> None:
    await stopped.have_a_line()
    first = stopped.submit(customer="cus_lane")
    second = stopped.submit(customer="cus_lane")
    assert first in stopped.line()
    assert stopped.woken_at(second) is None

    stopped.cancel(first)

    assert first not in stopped.line()
    assert second in stopped.line()
    assert stopped.woken_at(second) is None


async def test_a_cancelled_job_puts_nobody_in_line_who_is_on_his_way(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001)
    runs = stopped.submit(customer="cus_runs")
    await stopped.claim(runs)
    await stopped.fill()
    granted = stopped.submit(customer="cus_granted")
    await stopped.let_go(granted)
    await stopped.fill()

    for customer in ("cus_runs", "cus_granted"):
        stopped.cancel(stopped.submit(customer=customer))

    for job in (runs, granted):
        assert job not in stopped.line()
        assert stopped.woken_at(job) is not None
    assert isinstance(await stopped.claim(granted), Claimed)


async def test_the_next_of_a_lane_joins_a_line_that_is_there(stopped: Stopped) -> None:
    await stopped.announce(operation=1, burst=0.001)
    runs = stopped.submit(customer="cus_lane")
    following = stopped.submit(customer="cus_lane")
    await stopped.claim(runs)
    await stopped.fill()

    await stopped.end(runs)

    assert following in stopped.line()
    assert stopped.woken_at(following) is None
