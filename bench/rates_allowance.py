"""How much of its allowance a backlog of creates uses, and whether ever too much."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import IO

from bench.jobs_report import Measure
from bench.jobs_submit import commands
from bench.rates_stage import RATE, STATED, accepted, api, sleep_until, workers
from bench.rates_sums import Span, refused, use
from customer_sources import CustomerSources
from sandbox.journal import RequestRecord
from sandbox.store import Store

USED = 98.0
"""Percent, at least."""
SECONDS = 60.0
BEGINNING = 5.0
"""Seconds after the start that are not counted."""
COUNTS = (1, 2, 4)
"""Workers."""


def measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Drain a backlog that is long enough with one worker, with two and with four."""
    seconds = seconds or SECONDS
    everything: list[RequestRecord] = []
    for count in COUNTS:
        span, records = _drain(count, seconds, logs)
        everything += records
        used = use(records, span, RATE)
        yield Measure(
            name=f"use of the allowance, {count} worker{'s' * (count > 1)}",
            value=used.percent,
            unit="%",
            target=USED,
            at_least=True,
            ours=f"{used} in {seconds:g} s",
            against=STATED,
        )
    yield no_refusal("429s in these runs", everything)


def no_refusal(name: str, records: Sequence[RequestRecord]) -> Measure:
    """Say that no request was refused by a limiter, or how many were."""
    return Measure(
        name=name,
        value=refused(records),
        unit="requests",
        target=0,
        ours=f"of {len(records):,}",
        against=STATED,
    )


def _drain(
    count: int, seconds: float, logs: IO[str]
) -> tuple[Span, Sequence[RequestRecord]]:
    """Let workers work, and stop them in the middle of it."""
    with (
        Store.start() as store,
        api(logs) as sandbox,
        CustomerSources(store.url) as client,
        workers(client, (store.url, sandbox.url), count, logs) as processes,
    ):
        backlog = round(RATE * (seconds + 4 * BEGINNING))
        begins = time.time() + BEGINNING
        accepted(client, commands(backlog, priority="bulk"))
        span = Span(begins, begins + seconds)
        sleep_until(span.ends + 1, processes)
        return span, sandbox.requests()
