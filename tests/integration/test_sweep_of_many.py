"""Ten thousand undecided jobs and three workers: each job is considered once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
import redis

from config.settings import Settings
from customer_sources import scripts
from customer_sources.contract.names import Keys
from sandbox.store import Store
from tasks.sweeps import Sweeps
from tests.integration.undecided import added_up, settings
from worker.store import connect
from worker.sweeping import PAGE, Step, Sweeping

__all__ = ["settings"]  # a fixture, borrowed
MANY = 10_000
PASSED_OVER = {"running": 100, "in_line": 200, "quiet": 300}
PUT_FORWARD = MANY - sum(PASSED_OVER.values())

# Of every hundred the first runs, the next two stand in line, three more are quiet.
PLANT = """
local now = now_ms()
for n = 1, num(ARGV[2]) do
  local id, kind, due = 'job_' .. n, n % 100, now + 3600000
  redis.call('HSET', job_key(id), 'fp', 'f', 'op', 'verify', 'class', 'interactive',
    'lane', '', 'v', 1, 'effect', 'keyed', 'at', now, 'was', 't', 'due', due,
    'state', kind == 0 and 'running' or 'waiting')
  if kind == 1 or kind == 2 then redis.call('HSET', job_key(id), 'line', 1) end
  if kind > 2 and kind < 6 then redis.call('HSET', job_key(id), 'quiet_until', due) end
  redis.call('SET', command_key(id), '{}')
  wake_at('interactive', id, due)
  note_undecided(id, 'verify')
end
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A server of its own: tables that were large once are slow to look through."""
    with Store.start() as running:
        yield running


@pytest.fixture
def jobs(db: redis.Redis, keys: Keys) -> Iterator[list[str]]:
    text = "\n".join([*map(scripts.read, ("prelude", "places")), PLANT])
    db.eval(text, 0, keys.prefix, MANY)
    yield [f"job_{n}" for n in range(1, MANY + 1)]
    db.delete(*db.scan_iter(f"{keys.prefix}*", count=10_000))  # faster than its audit


@pytest.fixture
async def sweepers(
    store: Store, keys: Keys, settings: Settings
) -> AsyncIterator[list[Sweeping]]:
    """Three, each with connections of its own."""
    connections = [connect(store.url) for _ in range(3)]
    yield [Sweeping(one, keys, settings.events_hard_cap) for one in connections]
    for one in connections:
        await one.aclose()


def put_forward(db: redis.Redis, keys: Keys, jobs: list[str]) -> Counter[int]:
    """Count jobs by how often they were put forward, as their stories tell."""
    with db.pipeline(transaction=False) as pipe:
        for job_id in jobs:
            pipe.llen(keys.log(job_id))
        return Counter(pipe.execute())


def told(db: redis.Redis, keys: Keys) -> list[Any]:
    entries: Any = db.xrange(keys.events)
    return [added_up(msgspec.json.decode(one["event"])["data"]) for _, one in entries]


async def test_three_at_once_consider_each_once(
    sweepers: list[Sweeping], jobs: list[str], db: redis.Redis, keys: Keys
) -> None:
    sweep_id, _ = await sweepers[0].begin_by_hand()
    steps: list[Step] = []
    while Step.OVER not in steps:
        steps += await asyncio.gather(*(one.step(sweep_id) for one in sweepers))
    ended = [await one.read(sweep_id) for one in sweepers]
    tells = (one.tell(end) for one, end in zip(sweepers, ended, strict=True) if end)
    tellers = await asyncio.gather(*tells)

    assert steps.count(Step.STEPPED) == MANY // PAGE
    assert sorted(tellers) == [False, False, True]
    assert told(db, keys) == [{"put_forward": PUT_FORWARD, **PASSED_OVER}]
    assert put_forward(db, keys, jobs) == {1: PUT_FORWARD, 0: MANY - PUT_FORWARD}


async def test_one_that_is_killed_between_two_steps_leaves_nothing_undone(
    sweepers: list[Sweeping], jobs: list[str], db: redis.Redis, keys: Keys
) -> None:
    ticks = count(step=3)  # seconds: always time to look
    mortal, *others = (
        Sweeps(one, None, clock=lambda: float(next(ticks))) for one in sweepers
    )
    await sweepers[0].begin_by_hand()
    for _ in range(3):
        await mortal.one_pass()
    assert db.hget(keys.sweep, "considered") == str(3 * PAGE)

    while db.hget(keys.sweep, "state") != "told":
        await asyncio.gather(*(one.one_pass() for one in others))

    assert told(db, keys) == [{"put_forward": PUT_FORWARD, **PASSED_OVER}]
    assert put_forward(db, keys, jobs) == {1: PUT_FORWARD, 0: MANY - PUT_FORWARD}
