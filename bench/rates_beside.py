"""How long an interactive job takes beside bulk on the same account: jobs, a batch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from bench.batch_drain import apply
from bench.batch_rows import rows
from bench.jobs_report import Measure
from bench.jobs_submit import commands
from bench.rates_allowance import BEGINNING, USED, no_refusal
from bench.rates_stage import RATE, SLOT_MS, STATED, accepted, api, workers
from bench.rates_sums import Span, p50, p99, spread, took, use
from bench.rates_trickle import Listener, Planned, hear, listening, trickle
from customer_sources import CustomerSources
from customer_sources.contract.names import DEFAULT_ACCOUNT
from sandbox.store import Store

SECONDS = 120.0
JOBS_A_SECOND = 1000 / SECONDS
IDLE = 300
"""Jobs without anything beside them."""
BACKLOG = 20_000
ROWS = 100_000
SLOTS = 2
"""That a job may take longer than without a backlog."""
WORKERS = 2


Backlog = Callable[[CustomerSources], object]


def measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Send a trickle of jobs beside a backlog of bulk jobs."""

    def jobs(client: CustomerSources) -> None:
        accepted(client, commands(BACKLOG, priority="bulk"))

    yield from _beside(jobs, f"{BACKLOG:,} bulk jobs", seconds, logs)


def batch_measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Send a trickle of jobs beside a batch."""

    def batch(client: CustomerSources) -> None:
        apply(client, rows(ROWS, ROWS), "beside")

    yield from _beside(batch, f"a batch of {ROWS:,} rows", seconds, logs)


def _beside(
    bring_in: Backlog, what: str, seconds: float | None, logs: IO[str]
) -> Iterator[Measure]:
    """Send the same trickle of jobs, first alone, then beside a backlog."""
    seconds = seconds or SECONDS
    with (
        Store.start() as store,
        api(logs) as sandbox,
        CustomerSources(store.url) as client,
        workers(client, (store.url, sandbox.url), WORKERS, logs),
        listening(client) as listener,
    ):
        idle = _trickle(client, listener, "idle", IDLE / JOBS_A_SECOND)
        bring_in(client)
        time.sleep(BEGINNING)
        begins = time.time()
        beside = _trickle(client, listener, "beside", seconds)
        span = Span(begins, begins + seconds)
        records = sandbox.requests()
    alone, busy = (took(jobs, listener.told) for jobs in (idle, beside))
    used = use(records, span, RATE)
    yield Measure(
        name=f"interactive beside {what}: submit to event, p99",
        value=p99(busy),
        unit="ms",
        target=round(p99(alone) + SLOTS * SLOT_MS, 1),
        ours=f"p50 {p50(busy):.1f} ms, longest {max(busy):.1f} ms, of {len(busy):,} in "
        f"{seconds:g} s",
        against=f"idle p99 {p99(alone):.1f} ms, p50 {p50(alone):.1f} ms, of "
        f"{len(alone):,}; and {SLOTS} slots of {SLOT_MS:.1f} ms. {STATED}",
        samples={"idle, ms": alone, "beside bulk, ms": busy},
    )
    yield Measure(
        name=f"use of the allowance by both, beside {what}",
        value=used.percent,
        unit="%",
        target=USED,
        at_least=True,
        ours=f"{used} in {seconds:g} s, {len(busy):,} of them interactive",
        against=STATED,
    )
    yield no_refusal(f"429s beside {what}", records)


def _trickle(
    client: CustomerSources, listener: Listener, name: str, seconds: float
) -> Mapping[str, float]:
    """Send jobs of as many customers, and wait for all of them."""
    moments = spread(
        round(seconds * JOBS_A_SECOND),
        seconds,
        random.Random(1),  # noqa: S311  moments
    )
    started = trickle(
        client,
        (
            Planned(at, f"cus_{name}{number:06}", DEFAULT_ACCOUNT)
            for number, at in enumerate(moments)
        ),
    )
    hear(listener, started)
    return started
