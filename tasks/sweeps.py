"""Sweeps: a loop in every worker that has undecided verify jobs tried again.

No leader: whichever worker looks first when a slot has come begins its sweep, all that
find one go on with it, and one that dies leaves nothing undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from worker.slots import Rule
from worker.sweeping import Step, Sweeping

log = structlog.get_logger("worker")

LOOK_SECONDS = 2.0
"""Between two looks whether a slot has come, or a sweep is to be gone on with."""


class Sweeps:
    """Begins sweeps when their slots come, and sees them through.

    Args:
        sweeping: the scripts.
        rule: when slots come; None: never, but what was begun is gone on with.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        sweeping: Sweeping,
        rule: Rule | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sweeping = sweeping
        self._rule = rule
        self._clock = clock
        self._look_at = clock()
        self._current: str | None = None

    async def one_pass(self) -> bool:
        """Do one step of a sweep, if there is one.

        Always False: the pause between two passes lets the store do other work.
        """
        if self._current is None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_SECONDS
            self._current = await self._find()
        current, self._current = self._current, None  # what breaks is looked at later
        if current is not None:
            step = await self._sweeping.step(current)
            if step is Step.STEPPED:
                self._current = current
            elif step is Step.OVER:
                await self._tell(current)
        return False

    async def _find(self) -> str | None:
        """Find a sweep to go on with; begin one, if it is time."""
        now, current = await self._sweeping.look()
        if current is None and self._rule is not None:
            return await self._sweeping.begin_slot(self._rule, now)
        return current

    async def _tell(self, sweep_id: str) -> None:
        swept = await self._sweeping.read(sweep_id)
        if swept is not None and await self._sweeping.tell(swept):
            log.info("swept", sweep_id=sweep_id, **swept.counts)
