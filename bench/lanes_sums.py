"""Whether customers' jobs were done in order and one at a time. Pure.

By the journal of the API alone: what it did for whom, and when which request was there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from sandbox.journal import Change, Effect, RequestRecord

NAME = "name"
"""Metadata key under which a create carries what it was submitted as."""
EARLY = 0.05
"""Seconds by which the API may see a client give up earlier than the client waits: it
counts from when all of a request has arrived."""


class Order(NamedTuple):
    """How what was done compares with what was submitted."""

    customers: int
    effects: int
    wrong: Sequence[str]
    """Customers whose effects are not those of their jobs, each once and in order."""


class Overlaps(NamedTuple):
    """Pairs of requests on one customer that were there at once."""

    repeats: int
    """The later one repeats the earlier, whose answer took longer than a client waits,
    or looks what became of it."""
    others: Sequence[str]
    """Where that is not so, told in words."""


def compare(
    submitted: Mapping[str, Sequence[str]],
    effects: Iterable[Effect],
    outside: Container[str] = (),
) -> Order:
    """Hold effects against what was submitted.

    Args:
        submitted: by customer, the names of the jobs that have an effect, in order.
        effects: of the API, in order.
        outside: names of jobs that wait outside for their moment: they have one effect
            each like the others, but a place of their own in the order.
    """

    def in_order(names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in outside]

    done = defaultdict[str, list[str]](list)
    for effect in effects:
        if effect.change is Change.SOURCE_CREATED:
            done[effect.customer].append(effect.metadata.get(NAME, ""))
    customers = submitted.keys() | done.keys()
    return Order(
        customers=len(customers),
        effects=sum(map(len, done.values())),
        wrong=sorted(
            customer
            for customer in customers
            if Counter(submitted.get(customer, ())) != Counter(done[customer])
            or in_order(submitted.get(customer, ())) != in_order(done[customer])
        ),
    )


def overlaps(records: Iterable[RequestRecord], timeout: float) -> Overlaps:
    """Find requests on one customer that were there at once.

    Args:
        records: in any order.
        timeout: seconds after which a client gives up and may ask again.
    """
    repeats, others = 0, []
    there = defaultdict[str, list[RequestRecord]](list)
    for late in sorted(records, key=lambda one: one.began):
        here = there[late.customer]
        here[:] = [early for early in here if early.time > late.began]
        for early in here:
            if _asks_again(early, late, timeout):
                repeats += 1
            else:
                others.append(
                    f"{late.customer}: {late.method} {late.request_id} began "
                    f"{late.began - early.began:.3f} s after {early.request_id}"
                )
        here.append(late)
    return Overlaps(repeats, others)


def lost(records: Iterable[RequestRecord]) -> Mapping[str, int]:
    """Count the faults that struck, by name."""
    return Counter(fault for record in records for fault in record.faults)


def _asks_again(early: RequestRecord, late: RequestRecord, timeout: float) -> bool:
    """Whether somebody gave up on a request, and repeats it or looks for its effect."""
    gave_up = late.began - early.began >= timeout - EARLY
    same = late.idempotency_key == early.idempotency_key
    return gave_up and (same or late.method == "GET")
