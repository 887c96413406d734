"""How long a batch takes at the rates that hold now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from config.rates import Rates
from worker.standing import Announced

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a second that an account may send."""

    account: float
    each: float
    """Of each operation that `own` does not name."""
    own: Mapping[str, float]
    announced: bool
    """Whether a worker has told of it; else these are the defaults of a test key."""

    def of(self, operation: str) -> float:
        """Say what one operation may send, by itself."""
        return self.own.get(operation, self.each)


class Duration(NamedTuple):
    """How long a batch takes at least, and what holds it back."""

    seconds: float
    limit: str
    """An operation; "" for all of them together."""
    rate: float
    """Of that limit, in requests a second."""


def default_pace() -> Pace:
    """Give what holds for a test key where nothing is set."""
    allowance = Rates().allowance("test", "")
    return Pace(
        account=allowance.rate,
        each=allowance.each,
        own=allowance.own,
        announced=False,
    )


def pace_of(account: Announced) -> Pace | None:
    """Give what workers have announced; None: nothing yet."""
    rate, each = account.account_per_second, account.operation_per_second
    if not rate or not each:
        return None
    own = {name: rate for name, rate in account.own_per_second.items() if rate > 0}
    return Pace(account=rate, each=each, own=own, announced=True)


def duration(operations: Mapping[str, int], pace: Pace) -> Duration:
    """Say how long rows take, each being one request.

    Args:
        operations: rows by operation.
        pace: what holds now.
    """
    together = sum(operations.values()) / pace.account
    limits = [Duration(together, "", pace.account)]
    limits += [
        Duration(count / pace.of(name), name, pace.of(name))
        for name, count in operations.items()
    ]
    return max(limits)  # of equals, the one that has a name: it says more


def in_words(seconds: float) -> str:
    """Write a duration as a person says it: `11.6 hours`."""
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} seconds"
