"""What a job costs in a lane of 100,000, beside one in a lane of hardly any.

By the store's own CPU time; beside it stands the time from one job to the next. Both
stores have as many jobs in them, because that costs something by itself: those that are
not in the short lane are scheduled for tomorrow, and stand outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from subprocess import Popen
from typing import IO, NamedTuple

import redis

from bench.jobs_report import TIMES, Measure
from bench.jobs_submit import commands
from bench.lanes_run import FAST
from bench.processes import helper, wait_until
from bench.rates_stage import accepted, workers
from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX, Keys
from sandbox.store import Store

COUNTED = 1_000
"""Jobs whose costs are compared: the last submitted, and the first done."""
SHORT, LONG = COUNTED + 200, 100_000
WARM_UP = 100
"""Jobs done before those that are counted."""
NOISE = 1.5
"""Of two short measurements. Walking along the lane would cost a hundred times more."""
PATIENCE = 300.0


class Cost(NamedTuple):
    """Of one job."""

    cpu_us: float
    """Of the store, in microseconds."""
    ms: float


class Lane(NamedTuple):
    """What jobs cost in one lane."""

    submit: Cost
    done: Cost


def measures(_seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Fill a short lane and a long one, and do the first jobs of each."""
    with helper("bench.bare_api", logs=logs) as api:
        short, long = (_lane(length, api.said, logs) for length in (SHORT, LONG))
    for name, few, many in (
        ("submitting", short.submit, long.submit),
        ("doing", short.done, long.done),
    ):
        yield Measure(
            name=f"store CPU of {name} a job in a lane of {LONG:,}",
            value=many.cpu_us / few.cpu_us,
            unit=TIMES,
            target=NOISE,
            ours=f"{many.cpu_us:.0f} µs, a job in {many.ms:.2f} ms",
            against=f"{few.cpu_us:.0f} µs, a job in {few.ms:.2f} ms, in a lane of "
            f"{SHORT:,}; {COUNTED:,} jobs each, {LONG:,} in the store, no limit in "
            "the way",
        )


def _lane(length: int, api_base: str, logs: IO[str]) -> Lane:
    """Fill a lane while nobody works, then have its first jobs done."""
    with (
        Store.start() as store,
        redis.Redis.from_url(store.url) as admin,
        CustomerSources(store.url) as client,
    ):
        tomorrow = timedelta(days=1)
        accepted(client, commands(LONG - length, not_before=tomorrow))
        _submit(client, length - COUNTED)
        submit = _cost(admin, partial(_submit, client, COUNTED))
        with workers(client, (store.url, api_base), 1, logs, **FAST) as processes:
            _wait(admin, processes, WARM_UP)
            done = _cost(admin, partial(_wait, admin, processes, WARM_UP + COUNTED))
    return Lane(submit, done)


def _submit(client: CustomerSources, count: int) -> None:
    accepted(client, commands(count, 1, priority="bulk"))


def _wait(admin: redis.Redis, processes: Sequence[Popen[str]], done: int) -> None:
    events = Keys(PREFIX).events
    wait_until(lambda: admin.xlen(events) >= done, processes[0], PATIENCE)


def _cost(admin: redis.Redis, act: Callable[[], None]) -> Cost:
    """Have something done to `COUNTED` jobs, and say what it cost each."""
    cpu, began = _cpu(admin), time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    return Cost((_cpu(admin) - cpu) * 1e6 / COUNTED, seconds * 1e3 / COUNTED)


def _cpu(admin: redis.Redis) -> float:
    told = admin.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
