"""How long a job takes from submit to its event, where nobody else wants anything.

The API's own time is taken out: what the same process sees when it asks it directly.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import IO

import httpx

from bench.jobs_report import Measure
from bench.jobs_size import Size
from bench.processes import helper, worker
from customer_sources import CustomerSources
from customer_sources.consumer import Consumer
from sandbox.store import Store

LONGEST_PAUSE = 0.05
"""Seconds between two jobs, at most: by chance, so that no timer of the worker's is
always met in the same phase."""


def measures(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Submit jobs one by one, each after the event of the one before."""
    with (
        Store.start() as store,
        helper("bench.bare_api", logs=logs) as api,
        worker(store.url, api.said, logs),
        CustomerSources(store.url) as client,
    ):
        whole, alone = _in_turn(client, api.said, size)
    out = median(alone)
    hundredths = quantiles(whole, n=100, method="inclusive")
    for name, at, target in (("p50", 50, 8), ("p99", 99, 30)):
        seen = hundredths[at - 1]
        yield Measure(
            name=f"submit to event, idle, {name}",
            value=seen - out,
            unit="ms",
            target=target,
            ours=f"{seen:.2f} ms, of {size.idle} jobs one by one",
            against=f"{out:.2f} ms taken out: the API's own, p50 from here",
            samples={"submit to event, ms": whole, "API, ms": alone},
        )


def _in_turn(
    client: CustomerSources, api_base: str, size: Size
) -> tuple[list[float], list[float]]:
    """Milliseconds of each job, and of a request straight to the API after it."""
    rng = random.Random(1)  # noqa: S311  pauses
    jobs, requests = [], []
    with (
        client.events(timeout=30) as events,
        httpx.Client(base_url=api_base, trust_env=False) as api,
    ):
        for number in range(size.warm_up + size.idle):
            time.sleep(rng.uniform(0, LONGEST_PAUSE))
            jobs.append(_job(client, events, f"cus_{number:014}"))
            time.sleep(rng.uniform(0, LONGEST_PAUSE))
            requests.append(_request(api, f"cus_{number:014}"))
    return jobs[size.warm_up :], requests[size.warm_up :]


def _job(client: CustomerSources, events: Consumer, customer: str) -> float:
    """Milliseconds from before the call to the event.

    Raises:
        RuntimeError: the next event is not of its success.
    """
    started = time.perf_counter()
    job = client.customer.source.create(customer=customer, source="tok_visa")
    event = next(events)
    took = (time.perf_counter() - started) * 1000
    if event.correlationid != job.id or not event.type.endswith(".created"):
        raise RuntimeError(f"an unexpected event: {event}")
    return took


def _request(api: httpx.Client, customer: str) -> float:
    started = time.perf_counter()
    path = f"/v1/customers/{customer}/sources"
    api.post(path, data={"source": "tok_visa"}).raise_for_status()
    return (time.perf_counter() - started) * 1000
