"""How limiters are known to fail, each held against ours."""

from __future__ import annotations

from customer_sources.contract.names import DEFAULT_ACCOUNT, Class
from tests.integration.stopped import Stopped
from worker.replies import Claimed, Refused, Word

SECOND = 1_000
MINUTE = 60 * SECOND
STRIPE = 25.0


async def test_throughput_is_not_halved_by_a_bound_that_equals_the_capacity(
    stopped: Stopped,
) -> None:
    """Each place that becomes free is given to the next at once, not at a next look."""
    await stopped.announce(in_flight=4)
    first = [stopped.submit() for _ in range(4)]
    waiting = stopped.submit_each_later(8)
    for job in first:
        assert isinstance(await stopped.claim(job), Claimed)
    for job in waiting:
        assert await stopped.claim(job) is Refused.QUEUED
    assert await stopped.grant(room=64) == []

    for ended, following in zip(first, waiting, strict=False):
        await stopped.end(ended)
        assert await stopped.grant(room=64) == [following]


async def test_throughput_is_not_halved_by_a_rate_that_equals_the_servers(
    stopped: Stopped,
) -> None:
    """Ours never sends more than a bucket of the same rate has; so none is refused."""
    await stopped.announce(operation=STRIPE, burst=0.2)
    await stopped.fill()
    stopped.submit_each_later(300)
    tokens, before = STRIPE - 6, 0

    for ms, _ in await stopped.served(10 * SECOND, step=10):
        tokens = min(STRIPE, tokens + (ms - before) * STRIPE / SECOND) - 1
        before = ms
        assert tokens >= 0, f"one too many after {ms} ms"

    assert len(stopped.line()) <= 300 - 10 * STRIPE, "all of the rate was used"


async def test_a_permit_is_for_a_request_and_not_for_a_claim(stopped: Stopped) -> None:
    await stopped.announce()
    job = stopped.submit()
    assert isinstance(await stopped.claim(job, "t1"), Claimed)
    for _ in range(2):
        leave = await stopped.ledger.send(job, "t1", unknown=False)
        assert leave.word is Word.GO
    assert int(stopped.known()["sent"]) == 3, "each try was charged"

    cancelled = stopped.submit()
    stopped.db.hset(stopped.keys.job(cancelled), "ask", 1)
    claimed = await stopped.claim(cancelled)
    assert isinstance(claimed, Claimed)
    assert claimed.leave is Word.CANCEL
    assert await stopped.claim(job) is Refused.BUSY
    assert int(stopped.known()["sent"]) == 3, "what sends nothing was not"


async def test_priority_is_not_lost_while_limited(stopped: Stopped) -> None:
    await stopped.announce(operation=1, burst=0.001)
    await stopped.fill(priority="bulk")
    early = stopped.submit_each_later(50, priority="bulk")
    late = stopped.submit_each_later(3)
    for job in late:
        await stopped.claim(job)

    stopped.forward(SECOND)
    assert await stopped.grant(room=64) == [late[0]]
    assert set(early) <= set(stopped.line(of=Class.BULK))


async def test_one_limited_key_starves_no_other(stopped: Stopped) -> None:
    await stopped.announce(DEFAULT_ACCOUNT, operation=1, burst=0.001)
    await stopped.announce("other")
    await stopped.fill()
    stopped.submit_each_later(500)

    for _ in range(50):
        job = stopped.submit(account="other")
        claimed = await stopped.claim(job)
        assert isinstance(claimed, Claimed), "nobody stands before it"
        assert claimed.leave is Word.GO


async def test_places_in_flight_that_are_scarcer_than_permits_are_shared_too(
    stopped: Stopped,
) -> None:
    """The urgent take nearly all of them, and never all."""
    await stopped.announce(in_flight=4)
    running = [stopped.submit() for _ in range(4)]
    for job in running:
        await stopped.claim(job)
    bulk = stopped.submit_each_later(5, priority="bulk")
    urgent = stopped.submit_each_later(60)
    for job in (*bulk, *urgent):
        assert await stopped.claim(job) is Refused.QUEUED

    let_go = []
    for _ in range(40):
        stopped.forward(SECOND)
        await stopped.end(running.pop(0))
        (job,) = await stopped.grant(room=1, lower=0)
        await stopped.claim(job)
        running.append(job)
        let_go.append(job in bulk)

    assert 3 <= sum(let_go) <= 5, "one in ten"


async def test_below_a_request_in_two_seconds_the_lower_classes_have_their_share(
    stopped: Stopped,
) -> None:
    await stopped.announce(operation=0.1, burst=0.001)
    await stopped.fill()
    bulk = stopped.submit_each_later(5, priority="bulk")
    for job in bulk:
        assert await stopped.claim(job) is Refused.QUEUED
    stopped.submit_each_later(60)

    served = await stopped.served(400 * SECOND, step=SECOND)

    assert sum(job in bulk for _, job in served) in {3, 4, 5}


async def test_a_storm_whose_failures_are_slow_lets_nothing_grow_back(
    stopped: Stopped,
) -> None:
    """A connection that is given up after five seconds tells of an outage as well."""
    await stopped.announce()
    for _ in range(30):
        await stopped.slow("", why="storm")
        stopped.forward(SECOND)
    assert float(stopped.known()["f"]) < 0.01

    for _ in range(60):
        stopped.forward(SECOND)
        await stopped.slow("", why="storm", age=90)
    assert float(stopped.known()["f"]) < 0.05


async def test_an_account_that_was_taken_away_is_suspended_until_it_is_back(
    stopped: Stopped,
) -> None:
    await stopped.announce()
    assert await stopped.suspend(DEFAULT_ACCOUNT, "", "account_unknown", "create") == (
        "OTHER_KEY"
    ), "another worker has said its key a moment ago"

    stopped.forward(31 * SECOND)
    assert await stopped.suspend(DEFAULT_ACCOUNT, "", "account_unknown", "create") == (
        "SUSPENDED"
    )
    assert not await stopped.goes()
    assert await stopped.announce(changed=False) == "RESUMED"
    stopped.forward(SECOND)
    assert await stopped.grant()


async def test_a_wait_in_line_is_not_taken_off_a_jobs_patience(
    stopped: Stopped,
) -> None:
    """What counts from its first request is the time in which it could have sent."""
    (waits,) = await stopped.have_a_line()
    await stopped.let_go(waits)
    await stopped.claim(waits)
    await stopped.put_off(waits)
    stopped.forward(MINUTE)
    await stopped.upkeep()
    await stopped.announce(operation=0.001, burst=0.001)
    await stopped.fill()
    assert await stopped.claim(waits) is Refused.QUEUED

    stopped.forward(stopped.settings.patience_ms)
    await stopped.announce()
    await stopped.let_go(waits)
    claimed = await stopped.claim(waits)
    assert isinstance(claimed, Claimed)
    assert claimed.leave is Word.GO
