"""Fifty accounts: what the jobs of 49 feel of a flood on the fiftieth."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from bench.jobs_report import TIMES, Measure
from bench.jobs_submit import commands
from bench.rates_allowance import BEGINNING, no_refusal
from bench.rates_stage import RATE, STATED, accepted, api, workers, write_accounts
from bench.rates_sums import Span, p50, p99, spread, took, use
from bench.rates_trickle import Listener, Planned, hear, listening, trickle
from customer_sources import CustomerSources
from sandbox.store import Store

SECONDS = 60.0
ACCOUNTS = [f"bench{number:02}" for number in range(1, 51)]
FLOODED, *OTHERS = ACCOUNTS
JOBS_A_SECOND = 0.5
"""Of each of the others."""
FLOOD = 20_000
TIMES_AS_LONG, AND_MS = 1.5, 20.0
"""What counts as noise: the p99 of two runs of a minute differs by as much."""
WORKERS = 2


def measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Send the same trickle to 49 accounts, without a flood on another and with it."""
    seconds = seconds or SECONDS
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.start() as store,
        api(logs) as sandbox,
        CustomerSources(store.url) as client,
        workers(
            client,
            (store.url, sandbox.url),
            WORKERS,
            logs,
            accounts_file=str(write_accounts(Path(folder), ACCOUNTS)),
        ),
        listening(client) as listener,
    ):
        before = _trickle(client, listener, "before", seconds)
        accepted(client, commands(FLOOD, account=FLOODED, priority="interactive"))
        time.sleep(BEGINNING)
        begins = time.time()
        during = _trickle(client, listener, "during", seconds)
        span = Span(begins, begins + seconds)
        records = sandbox.requests()
    alone, crowded = (took(jobs, listener.told) for jobs in (before, during))
    flooded = [one for one in records if one.account == f"acct_{FLOODED}"]
    yield _measure(alone, crowded, f"{use(flooded, span, RATE)} in {seconds:g} s")
    yield no_refusal("429s of all accounts", records)


def _measure(alone: Sequence[float], crowded: Sequence[float], flooded: str) -> Measure:
    ratio = p99(crowded) / p99(alone)
    return Measure(
        name=f"{len(OTHERS)} accounts while another has {FLOOD:,} interactive jobs: "
        "submit to event, p99",
        value=p99(crowded),
        unit="ms",
        target=round(TIMES_AS_LONG * p99(alone) + AND_MS, 1),
        ours=f"{ratio:.2f} {TIMES} as without; p50 {p50(crowded):.1f} ms, longest "
        f"{max(crowded):.1f} ms, of {len(crowded):,}; the flooded account: {flooded}",
        against=f"without: p99 {p99(alone):.1f} ms, p50 {p50(alone):.1f} ms, longest "
        f"{max(alone):.1f} ms, of {len(alone):,}; {TIMES_AS_LONG:g} {TIMES} that and "
        f"{AND_MS:g} ms are noise. {JOBS_A_SECOND:g}/s of each account; {STATED}, "
        "each for itself",
        samples={"without, ms": alone, "with, ms": crowded},
    )


def _trickle(
    client: CustomerSources, listener: Listener, name: str, seconds: float
) -> Mapping[str, float]:
    """Send jobs of all other accounts, and wait for all of them."""
    rng = random.Random(1)  # noqa: S311  moments
    count = round(seconds * JOBS_A_SECOND)
    planned = sorted(
        Planned(at, f"cus_{name}{number:06}", account)
        for account in OTHERS
        for number, at in enumerate(spread(count, seconds, rng))
    )
    started = trickle(client, planned)
    hear(listener, started)
    return started
