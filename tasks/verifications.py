"""Watches: a loop in every worker that takes the turns of bank accounts watched.

No leader: whoever comes first takes a turn, in one script, and one that dies before has
done nothing. Between its turns a watch costs nothing but its record.
"""

from __future__ import annotations

from collections.abc import Callable

import redis.exceptions
import structlog

from worker.watch_ledger import MOST_DUE, DueWatch, WatchLedger
from worker.watching import Plan, decide

log = structlog.get_logger("worker")


class Verifications:
    """Takes the turns of all watches, for one worker process.

    Args:
        ledger: the scripts.
        plan: works out the moments of a watch, from when (ms) its account was added.
    """

    def __init__(self, ledger: WatchLedger, plan: Callable[[int], Plan]) -> None:
        self._ledger = ledger
        self._plan = plan

    async def one_pass(self) -> bool:
        """Take the turns that are due. True: there are more."""
        found = await self._ledger.due()
        for watch in found:
            await self._take(watch)
        return len(found) == MOST_DUE

    async def _take(self, watch: DueWatch) -> None:
        """Take one turn; what is wrong with it is its own trouble, and comes again.

        Raises:
            ConnectionError, TimeoutError: the store is away, from all of them.
        """
        try:
            turn = decide(watch.record, watch.guesses, watch.now_ms, self._plan)
            taken = await self._ledger.take(watch, turn)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            raise
        except Exception:
            log.exception("watch_broke", target=watch.target)
            return
        if taken:
            what = "look" if turn.look else turn.state.value
            log.info("watch", watch_id=watch.record.get("id", ""), what=what)
