"""How fast a batch goes, how much of what the account may send that is, and until when.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from customer_sources.batches.status import Batch, BatchState
from worker.standing import AccountLimits

SPAN_SECONDS = 10.0
"""Over which a speed is taken: a second is too short for a rate of one a second."""
SHORTEST_SECONDS = 0.5
"""Over which one is told: rows end in bursts, and two looks may be close together."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a batch goes. None stands where nobody knows."""

    rows_per_second: float | None = None
    allowed_per_second: float | None = None
    """Requests that its account may send now, for the operations of this batch."""
    allowance_used: float | None = None
    """Share of that: 1 is all of it."""
    seconds_left: float | None = None


class Pace:
    """Takes the speed from looks at a batch, a moment apart."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def add(self, moment: float, done: int) -> None:
        """Note how many rows had ended.

        Args:
            moment: seconds that only go forward.
            done: rows.
        """
        self._looks.append((moment, done))
        while moment - self._looks[0][0] > SPAN_SECONDS:
            self._looks.popleft()

    @property
    def rows_per_second(self) -> float | None:
        """Of the last seconds; None before there were two looks, a moment apart."""
        (began, before), (now, done) = self._looks[0], self._looks[-1]
        took = now - began
        return (done - before) / took if took >= SHORTEST_SECONDS else None


def speed(batch: Batch, rate: float | None, allowed: float | None) -> Speed:
    """Compose what is told of the speed.

    Args:
        batch: as it is now.
        rate: rows a second.
        allowed: requests a second that the account may send.
    """
    runs = batch.state is BatchState.RUNNING
    left = (batch.rows - batch.done) / rate if runs and rate else None
    return Speed(
        rows_per_second=rate if rate is None else round(rate, 2),
        allowed_per_second=allowed,
        allowance_used=round(rate / allowed, 3) if rate and allowed else None,
        seconds_left=left if left is None else round(left, 1),
    )


def average(batch: Batch, now: float) -> float | None:
    """Say how many rows a second it was over the whole time, upload included.

    Args:
        batch: as it is.
        now: seconds since the epoch.
    """
    until = batch.ended.timestamp() if batch.ended else now
    took = until - batch.created.timestamp()
    return round((batch.done - batch.unprocessed) / took, 2) if took > 0 else None


def allowed(limits: AccountLimits, operations: Iterable[str]) -> float | None:
    """Say how many requests a second an account may send for some operations."""
    whole = limits.whole.allowed_per_second
    parts = [
        limits.operations[name].allowed_per_second
        for name in operations
        if name in limits.operations
    ]
    if whole is None or None in parts:
        return whole
    return min(whole, sum(part for part in parts if part is not None))
