"""What an answer says of the rates at which we send. Pure.

Stripe names the limiter that refused a request; a lock that somebody else holds is no
limiter. An outage names nothing: many failures in a row, whatever they are.
"""

# ruff: noqa: PLR2004  HTTP's own numbers read best as numbers

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from worker.answers import Answered, MaybeSent, NotSent, TryResult

What = Literal["rate", "cap"]
LIMITERS: Mapping[str, tuple[What, bool]] = {
    "global-rate": ("rate", True),
    "global-concurrency": ("cap", True),
    "endpoint-rate": ("rate", False),
    "endpoint-concurrency": ("cap", False),
}
"""By `Stripe-Rate-Limited-Reason`: what is limited, and whether of the whole account
(docs.stripe.com/rate-limits)."""
OF_ONE_OBJECT = "resource-specific"
STORM = 5
"""Failures in a row that are taken for an outage: one or two say nothing."""
OF_OURS = frozenset({"pool_timeout", "closed"})
"""Reasons for which nothing left that say nothing of Stripe."""


class Slow(msgspec.Struct, frozen=True):
    """What an answer says is too much."""

    what: What
    """Requests a second, or requests in flight."""
    operation: str
    """Empty: of the whole account."""
    why: str
    """A `Stripe-Rate-Limited-Reason`, or our own word."""


def too_much(result: TryResult, operation: str) -> Slow | None:
    """Read from a 429 which rate, or which bound of what is in flight, was exceeded.

    Args:
        result: what a request came back with.
        operation: which one it is to Stripe.
    """
    if not isinstance(result, Answered) or result.status != 429:
        return None
    reason = result.limited_by
    if result.code == "lock_timeout" or reason == OF_ONE_OBJECT:
        return None  # neither is a rate of ours
    if reason not in LIMITERS:  # none that is known: the narrowest that may be meant
        return Slow("rate", operation, "rate_limited")
    what, of_account = LIMITERS[reason]
    return Slow(what, "" if of_account else operation, reason)


def is_failure(result: TryResult) -> bool | None:
    """Whether a result is one that an outage is made of; None: it says nothing."""
    match result:
        case NotSent(reason):
            return None if reason in OF_OURS else True
        case MaybeSent():
            return True
        case Answered():
            return None if result.status == 429 else result.status >= 500


def is_refused_key(result: TryResult, *, read: bool) -> bool:
    """Whether the key, or what it may do, is the trouble.

    Args:
        result: what a request came back with.
        read: whether it was a GET that settles a doubt. A restricted key may write
            sources and not read tokens: that stops no other job.
    """
    refused = {401} if read else {401, 403}
    return isinstance(result, Answered) and result.status in refused


class Streaks:
    """How many requests of each account have failed in a row, in this process."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}

    def note(self, account: str, result: TryResult) -> Slow | None:
        """Count a result. Returns what to slow down in a storm of failures."""
        failure = is_failure(result)
        if failure is None:
            return None
        if not failure:
            self._failures.pop(account, None)
            return None
        self._failures[account] = self._failures.get(account, 0) + 1
        return Slow("rate", "", "storm") if self._failures[account] >= STORM else None
