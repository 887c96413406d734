"""Upkeep: the loop in every worker that makes lost wake-ups harmless.

No leader and no beat process: each pass is one atomic script, so any number of
workers can run it side by side and each due job is named to one of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from redis.exceptions import ResponseError

from worker.ledger import Ledger
from worker.replies import Trimmed
from worker.unreadable import lay_aside

log = structlog.get_logger("worker")

TRIM_SECONDS = 10.0
"""How often each worker trims the events. A stream outgrows its length by what is told
meanwhile: at a thousand events a second by one per cent of a million. At every pass, it
would cost each of many workers a look at all groups for next to nothing."""


class Upkeep:
    """Takes what is due and rings Celery for it; trims the events now and then."""

    def __init__(
        self, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._trim_at = clock()
        self._said = "FINE"

    async def one_pass(self) -> bool:
        """Ring for everything due. True: there is more than one pass looks at."""
        taken = await self._ledger.take_due()
        for job_class, job_ids in taken.ids.items():
            if job_ids:
                await self._ledger.ring(job_class, job_ids)
        for member in taken.poisoned:
            await self._lay_aside(member)
        if self._clock() >= self._trim_at:
            self._trim_at = self._clock() + TRIM_SECONDS
            self._tell_once(await self._ledger.trim())
        return taken.more

    async def _lay_aside(self, member: str) -> None:
        """End the job that a member names, if it names one; one at a time.

        A refusal concerns this one only, which is named again in half a minute.
        """
        kind, _, job_id = member.partition("j:")
        if kind or not job_id:
            log.error("wakeup_unreadable", member=member)
            return
        try:
            await lay_aside(self._ledger, job_id)
        except ResponseError as error:
            log.error("lay_aside_refused", job_id=job_id, error=str(error))  # noqa: TRY400  no bug of ours

    def _tell_once(self, trimmed: Trimmed) -> None:
        """Log what a group does to the stream when it gets worse, and when it is over.

        A slow group on the edge is told of once, however often it goes to and fro.
        """
        facts = {"group": trimmed.last, "events": trimmed.left}
        match self._said, trimmed.word:
            case (("FINE" | "HELD"), "LOST"):
                log.error("events_lost", **facts)
            case "FINE", "HELD":
                log.warning("events_held", **facts)
            case (("HELD" | "LOST"), "FINE"):
                log.info("events_fine", **facts)
            case _:
                return
        self._said = trimmed.word
