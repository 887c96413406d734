"""Lines: who waits for a permit keeps his place, costs nothing, and is remembered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customer_sources.contract.names import BULK_QUEUE, INTERACTIVE_QUEUE, Class
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Refused, Word

SECOND = 1_000


async def test_a_job_that_would_only_wait_joins_its_line_and_rings_for_nobody(
    stopped: Stopped,
) -> None:
    await stopped.have_a_line()
    stopped.db.delete(stopped.keys.queue(INTERACTIVE_QUEUE))

    job = stopped.submit()

    assert job in stopped.line()
    assert stopped.record(job)["line"] == "1"
    assert stopped.woken_at(job) is None
    assert stopped.db.llen(stopped.keys.queue(INTERACTIVE_QUEUE)) == 0
    assert stopped.gate_opens_in() == 0


@pytest.mark.parametrize(
    "other", [{"operation": "get"}, {"priority": "bulk"}, {"account": "another"}]
)
async def test_a_line_is_of_one_account_one_operation_and_one_class(
    other: dict[str, str], stopped: Stopped
) -> None:
    await stopped.have_a_line()

    job = stopped.submit(**other)

    assert "line" not in stopped.record(job)
    assert stopped.record(job)["rings"] == "1"


@pytest.mark.parametrize(("messages", "stands"), [(99, False), (100, True)])
async def test_a_job_behind_many_messages_joins_a_line_instead(
    messages: int, stopped: Stopped, *, stands: bool
) -> None:
    queue = stopped.keys.queue(BULK_QUEUE)
    stopped.db.lpush(queue, *["a message"] * messages)

    job = stopped.submit(priority="bulk")

    assert ("line" in stopped.record(job)) == stands
    assert stopped.db.llen(queue) == 100
    assert await stopped.grant() == [job] * stands


async def test_who_was_accepted_first_goes_first_whenever_he_came(
    stopped: Stopped,
) -> None:
    first, *others = [
        stopped.submit(not_before=timedelta(seconds=5)),
        *stopped.submit_each_later(1, not_before=timedelta(seconds=4)),
        *stopped.submit_each_later(1, not_before=timedelta(seconds=3)),
    ]
    stopped.forward(5 * SECOND)
    await stopped.have_a_line()
    await stopped.upkeep()
    before = stopped.submit(not_before=timedelta(milliseconds=1))
    stopped.forward(1)
    assert await stopped.claim(before) is Refused.QUEUED
    stopped.cancel(before)
    assert await stopped.claim(first) is Refused.QUEUED

    for job in reversed(others):
        assert await stopped.claim(job) is Refused.QUEUED

    assert stopped.line(of=Class.SCHEDULED) == [first, *others]


async def test_asking_again_changes_no_place(stopped: Stopped) -> None:
    await stopped.have_a_line()
    jobs = stopped.submit_each_later(3)
    before = stopped.line()

    for job in reversed(jobs):
        assert await stopped.claim(job) is Refused.QUEUED

    assert stopped.line() == before


async def test_nobody_goes_before_those_in_line_though_there_is_room(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001)
    comes = stopped.submit()
    (waits,) = await stopped.have_a_line()
    stopped.forward(60 * SECOND)

    assert await stopped.claim(comes) is Refused.QUEUED

    assert set(stopped.line()) == {comes, waits}
    assert len(await stopped.grant()) == 1


async def test_two_operations_of_an_account_take_turns(stopped: Stopped) -> None:
    await stopped.announce(account=10, operation=10, burst=0.001)
    for operation in ("create", "delete", "get"):
        await stopped.fill(operation)
        for _ in range(30):
            stopped.submit(operation)

    served = [job for _, job in await stopped.served(3 * SECOND)]

    operations = [stopped.record(job)["op"] for job in served]
    assert len(operations) == 30
    for start in range(0, 30, 3):
        assert set(operations[start : start + 3]) == {"create", "delete", "get"}


async def test_two_accounts_with_room_for_one_job_take_turns(stopped: Stopped) -> None:
    for name in ("acme", "shop"):
        await stopped.announce(name, operation=100, burst=0.001)
        await stopped.fill(account=name)
        for _ in range(10):
            stopped.submit(account=name)
    served = []
    for _ in range(10):
        stopped.forward(100)
        served += await stopped.grant(room=1)

    accounts = [stopped.record(job)["acct"] for job in served]
    assert accounts.count("acme") == accounts.count("shop") == 5


async def test_room_for_the_urgent_is_not_given_to_others(stopped: Stopped) -> None:
    await stopped.have_a_line()
    stopped.submit()
    stopped.forward(SECOND)
    stopped.db.lpush(stopped.keys.queue(BULK_QUEUE), *["a message"] * 100)
    for operation in ("get", "delete"):
        stopped.submit(operation, priority="bulk")
        # Their share is not due: it would overrule what is kept for the urgent.
        account = stopped.keys.account("default")
        stopped.db.hset(account, f"had:{operation}:bulk", stopped.now)

    served = await stopped.grant(room=10, lower=1)

    classes = [stopped.record(job)["class"] for job in served]
    assert sorted(classes) == ["bulk", "interactive"]
    assert await stopped.grant(room=10, lower=0) == []
    stopped.forward(10)
    assert len(await stopped.grant(room=10, lower=10)) == 1


async def test_nobody_is_let_go_without_room(stopped: Stopped) -> None:
    await stopped.have_a_line()
    stopped.forward(SECOND)

    assert await stopped.grant(room=0) == []
    assert len(await stopped.grant(room=1)) == 1


async def test_a_granted_job_that_is_cancelled_is_run_by_nobody(
    stopped: Stopped,
) -> None:
    (job,) = await stopped.have_a_line()
    stopped.forward(SECOND)
    assert await stopped.grant() == [job]

    stopped.cancel(job)

    assert await stopped.claim(job) is Refused.FINISHED
    assert await stopped.grant() == []


async def test_a_deadline_ends_the_wait(stopped: Stopped) -> None:
    await stopped.have_a_line()
    job = stopped.submit(deadline=timedelta(seconds=30))
    assert stopped.woken_at(job) == 30 * SECOND
    assert len(await stopped.upkeep()) == 0

    stopped.forward(30 * SECOND)

    assert list((await stopped.upkeep()).ids[Class.INTERACTIVE]) == [job]
    claimed = await stopped.claim(job)
    assert isinstance(claimed, Claimed)
    assert claimed.leave is Word.DEADLINE
    assert job not in stopped.line()


async def test_a_job_that_comes_back_to_a_line_after_a_wait_is_let_go_from_there(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001)
    job = stopped.submit()
    await stopped.claim(job)
    await stopped.put_off(job)
    stopped.forward(60 * SECOND)
    await stopped.goes()

    assert await stopped.claim(job) is Refused.QUEUED

    assert stopped.line() == [job]
    await stopped.let_go(job)
    assert isinstance(await stopped.claim(job), Claimed)


async def test_a_gate_is_closed_when_nobody_stands_there_any_more(
    stopped: Stopped,
) -> None:
    (job,) = await stopped.have_a_line()
    stopped.cancel(job)
    assert stopped.gate_opens_in() is not None

    stopped.forward(SECOND)
    stopped.stop()
    granted = await stopped.rates.grant(1, 1)

    assert granted.again_ms is None
    assert stopped.gate_opens_in() is None
