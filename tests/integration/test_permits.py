"""Permits: an account and each of its operations send as fast as they may, no faster.

Counted to the millisecond, at a clock that stands still unless it is moved.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from customer_sources.contract.names import Class
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Leave, Refused, Word

SECOND = 1_000
DAY = 86_400_000


async def test_an_operation_sends_at_its_rate_and_makes_up_for_a_short_pause(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=10, burst=0.2)
    jobs = stopped.submit_each_later(40)
    first = [job for job in jobs if isinstance(await stopped.claim(job), Claimed)]

    served = await stopped.served(2 * SECOND)

    assert first == jobs[:3]  # one, and what 0.2 s would have let through
    assert [when for when, _ in served] == list(range(100, 2_100, 100))
    assert [job for _, job in served] == jobs[3:23]


async def test_the_operations_of_an_account_share_its_rate(stopped: Stopped) -> None:
    await stopped.announce(account=10, operation=8, burst=0.001)
    for operation in ("create", "delete", "get"):
        assert await stopped.fill(operation) <= 1
        for _ in range(20):
            stopped.submit(operation)

    served = await stopped.served(2 * SECOND)

    assert len(served) == 20
    assert min(b - a for (a, _), (b, _) in itertools.pairwise(served)) >= 99


async def test_an_operation_may_have_a_rate_of_its_own(stopped: Stopped) -> None:
    await stopped.announce(operation=10, verify=2, burst=0.001)
    for operation in ("verify", "create"):
        await stopped.fill(operation)
    for _ in range(30):
        stopped.submit("verify")
        stopped.submit("create")

    served = await stopped.served(2 * SECOND)

    ops = Counter(stopped.record(job)["op"] for _, job in served)
    assert ops == {"create": 20, "verify": 4}


async def test_accounts_do_not_delay_one_another(stopped: Stopped) -> None:
    await stopped.announce("slow", operation=1, burst=0.001)
    await stopped.announce("fast", operation=20, burst=0.001)
    for name in ("slow", "fast"):
        await stopped.fill(account=name)
    for _ in range(30):
        stopped.submit(account="slow")
        stopped.submit(account="fast")

    served = await stopped.served(SECOND)

    whose = Counter(stopped.record(job)["acct"] for _, job in served)
    assert whose == {"fast": 20, "slow": 1}
    assert await stopped.goes(account="nobody-announced-this")


async def test_a_pause_is_made_up_for_by_the_burst_and_no_more(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=10, burst=0.5)
    await stopped.fill()
    stopped.forward(3_600_000)
    in_line = await stopped.grant()

    assert len(in_line) + await stopped.fill() == 1 + 5


async def test_a_late_look_lets_nobody_go_twice_as_often(stopped: Stopped) -> None:
    """A gate that is looked at now and then uses the rate in full, never more."""
    await stopped.announce(operation=20, burst=0.2)
    await stopped.fill()
    for _ in range(60):
        stopped.submit()

    served = await stopped.served(2 * SECOND, step=180)

    assert 39 <= len(served) <= 44
    assert max(_in_any(SECOND, [when for when, _ in served])) <= 20 + 4 + 1


async def test_the_more_urgent_may_run_further_ahead(stopped: Stopped) -> None:
    await stopped.announce(operation=10, burst=0.2)

    assert await stopped.fill(priority="bulk") == 2
    assert await stopped.fill() == 1


async def test_the_more_urgent_go_first(stopped: Stopped) -> None:
    await stopped.announce(operation=10, burst=0.4)
    dated = [stopped.submit(not_before=timedelta(seconds=1)) for _ in range(3)]
    stopped.forward(SECOND)
    await stopped.upkeep()
    assert isinstance(await stopped.claim(dated.pop()), Claimed)
    await stopped.fill(priority="bulk")
    await stopped.fill()
    for job in dated:
        assert await stopped.claim(job) is Refused.QUEUED
    for of in (Class.BULK, Class.INTERACTIVE):
        stopped.submit(priority=of)

    # No lower class is due its share before a second has passed.
    served = [job for _, job in await stopped.served(900, step=5)]

    classes = [stopped.record(job)["class"] for job in served]
    assert classes == [
        *["interactive"] * 2,
        *["scheduled"] * 2,
        *["bulk"] * 2,
    ]


async def test_one_in_ten_is_for_each_lower_class_however_many_are_urgent(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=50, burst=0.1)
    dated = [stopped.submit(not_before=timedelta(seconds=1)) for _ in range(30)]
    stopped.forward(SECOND)
    await stopped.upkeep()
    for of in ("interactive", "bulk"):
        await stopped.fill(priority=of)
    for job in dated:
        await stopped.claim(job)
    for _ in range(200):
        stopped.submit()
    for _ in range(30):
        stopped.submit(priority="bulk")

    served = [job for _, job in await stopped.served(4 * SECOND, step=4)]

    got = Counter(stopped.record(job)["class"] for job in served)
    assert 198 <= len(served) <= 200 + 5
    assert 19 <= got["bulk"] <= 21
    assert 19 <= got["scheduled"] <= 21


async def test_what_is_in_flight_is_bounded_and_the_last_places_are_for_the_urgent(
    stopped: Stopped,
) -> None:
    await stopped.announce(in_flight=4)

    assert await stopped.fill(priority="bulk") == 3
    assert await stopped.fill() == 1
    assert await stopped.goes(account="another")


@pytest.mark.parametrize("how", ["ends", "is put off", "dies", "is never heard of"])
async def test_room_is_looked_for_at_once_when_a_run(
    how: str, stopped: Stopped
) -> None:
    await stopped.announce(in_flight=1)
    job, waits = stopped.submit(), stopped.submit()
    await stopped.claim(job)
    assert await stopped.claim(waits) is Refused.QUEUED
    assert await stopped.grant() == []
    assert stopped.gate_opens_in() == 50

    if how == "ends":
        await stopped.end(job)
    elif how == "is put off":
        await stopped.put_off(job)
    elif how == "dies":
        stopped.forward(8_000)
        await stopped.upkeep()
    else:
        stopped.forward(stopped.settings.flight_ms)

    assert (stopped.gate_opens_in() or 0) <= 0
    assert await stopped.grant() == [waits]


async def test_a_permit_that_was_granted_is_good_for_three_seconds(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001, in_flight=1)
    job, waits = stopped.submit(), stopped.submit()
    await stopped.claim(job)
    await stopped.claim(waits)
    await stopped.end(job)
    stopped.forward(SECOND)
    assert await stopped.grant() == [waits]

    stopped.forward(2_999)

    claimed = await stopped.claim(waits)
    assert isinstance(claimed, Claimed)
    assert claimed.leave is Word.GO
    assert stopped.known()["sent"] == "2"


async def test_whoever_comes_later_asks_again_and_has_his_old_place(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=0.2, burst=0.001)
    await stopped.claim(stopped.submit())
    late, next_one = stopped.submit_each_later(2)
    for job in (late, next_one):
        assert await stopped.claim(job) is Refused.QUEUED
    stopped.forward(5_000)
    assert await stopped.grant() == [late]

    stopped.forward(3_000)

    assert await stopped.claim(late) is Refused.QUEUED
    assert stopped.line() == [late, next_one]


async def test_a_granted_job_that_nobody_claims_is_looked_at_again(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1)
    await stopped.fill()
    stopped.forward(SECOND)
    (job,) = await stopped.grant()

    stopped.forward(5_000)

    assert list((await stopped.upkeep()).ids[Class.INTERACTIVE]).count(job) == 1
    assert isinstance(await stopped.claim(job), Claimed)


async def test_every_further_request_of_a_run_needs_a_permit(stopped: Stopped) -> None:
    await stopped.announce(operation=1, burst=0.001)
    job = stopped.submit()
    await stopped.claim(job)

    assert await stopped.send(job) == Leave(Word.GO, 999)
    assert int(stopped.record(job)["last_sent"]) == stopped.now + 999
    assert await stopped.send(job) == Leave(Word.GO, 1_999)
    assert await stopped.send(job) == Leave(Word.WAIT, 2_999)
    assert stopped.known()["sent"] == "3"


async def test_reads_are_counted_by_the_day_for_a_month(stopped: Stopped) -> None:
    await stopped.announce()
    day = stopped.now // DAY
    for operation in ("get", "list", "create"):
        assert await stopped.goes(operation)
    job = stopped.submit("delete")
    await stopped.claim(job)
    await stopped.send(job, read="get")
    await stopped.send(job, read="token")

    assert _reads(stopped) == {day: 4}
    stopped.forward(DAY)
    assert await stopped.goes("get")
    assert _reads(stopped) == {day: 4, day + 1: 1}
    stopped.forward(30 * DAY)
    assert await stopped.goes("get")
    assert _reads(stopped) == {day + 1: 1, day + 31: 1}


def _reads(stopped: Stopped) -> dict[int, int]:
    return {
        int(name.removeprefix("reads:")): int(count)
        for name, count in stopped.known().items()
        if name.startswith("reads:")
    }


def _in_any(ms: int, moments: Sequence[int]) -> Iterator[int]:
    """Count what falls into each stretch of time of this length."""
    for start in moments:
        yield sum(start <= when < start + ms for when in moments)
