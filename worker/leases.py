"""The leases this process holds: kept alive by heartbeats, checked before each send.

The store decides whose a job is. What is kept here is only what this process may
still believe, and it always believes less: a lease counts from *before* the call that
took or renewed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class LeaseLost(Exception):
    """The run is no longer this worker's: stop before the next send, write nothing."""


class Heart(Protocol):
    """What renews leases: `Ledger.heartbeat`."""

    async def heartbeat(self, runs: list[tuple[str, str]]) -> list[str]:
        """Renew (id, token) runs; return the tokens that are lost."""


class Lease:
    """One run's right to send, until a moment on the lease clock."""

    __slots__ = ("_clock", "job_id", "lost", "token", "until")

    def __init__(
        self, job_id: str, token: str, until: float, clock: Callable[[], float]
    ) -> None:
        self.job_id = job_id
        self.token = token
        self.until = until
        self.lost = False
        self._clock = clock

    def check(self) -> None:
        """Pass just before bytes leave, or not at all.

        The remaining gap is a pause between this check and the write itself.

        Raises:
            LeaseLost: the store said so, or it may have by now.
        """
        if self.lost or self._clock() >= self.until:
            raise LeaseLost(self.job_id)


class Leases:
    """All leases of this process.

    Args:
        seconds: how long a lease lasts from the call that took it.
        clock: `worker.clock.lease_clock`.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._held: dict[str, Lease] = {}

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def held(self, job_id: str, token: str, asked_at: float) -> Iterator[Lease]:
        """Hold a lease that was asked for at `asked_at` while a run lasts."""
        lease = Lease(job_id, token, asked_at + self._seconds, self._clock)
        self._held[token] = lease
        try:
            yield lease
        finally:
            del self._held[token]

    async def beat(self, heart: Heart) -> list[str]:
        """Renew everything held, once. Returns the ids of runs that were lost."""
        leases = list(self._held.values())
        asked_at = self._clock()
        lost = set(await heart.heartbeat([(it.job_id, it.token) for it in leases]))
        for lease in leases:
            if lease.token in lost:
                lease.lost = True
            else:
                lease.until = asked_at + self._seconds
        # A run that ended while the call was on its way has lost nothing.
        return [it.job_id for it in leases if it.lost and it.token in self._held]
