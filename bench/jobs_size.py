"""How much `bench.jobs` does: enough for a median, or just enough to see it work."""

from __future__ import annotations

import msgspec


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how many."""

    rounds: int = 5
    """Of everything that is compared; the median counts."""
    submitted: int = 2000
    """Jobs of one round, by each way to submit."""
    idle: int = 500
    """Jobs sent one by one to an idle worker."""
    warm_up: int = 20
    """Jobs before those, which are not counted."""
    drained: int = 4000
    """Jobs of one round's backlog."""
    drained_slowly: int = 1000
    """Tasks of one round's backlog where one client is shared: it is that slow."""
    drains: int = 3
    """Rounds of the backlogs, which take longest."""
    customers: int = 1000
    """Over whom a backlog is spread."""
    stored: int = 10_000
    """Jobs whose bytes are counted."""
    batched: int = 100_000
    """Rows of the batch whose bytes are counted."""
    in_flight: int = 128
    """Requests in flight, and threads, in a drain."""
    api_seconds: float = 0.05
    """The API takes that long in a drain, so that they are in flight; and no longer,
    because 128 in flight would be bound by it: this allows 2,560 a second."""


QUICK = Size(
    rounds=1,
    drains=1,
    submitted=100,
    idle=10,
    warm_up=2,
    drained=100,
    drained_slowly=50,
    customers=20,
    stored=200,
    batched=2000,
    in_flight=16,
    api_seconds=0.01,
)
"""For a smoke run: nothing that it measures means anything."""
