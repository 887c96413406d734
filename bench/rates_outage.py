"""The API is away in the middle of a backlog: what is sent meanwhile, and right after.

A third of the time nobody listens, a third every connection is cut as soon as a request
is sent on it, and a third every request is answered 503.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from subprocess import Popen
from typing import IO, NamedTuple

import redis

from bench.door import Door, door_to
from bench.jobs_report import Measure
from bench.jobs_submit import commands
from bench.rates_stage import (
    BURST,
    RATE,
    STATED,
    accepted,
    api,
    sleep_until,
    wait_for,
    workers,
)
from bench.rates_sums import Span, arrived, back_at
from customer_sources import CustomerSources
from customer_sources.contract.names import DEFAULT_ACCOUNT, PREFIX, Keys
from sandbox.faults import Fault, FaultRule
from sandbox.journal import RequestRecord
from sandbox.remote import RemoteSandbox
from sandbox.store import Store

SECONDS = 300.0
JOBS_A_SECOND = 5000 / SECONDS
"""Jobs for each second that the outage is to last."""
LEAST = 400
"""Jobs, so that there is a middle that lasts."""
SETTLED = 10.0
"""Seconds after which it is known: from then on those in vain are counted."""
PROBES = 1.5
"""Requests a second that may be sent in vain then: a probe a second, and what others
send before they know."""
AFTERWARDS = 10.0
"""Seconds after it in which nobody may rush."""
WORKERS = 2
PATIENCE = 1800.0
SUCCEEDED = "customer.source.created"


class Seen(NamedTuple):
    """What was seen of an outage."""

    outage: Span
    in_vain: int
    """Requests sent while it lasted, once it was known."""
    done_at: float
    """When every job had its event, in seconds since 1970."""
    ends: Mapping[str, int]
    """How often each type of event was told."""
    jobs: int
    records: Sequence[RequestRecord]


def measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Let the API be away when half of the jobs are done."""
    seconds = seconds or SECONDS
    jobs = max(LEAST, round(seconds * JOBS_A_SECOND))
    with (
        Store.start() as store,
        redis.Redis.from_url(store.url, decode_responses=True) as admin,
        api(logs) as sandbox,
        door_to(sandbox.url) as door,
        CustomerSources(store.url) as client,
        workers(client, (store.url, door.url), WORKERS, logs) as processes,
    ):
        accepted(client, commands(jobs, priority="bulk"))
        events = Keys(PREFIX).events
        wait_for(lambda: admin.xlen(events) >= jobs // 2, processes, PATIENCE)
        began = time.time()
        in_vain = _away(admin, sandbox, door, processes, seconds)
        ended = time.time()
        wait_for(lambda: admin.xlen(events) >= jobs, processes, PATIENCE)
        done_at = time.time()
        ends = _ends(client)
        records = sandbox.requests()
    yield from sums(Seen(Span(began, ended), in_vain, done_at, ends, jobs, records))


def sums(seen: Seen) -> Iterator[Measure]:
    """Hold what was seen against what is promised."""
    lasted, after = seen.outage.seconds, seen.outage.ends
    others = {name: n for name, n in seen.ends.items() if not name.endswith(SUCCEEDED)}
    back = back_at(seen.records, after, 0.9 * RATE)
    again = "not" if back is None else f"{back:.0f} s after it"
    yield Measure(
        name=f"jobs that did not succeed, API away for {lasted:.0f} s in the middle",
        value=seen.jobs - sum(seen.ends.values()) + sum(others.values()),
        unit="jobs",
        target=0,
        ours=f"of {seen.jobs:,}; all told {seen.done_at - after:.0f} s after it; 90 % "
        f"of the rate reached again: {again}" + (f"; {others}" if others else ""),
        against=STATED,
    )
    early = arrived(seen.records, Span(after, after + AFTERWARDS))
    yield Measure(
        name=f"requests in the first {AFTERWARDS:g} s after it",
        value=early,
        unit="requests",
        target=round(RATE * AFTERWARDS + BURST),
        ours=f"{early / AFTERWARDS:.1f}/s",
        against="the allowance of that time",
    )
    known = settled(lasted)
    yield Measure(
        name="requests in vain while it lasts",
        value=seen.in_vain / (lasted - known),
        unit="/s",
        target=PROBES,
        ours=f"{seen.in_vain} from second {known:.0f} to {lasted:.0f}",
        against=f"{WORKERS} workers; a third nobody listens, a third all is cut, a "
        "third is answered 503",
    )


def settled(seconds: float) -> float:
    """Seconds after which an outage that lasts so long is known."""
    return min(SETTLED, seconds / 3)


def _away(
    admin: redis.Redis,
    sandbox: RemoteSandbox,
    door: Door,
    processes: Sequence[Popen[str]],
    seconds: float,
) -> int:
    """Have the API away for so long; count the requests once it is known."""
    began = time.time()
    door.shut("refused")
    sleep_until(began + settled(seconds), processes)
    before = _sent(admin)
    sleep_until(began + seconds / 3, processes)
    door.shut("cut")
    sleep_until(began + 2 * seconds / 3, processes)
    sandbox.set_faults([FaultRule(fault=Fault.ERROR_503_UNSAVED)])
    door.open()
    sleep_until(began + seconds, processes)
    sent = _sent(admin) - before
    sandbox.clear_faults()
    return sent


def _sent(admin: redis.Redis) -> int:
    """Requests that were ever given leave, whether or not they arrived."""
    return int(admin.hget(Keys(PREFIX).account(DEFAULT_ACCOUNT), "sent") or 0)


def _ends(client: CustomerSources) -> Mapping[str, int]:
    events = client.events(after="0", timeout=1)
    return Counter(event.type for event in events)
