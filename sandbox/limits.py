"""How many requests an account may send, in all and for each operation.

A rate is held by a token bucket: it is full at first, a request takes one token, and
tokens come back evenly, `rate` a second, up to `burst`. In any span of t seconds no
more than `burst + rate * t` requests pass. A request that is refused takes nothing.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct


class Reason(StrEnum):
    """What a limiter's 429 says in `Stripe-Rate-Limited-Reason`."""

    GLOBAL_RATE = "global-rate"
    ENDPOINT_RATE = "endpoint-rate"
    GLOBAL_CONCURRENCY = "global-concurrency"
    ENDPOINT_CONCURRENCY = "endpoint-concurrency"
    RESOURCE_SPECIFIC = "resource-specific"
    """Stripe's limits on single objects; no limiter here gives it, a fault can."""


Rate: TypeAlias = Annotated[float, Meta(gt=0)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one account, or one operation of it, may have."""

    rate: Rate | None = None
    """Requests a second; None for as many as come."""
    burst: Count | None = None
    """Requests at once, for one that has been quiet; None for a second's worth."""
    concurrency: Count | None = None
    """Requests in flight at the same time; None for as many as come."""


NO_LIMIT = Limit()


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of each account; all are off by default."""

    account: Limit = NO_LIMIT
    """For all requests of an account together."""
    operation: Limit = NO_LIMIT
    """For each operation of an account by itself."""
