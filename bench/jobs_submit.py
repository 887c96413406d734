"""How fast jobs are accepted, against Celery's own `send_task` on the same store.

Nobody works meanwhile: what is measured is the producer and the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from bench import plain_celery
from bench.jobs_report import TIMES, Measure
from bench.jobs_size import Size
from customer_sources import CustomerSources
from sandbox.store import Store


def measures(size: Size) -> Iterator[Measure]:
    """Submit one by one, many at once, and by Celery, turn by turn."""
    took: dict[str, list[float]] = {"submit": [], "submit_many": [], "send_task": []}
    with Store.start() as store, CustomerSources(store.url) as client:
        publisher = plain_celery.app(store.url)
        ways: dict[str, Callable[[int], object]] = {
            "submit": lambda count: _one_by_one(client, count),
            "submit_many": lambda count: client.submit_many(commands(count)),
            "send_task": lambda count: plain_celery.send(publisher, count),
        }
        for way in ways.values():
            way(size.submitted // 10)  # connections, scripts, caches
        for _ in range(size.rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                way(size.submitted)
                took[name].append((time.perf_counter() - started) / size.submitted)
        publisher.close()
    celery = median(took["send_task"])
    for name, target in (("submit", 5), ("submit_many", 20)):
        mine = median(took[name])
        yield Measure(
            name=f"{name}, jobs a second",
            value=celery / mine,
            unit=TIMES,
            target=target,
            at_least=True,
            ours=f"{1 / mine:,.0f}/s",
            against=f"{1 / celery:,.0f}/s: Celery's `send_task` in a loop",
            samples={name: took[name], "send_task": took["send_task"]},
        )


def commands(
    count: int, customers: int | None = None, **more: Any
) -> Iterator[dict[str, Any]]:
    """Write commands that create a card.

    Args:
        count: how many.
        customers: spread over so many; default: each of another customer.
        more: to be said with each command.
    """
    for number in range(count):
        customer = f"cus_{number % (customers or count):014}"
        create = {"operation": "create", "customer": customer, "source": "tok_visa"}
        yield {**create, **more}


def _one_by_one(client: CustomerSources, count: int) -> None:
    for number in range(count):
        client.customer.source.create(customer=f"cus_{number:014}", source="tok_visa")
