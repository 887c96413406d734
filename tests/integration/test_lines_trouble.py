"""A line with what does not belong there: it hurts nobody else, and nobody is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from customer_sources.contract.names import DEFAULT_ACCOUNT, Class
from tests.integration.stopped import Stopped
from worker.replies import Refused
from worker.unreadable import lay_aside

SECOND = 1_000
Harm = Callable[[Stopped, str], object]


def says(name: str, what: str | None) -> Harm:
    """Have the record say something else; None: nothing."""

    def harm(stopped: Stopped, job_id: str) -> None:
        key = stopped.keys.job(job_id)
        if what is None:
            stopped.db.hdel(key, name)
        else:
            stopped.db.hset(key, name, what)

    return harm


def is_a_string(stopped: Stopped, job_id: str) -> None:
    stopped.db.delete(stopped.keys.job(job_id))
    stopped.db.set(stopped.keys.job(job_id), "what?")


HARMS: dict[str, Harm] = {
    "no state": says("state", None),
    "another state": says("state", "what?"),
    "no class": says("class", None),
    "another class": says("class", "what?"),
    "no operation": says("op", None),
    "a line that is none": says("line", "what?"),
    "a place in line that is none": says("at", "what?"),
    "no line": says("line", None),
    "another lane": says("lane", "default:cus_else"),
    "another account": says("acct", "what?"),
    "a permit that is none": says("permit", "what?"),
    "no record": lambda stopped, job: stopped.db.delete(stopped.keys.job(job)),
    "another type": is_a_string,
}


async def test_what_has_ended_or_never_was_is_taken_out_of_a_line(
    stopped: Stopped,
) -> None:
    waits = await _one_in_line(stopped)
    ended = stopped.submit("get")
    await stopped.claim(ended)
    await stopped.end(ended)
    line = stopped.keys.line(DEFAULT_ACCOUNT, "create", Class.INTERACTIVE)
    stopped.db.zadd(line, {ended: 1, "never-was": 2, "": 3})
    stopped.forward(SECOND)

    assert await stopped.grant() == [waits]

    assert stopped.line() == []
    assert len(await stopped.upkeep()) == 0


async def test_a_line_full_of_what_is_gone_is_cleared_bit_by_bit(
    stopped: Stopped,
) -> None:
    waits = await _one_in_line(stopped)
    line = stopped.keys.line(DEFAULT_ACCOUNT, "create", Class.INTERACTIVE)
    stopped.db.zadd(line, {f"gone-{n}": n for n in range(250)})
    stopped.forward(SECOND)

    granted = [await stopped.grant() for _ in range(3)]

    assert granted == [[], [], [waits]]


@pytest.mark.parametrize("harm", HARMS)
async def test_a_damaged_job_in_line_is_found_and_delays_nobody(
    harm: str, stopped: Stopped
) -> None:
    damaged = await _one_in_line(stopped)
    waits = stopped.submit("create")
    stopped.db.zadd(
        stopped.keys.line(DEFAULT_ACCOUNT, "create", Class.INTERACTIVE), {damaged: 1}
    )
    HARMS[harm](stopped, damaged)
    named: set[str] = set()

    for _ in range(4):
        stopped.forward(SECOND)
        named |= {*await stopped.grant()}
        taken = await stopped.upkeep()
        named |= {one.removeprefix("j:") for one in taken.poisoned}
        named.update(*taken.ids.values())

    assert {damaged, waits} <= named
    if await stopped.claim(damaged) is Refused.UNREADABLE:
        assert await lay_aside(stopped.ledger, damaged) == ""
    assert stopped.record(damaged)["state"] in {"running", "needs_review"}
    assert damaged not in stopped.line()


async def test_a_key_of_another_type_closes_its_own_gate_and_no_other(
    stopped: Stopped,
) -> None:
    in_line = [await _one_in_line(stopped, name) for name in ("acme", "shop")]
    broken = stopped.keys.line("acme", "create", Class.INTERACTIVE)
    stopped.db.delete(broken)
    stopped.db.set(broken, "what?")
    stopped.forward(SECOND)

    assert await stopped.grant() == in_line[1:]

    assert stopped.gate_opens_in(name="acme") == 30 * SECOND
    assert stopped.db.lrange(stopped.keys.poison, 0, -1) == ["acme|create"]
    stopped.db.delete(broken)
    stopped.db.zadd(broken, {in_line[0]: 1})
    stopped.forward(30 * SECOND)
    assert await stopped.grant() == in_line[:1]


async def test_what_is_no_gate_is_taken_away(stopped: Stopped) -> None:
    waits = await _one_in_line(stopped)
    stopped.db.zadd(stopped.keys.gates, {"": 0, "what?": 0, "|": 0, "a|": 0, "|b": 0})
    stopped.forward(SECOND)

    assert await stopped.grant() == [waits]
    stopped.forward(60 * SECOND)
    assert await stopped.grant() == []
    assert stopped.db.zrange(stopped.keys.gates, 0, -1) == []


@pytest.mark.parametrize("how", ["heartbeat", "defer", "commit"])
async def test_a_run_that_was_late_takes_its_job_out_of_the_line_again(
    how: str, stopped: Stopped
) -> None:
    """Its lease had run out, somebody else asked for the job, and had to wait."""
    await stopped.announce(operation=1, burst=0.001)
    job = stopped.submit()
    await stopped.claim(job)
    stopped.forward(stopped.settings.lease_ms)
    await stopped.upkeep()
    await stopped.fill()
    assert await stopped.claim(job, "another") is Refused.QUEUED
    assert job in stopped.line()

    if how == "heartbeat":
        stopped.stop()
        assert await stopped.ledger.heartbeat([(job, f"run of {job}")]) == []
    elif how == "defer":
        await stopped.put_off(job)
    else:
        await stopped.end(job)

    assert job not in stopped.line()
    assert "line" not in stopped.record(job)
    assert (stopped.woken_at(job) is None) == (how == "commit")


async def test_a_late_run_of_a_job_that_was_granted_a_permit_goes_on(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=1, burst=0.001)
    job = stopped.submit()
    await stopped.claim(job)
    stopped.forward(stopped.settings.lease_ms)
    await stopped.upkeep()
    await stopped.fill()
    assert await stopped.claim(job, "another") is Refused.QUEUED
    stopped.forward(SECOND)
    assert await stopped.grant() == [job]

    stopped.stop()
    assert await stopped.ledger.heartbeat([(job, f"run of {job}")]) == []

    assert await stopped.claim(job, "another") is Refused.BUSY
    await stopped.end(job)


async def _one_in_line(stopped: Stopped, name: str = DEFAULT_ACCOUNT) -> str:
    """Have an account send one create a second, and one job wait for that."""
    await stopped.announce(name, operation=1, burst=0.001)
    await stopped.fill(account=name)
    (job,) = stopped.line(name=name)
    return job
