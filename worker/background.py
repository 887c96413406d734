"""Loops in two functions: one pass that is tested, and one that repeats it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

log = structlog.get_logger("worker")


async def repeat(
    name: str,
    seconds: float,
    one_pass: Callable[[], Awaitable[object]],
    stopping: Callable[[], bool],
) -> None:
    """Do a pass every so often, until cancelled. A store that is away ends nothing.

    Args:
        name: what the log calls it.
        seconds: pause between the end of a pass and the next.
        one_pass: if it returns something true, there is more: no pause.
        stopping: asked before each pass. Cancelling alone would not do: on Python 3.11
            a cancellation can get lost in the driver's blocking reads.
    """
    away = False
    while not stopping():
        more: object = False
        try:
            more = await one_pass()
            if away:
                log.info("ledger_back", loop=name)
            away = False
        except RedisError as error:
            if not away:  # once an outage, not once a pass
                log.warning("ledger_unavailable", loop=name, error=str(error))
            away = True
        except Exception:
            log.exception("pass_broke", loop=name)
        if not more:
            await asyncio.sleep(seconds)
