"""Hold the limits: let a request in, or refuse it with the reason why."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.limits import Limit, Limits, Reason
from sandbox.trouble import rate_limited

ONE_TOKEN = 0.999
"""Tokens that are enough for a request. Not quite 1: times since 1970 are floats, and
what comes back in 1/25 s would else be a billionth short of a token at 25 a second."""


class Scope(NamedTuple):
    """What a limit is held for: an account, or one operation of it."""

    account: str
    operation: str = ""


@dataclass(slots=True)
class Bucket:
    """Tokens, as of a time in seconds since 1970."""

    tokens: float
    at: float


class Limiter:
    """The limits in force, and what each account has used of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[Scope, Bucket] = {}
        self._in_flight: Counter[Scope] = Counter()

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    def replace(self, limits: Limits) -> None:
        """Put other limits in force; all buckets are full again."""
        self._limits = limits
        self._buckets.clear()

    @contextmanager
    def admitted(self, account: str, operation: str, now: float) -> Iterator[None]:
        """Let a request in, and count it as in flight while the block runs.

        Raises:
            RefusedError: 429, with the first limit that is reached as its reason.
        """
        limits = self._limits
        whole, part = Scope(account), Scope(account, operation)
        buckets = [
            self._bucket(whole, limits.account, now, Reason.GLOBAL_RATE),
            self._bucket(part, limits.operation, now, Reason.ENDPOINT_RATE),
        ]
        self._check_room(whole, limits.account, Reason.GLOBAL_CONCURRENCY)
        self._check_room(part, limits.operation, Reason.ENDPOINT_CONCURRENCY)
        # Only now, so that a refused request takes nothing.
        for bucket in filter(None, buckets):
            bucket.tokens -= 1
        self._in_flight.update((whole, part))
        try:
            yield
        finally:
            self._in_flight.subtract((whole, part))

    def _bucket(
        self, scope: Scope, limit: Limit, now: float, reason: Reason
    ) -> Bucket | None:
        """Return a bucket with a token in it, None where there is no limit."""
        if limit.rate is None:
            return None
        size = limit.burst or max(limit.rate, 1.0)
        bucket = self._buckets.setdefault(scope, Bucket(size, now))
        came_back = max(now - bucket.at, 0.0) * limit.rate
        bucket.tokens, bucket.at = min(bucket.tokens + came_back, size), now
        if bucket.tokens < ONE_TOKEN:
            raise rate_limited(reason)
        return bucket

    def _check_room(self, scope: Scope, limit: Limit, reason: Reason) -> None:
        if limit.concurrency and self._in_flight[scope] >= limit.concurrency:
            raise rate_limited(reason)
