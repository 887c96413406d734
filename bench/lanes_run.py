"""Many jobs of few customers: all classes, some declined, and answers get lost."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO, Any, NamedTuple

import redis

from bench.jobs_report import Measure
from bench.lanes_sums import NAME, Order, Overlaps, compare, lost, overlaps
from bench.rates_stage import accepted, api, wait_for, workers
from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX, Keys
from sandbox.faults import Fault, FaultRule
from sandbox.limits import Limits
from sandbox.store import Store

JOBS = 10_000
USUAL_SECONDS = 60.0
"""What `--seconds` is held against: half of it is half of the jobs."""
CUSTOMERS = 500
WORKERS = 4
CLASSES = ("interactive", "bulk")
ONE_IN_SCHEDULED = 10
NOT_BEFORE = timedelta(seconds=3)
"""From the start, for those that are scheduled: of the third class then."""
ONE_IN_DECLINED = 20
READ_SECONDS = 1.0
"""Time after which a worker gives up on an answer."""
LATE_SECONDS = 2.0
FAULTS = (
    FaultRule(fault=Fault.DROP_BEFORE_COMMIT, probability=0.02),
    FaultRule(fault=Fault.DROP_AFTER_COMMIT, probability=0.02),
    FaultRule(fault=Fault.LATENCY, probability=0.002, seconds=LATE_SECONDS),
    FaultRule(fault=Fault.LATENCY, probability=0.3, seconds=0.02),
)
FAST = {"account_rate": "10000", "operation_rate": "10000", "in_flight": "256"}
STATED = (
    f"no limit in the way ({FAST['account_rate']}/s, {FAST['in_flight']} in flight); "
    "answers lost before and after the effect, 2 % each; 0.2 % take "
    f"{LATE_SECONDS:g} s, for which no worker waits; one job in {ONE_IN_DECLINED} is "
    f"declined, one in {ONE_IN_SCHEDULED} scheduled, the others interactive or bulk"
)
PATIENCE = 900.0


class Plan(NamedTuple):
    """What is submitted, and what is to come of it."""

    commands: Sequence[Mapping[str, Any]]
    effects: Mapping[str, Sequence[str]]
    """By customer, the names of the jobs that have an effect, in order."""
    scheduled: Container[str]
    """Names of those that stand outside until their moment."""


def plan(jobs: int, customers: int, rng: random.Random, later: datetime) -> Plan:
    """Draw customer, class and luck of each job.

    Args:
        jobs: how many.
        customers: of how many.
        rng: draws.
        later: before which those that are scheduled may not begin.
    """
    commands, effects = [], defaultdict[str, list[str]](list)
    outside = set()
    for number in range(jobs):
        name, customer = f"job {number}", f"cus_{rng.randrange(customers):06}"
        declined = rng.randrange(ONE_IN_DECLINED) == 0
        if not declined:
            effects[customer].append(name)
        scheduled = rng.randrange(ONE_IN_SCHEDULED) == 0
        if scheduled:
            outside.add(name)
        commands.append(
            {
                "operation": "create",
                "customer": customer,
                "source": "tok_chargeDeclined" if declined else "tok_visa",
                "metadata": {NAME: name},
                "priority": rng.choice(CLASSES),
                **({"not_before": later} if scheduled else {}),
            }
        )
    return Plan(commands, effects, outside)


def measures(seconds: float | None, logs: IO[str]) -> Iterator[Measure]:
    """Submit everything, wait for the last event, and read the journal."""
    jobs = round(JOBS * (seconds or USUAL_SECONDS) / USUAL_SECONDS)
    with (
        Store.start() as store,
        redis.Redis.from_url(store.url) as admin,
        api(logs, Limits()) as sandbox,
        CustomerSources(store.url) as client,
        workers(
            client,
            (store.url, sandbox.url),
            WORKERS,
            logs,
            read_seconds=f"{READ_SECONDS:g}",
            **FAST,
        ) as processes,
    ):
        sandbox.set_faults(FAULTS)
        later = datetime.now(UTC) + NOT_BEFORE
        made = plan(jobs, CUSTOMERS, random.Random(1), later)  # noqa: S311  lots
        accepted(client, made.commands)
        events = Keys(PREFIX).events
        wait_for(lambda: admin.xlen(events) >= jobs, processes, PATIENCE)
        ends = Counter(event.type for event in client.events(after="0", timeout=1))
        records = sandbox.requests()
        order = compare(made.effects, sandbox.effects(), made.scheduled)
    faults = {name: n for name, n in lost(records).items() if name != Fault.LATENCY}
    at_once = overlaps(records, READ_SECONDS)
    yield from _sums(order, at_once, f"{len(records):,} requests, lost: {faults}")
    yield _told(made, ends)


def _sums(order: Order, at_once: Overlaps, requests: str) -> Iterator[Measure]:
    yield Measure(
        name="customers whose effects are not those of their jobs, each once, in order",
        value=len(order.wrong),
        unit="customers",
        target=0,
        ours=f"of {order.customers:,}, {order.effects:,} effects" + _few(order.wrong),
        against=f"{WORKERS} workers; {STATED}",
    )
    yield Measure(
        name="two requests on one customer at once",
        value=len(at_once.others),
        unit="pairs",
        target=0,
        ours=f"{requests}; beside {at_once.repeats} repeats of what took longer than "
        f"{READ_SECONDS:g} s" + _few(at_once.others),
        against="by when the API had each request, and until when",
    )


def _told(made: Plan, ends: Mapping[str, int]) -> Measure:
    succeeded = sum(map(len, made.effects.values()))
    told = sum(n for name, n in ends.items() if name.endswith(".created"))
    return Measure(
        name="jobs that did not end as they should",
        value=abs(succeeded - told) + abs(len(made.commands) - sum(ends.values())),
        unit="jobs",
        target=0,
        ours=f"of {len(made.commands):,}: {dict(ends)}",
    )


def _few(lines: Sequence[str]) -> str:
    return "".join(f"; {line}" for line in lines[:5])
