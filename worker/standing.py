"""How accounts stand: the words and numbers in which `sources limits` tells it.

The field names are those of the command line's JSON. They stay; new ones may come.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from customer_sources.contract.names import Class


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing leaves for an account, but for a probe once a minute."""

    since: str
    """RFC 3339."""
    refused: str
    """Status and code of the refusal, like `401 api_key_expired`; `account_unknown`: no
    worker had a key of it."""
    operation: str
    """What was refused."""
    key_id: str
    """Of the key that was refused; "" where there was none."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit, of an account or of an operation, and what it is used for.

    None stands where there is no limit, or nothing to tell the number from.
    """

    allowed_per_second: float | None
    """Requests a second at this moment, after halvings; 0 while suspended."""
    configured_per_second: float | None
    """Requests a second without any halving."""
    used_per_second: float | None
    """Requests a second between the two readings."""
    sent: int
    """Requests permitted so far, ever."""
    waiting: Mapping[Class, int]
    """Jobs in line for a permit, by class."""
    oldest_wait_seconds: float | None
    in_flight: int
    in_flight_allowed: int | None
    """At this moment, after halvings, for the class interactive; others get less."""
    in_flight_configured: int | None
    halvings: int
    """Of the rate and of what may be in flight, ever."""
    last_reason: str
    """Of the last one: a Stripe-Rate-Limited-Reason, `rate_limited` where Stripe gave
    none, `storm` for failures in a row; "" where there was no halving."""
    last_halved_at: str
    """RFC 3339, or ""."""

    @property
    def is_idle(self) -> bool:
        """Whether it was never used, and nobody waits."""
        told = self.sent, self.in_flight, self.halvings, *self.waiting.values()
        return not any(told)


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True):
    """One account. Each request counts under `whole` and under its operation."""

    account: str
    mode: str
    """live or test; "" where no worker has announced the account."""
    key_id: str
    """Tells one key from another, and nothing of either."""
    suspended: Suspension | None
    reads_last_30_days: int
    """GETs, today's among them; days are those of UTC."""
    whole: Limit
    operations: Mapping[str, Limit]


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What workers said of an account, and whether it is suspended."""

    account: str
    mode: str
    key_id: str
    account_per_second: float | None
    """None: no worker has announced it; so for the others."""
    operation_per_second: float | None
    """Of each operation without a number of its own."""
    own_per_second: Mapping[str, float]
    """Of single operations."""
    in_flight: int | None
    burst_seconds: float | None
    suspended: Suspension | None
