"""The gate: lets jobs go that stand in line for a permit, when it is their turn.

Every worker has one. It asks the store for permits, at the moment at which the store
says that there will be some, and runs who gets them: no message is needed for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from worker.rates import Granted

LOOK_SECONDS = 0.1
"""Between two looks at the latest: producers put jobs in line and tell nobody."""
SHORTEST_LOOK = 0.002
"""Between two looks at least, so that a full line is served in groups."""
MOST_AT_ONCE = 50
"""Jobs that one call lets go: a few milliseconds of the store's time."""
KEPT_FREE = 4
"""One place in so many is not for the lower classes, should somebody urgent come."""


class Runs(Protocol):
    """What runs jobs: `Engine`."""

    taken: int
    knock: Callable[[], None]
    queued: Callable[[], None]

    async def run_all(self, job_ids: Iterable[str]) -> None:
        """Run jobs that were let go."""


class Grants(Protocol):
    """What gives permits: `Rates.grant`."""

    async def grant(self, room: int, lower: int) -> Granted:
        """Give permits to at most `room` jobs, `lower` of them of lower classes."""


class Gate:
    """Serves the lines for one worker process, on its event loop.

    Args:
        rates: gives permits.
        engine: runs jobs, and says when it has room.
        places: how many jobs it runs at once.
    """

    def __init__(
        self,
        rates: Grants,
        engine: Runs,
        *,
        places: int,
    ) -> None:
        self._rates = rates
        self._engine = engine
        self._places = places
        engine.knock, engine.queued = self.knock, self.queued
        self._look = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._busy = True
        self.closed = False
        """Set when the process is to stop: nobody is let go any more."""

    def knock(self) -> None:
        """Look soon: a job was put in line, or a place has become free."""
        if self._busy:
            self._look.set()

    def queued(self) -> None:
        """Look soon, and go on looking: there is a line."""
        self._busy = True
        self._look.set()

    async def one_pass(self) -> bool:
        """Let go who may, and wait until it is worth looking again. Always true."""
        self._look.clear()
        pause = LOOK_SECONDS
        room = self._places - self._engine.taken
        if room > 0 and not self.closed:
            lower = max(0, room - self._places // KEPT_FREE)
            granted = await self._rates.grant(min(room, MOST_AT_ONCE), lower)
            self._busy = granted.again_ms is not None
            for job_id in granted.ids:
                task = asyncio.create_task(self._let_go(job_id))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if granted.again_ms is not None:
                pause = min(pause, granted.again_ms / 1000)
        await self._wait(pause)
        return True

    async def ended(self) -> None:
        """Wait for everybody who was let go."""
        while self._running:
            await asyncio.wait(self._running)

    async def _let_go(self, job_id: str) -> None:
        await self._engine.run_all([job_id])

    async def _wait(self, seconds: float) -> None:
        """Wait until somebody knocks, or until then."""
        await asyncio.sleep(SHORTEST_LOOK)
        try:
            async with asyncio.timeout(max(seconds - SHORTEST_LOOK, 0)):
                await self._look.wait()
        except TimeoutError:
            pass
