"""What jobs that wait cost the store: a pass of upkeep, and a step of a sweep.

    python -m bench.waiting --markdown docs/performance.md

By the server's own CPU time. Waiting jobs are written into the index of wake-ups
directly, due in a month: a pass reads nothing else of what is not due. A sweep goes
over verify jobs that all wait for their next try, and then again, when all are due.

Exit status: 0 it was measured; 2 it did not work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import redis

from bench import jobs_report
from bench.jobs_bytes import told
from bench.jobs_report import Marks
from customer_sources import scripts
from customer_sources.contract.names import BULK_QUEUE, INTERACTIVE_QUEUE, PREFIX, Keys
from sandbox.store import Store
from worker import scripting
from worker.sweeping import PAGE

MARKS = Marks(
    "<!-- waiting: by `python -m bench.waiting` -->", "<!-- end of waiting -->"
)
WAITING = 1_000_000
CANDIDATES = 10_000
PASSES, ROUNDS, AT_ONCE = 2_000, 5, 10_000
MONTH_MS = 30 * 86_400_000

_MAKE = """
local now = now_ms()
for n = ARGV[2], ARGV[3] do
  local id = 'job_' .. n
  redis.call('HSET', job_key(id), 'fp', 'f', 'op', 'verify', 'class', 'interactive',
    'lane', 'default:cus_' .. n, 'v', 1, 'effect', 'keyed', 'at', now, 'state',
    'waiting', 'due', now + ARGV[4], 'was', 't', 'runs', 3)
  tell_story(id, now, '{"what":"run","run":3}')
  wake_at('interactive', id, now + ARGV[4])
  note_undecided(id, 'verify')
end
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.waiting")
    parser.add_argument("--markdown", type=Path, metavar="PAGE")
    given = parser.parse_args(arguments)
    try:
        with (
            Store.start() as store,
            redis.Redis.from_url(store.url, decode_responses=True) as admin,
        ):
            machine = jobs_report.here(told(admin))
            costs = [*_upkeep(admin), *_sweep(admin)]
    except (RuntimeError, OSError, redis.RedisError) as error:
        print(f"the run did not work: {error!r}", file=sys.stderr)
        return 2
    lines = [f"`python -m bench.waiting`: {machine}.", ""]
    lines += ["| what | the store's CPU |", "| --- | ---: |"]
    lines += [f"| {name} | {micros:,.0f} µs |" for name, micros in costs]
    section = "\n".join(lines)
    if given.markdown:
        jobs_report.write_section(given.markdown, section, MARKS)
    print(section)
    return 0


def _upkeep(admin: redis.Redis) -> Iterator[tuple[str, float]]:
    """Do passes of upkeep: in an empty store, and beside a million of something."""
    keys = Keys(PREFIX)
    script = scripting.register(admin, ["take_due"])["take_due"]
    queues = keys.queue(INTERACTIVE_QUEUE), keys.queue(BULK_QUEUE)
    arguments = [PREFIX, 500, 8000, 10_000_000, *queues, 100, 60_000]
    passes = partial(_again, partial(script, args=arguments))
    due = admin.time()[0] * 1000 + MONTH_MS
    for what, key in (
        ("nobody waiting", ""),
        (f"nobody waiting, {WAITING:,} members in another sorted set", "another"),
        (f"{WAITING:,} jobs waiting", keys.wake("scheduled")),
    ):
        for start in range(0, WAITING if key else 0, AT_ONCE):
            jobs = range(start, start + AT_ONCE)
            admin.zadd(key, {f"j:job_{n}": due + n for n in jobs})
        passes()  # the server tidies up after so many writes
        cost = median(_cost(admin, passes) for _ in range(ROUNDS)) / PASSES
        yield f"a pass of upkeep, {what}", cost
        admin.flushdb()


def _sweep(admin: redis.Redis) -> Iterator[tuple[str, float]]:
    """Sweep, round by round, with all put forward and with all passed over."""
    steps = scripting.register(admin, ["sweep_begin", "sweep_step", "sweep_tell"])
    text = "\n".join([*map(scripts.read, ("prelude", "places")), _MAKE])
    took: dict[str, list[float]] = {"put forward": [], "passed over, being due": []}
    for number in range(ROUNDS):
        for start in range(0, CANDIDATES, 1000):
            admin.eval(text, 0, PREFIX, start + 1, start + 1000, MONTH_MS)
        for what, costs in took.items():
            sweep_id = f"sweep_{number}_{what}"
            steps["sweep_begin"](args=[PREFIX, sweep_id, "", 0])
            step = partial(steps["sweep_step"], args=[PREFIX, sweep_id, PAGE])
            cost = _cost(admin, partial(_to_the_end, step))
            costs.append(cost / (CANDIDATES / PAGE))
            steps["sweep_tell"](args=[PREFIX, sweep_id, "{}", 1000])
        admin.flushdb()
    for what, costs in took.items():
        name = f"a step of a sweep, {PAGE} of {CANDIDATES:,} jobs {what}"
        yield name, median(costs)


def _again(act: Callable[[], object]) -> None:
    for _ in range(PASSES):
        act()


def _to_the_end(step: Callable[[], Any]) -> None:
    while step()[0] == "STEPPED":
        pass


def _cost(admin: redis.Redis, act: Callable[[], object]) -> float:
    """Tell the server's CPU time of something, in microseconds."""
    before = _cpu(admin)
    act()
    return (_cpu(admin) - before) * 1e6


def _cpu(admin: redis.Redis) -> float:
    info: Any = admin.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


if __name__ == "__main__":
    sys.exit(main())
