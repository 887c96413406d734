"""How fast one account may be acted for: what Stripe allows, less a margin.

The one page of Stripe's on this (docs.stripe.com/rate-limits) gives requests a second
of an account and of an operation. It does not say how many may come at once, or be in
flight; those defaults are modest ones of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from config.keys import Mode
from customer_sources.contract.operations import OPERATIONS

MARGIN = 0.04
"""Left unused of what Stripe allows: on their way, requests are bunched up."""
STRIPE_RATES: Mapping[Mode, float] = {"live": 100.0, "test": 25.0}
"""Requests a second of an account."""
STRIPE_OPERATION_RATE = 25.0
"""Requests a second of one operation of an account, in either mode."""
IN_FLIGHT: Mapping[Mode, int] = {"live": 64, "test": 32}
"""Requests of an account in flight, from all workers together."""
BURST_SECONDS = 0.2
"""A pause this long may be made up for at once; more would be a burst to Stripe."""

SLOWEST, FASTEST = 0.01, 10_000
"""Requests a second: one in 100 s, and far more than Stripe has been known to grant."""
MOST_IN_FLIGHT = 10_000
SHORTEST_BURST, LONGEST_BURST = 0.001, 10

PerSecond = Annotated[float, Field(ge=SLOWEST, le=FASTEST, allow_inf_nan=False)]
InFlight = Annotated[int, Field(ge=1, le=MOST_IN_FLIGHT)]
Burst = Annotated[
    float, Field(ge=SHORTEST_BURST, le=LONGEST_BURST, allow_inf_nan=False)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What holds for an account, and what workers announce of it. It has no secret."""

    mode: Mode
    key_id: str
    """Tells one key from another; see `config.keys.key_id`."""
    rate: float
    """Requests a second of the account."""
    each: float
    """Requests a second of each operation that `own` does not name."""
    own: Mapping[str, float]
    """Requests a second of single operations, by their names."""
    burst_ms: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What was set, in requests a second; what was not is by the mode of the key.

    A number that was set stands as it is: no margin is taken from it.
    """

    account: float | None = None
    operation: float | None = None
    """Of each operation that has no number of its own."""
    create: float | None = None
    get: float | None = None
    list: float | None = None
    update: float | None = None
    verify: float | None = None
    delete: float | None = None
    in_flight: int | None = None
    burst: float = BURST_SECONDS
    """Seconds' worth of requests that may leave at once after a pause."""

    def allowance(self, mode: Mode, key_id: str) -> Allowance:
        """Fill in what the mode of a key says where nothing was set."""
        ours = 1 - MARGIN
        own = {name: getattr(self, name) for name in OPERATIONS}
        return Allowance(
            mode=mode,
            key_id=key_id,
            rate=self.account or STRIPE_RATES[mode] * ours,
            each=self.operation or STRIPE_OPERATION_RATE * ours,
            own={name: rate for name, rate in own.items() if rate is not None},
            burst_ms=round(self.burst * 1000),
            in_flight=self.in_flight or IN_FLIGHT[mode],
        )
