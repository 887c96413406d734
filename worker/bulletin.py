"""Keeping the store told of what the settings say: retentions, accounts, rates."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from redis.exceptions import ResponseError

from worker.accounts import Accounts
from worker.ledger import Ledger
from worker.rates import Rates

log = structlog.get_logger("worker")

AGAIN_SECONDS = 10.0
"""Between two times at which everything is told: a store can have been emptied."""


class Bulletin:
    """Tells what is new at once, and everything now and then.

    Args:
        accounts: what the settings and their file say.
        rates: where that is written down.
        ledger: where it is written down how long things are kept, and in which mode.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        accounts: Accounts,
        rates: Rates,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._rates = rates
        self._ledger = ledger
        self._clock = clock
        self._new = dict.fromkeys(accounts.names())
        self._again_at = clock()

    async def one_pass(self) -> None:
        """Look whether the file has changed, and tell."""
        # Kept until it is told: the store may be away.
        self._new |= dict.fromkeys(account.name for account in self._accounts.reread())
        for name in list(self._new):
            await self._tell(name, changed=True)
            del self._new[name]
        if self._clock() >= self._again_at:
            await self._ledger.announce(live=self._accounts.live)
            self._again_at = self._clock() + AGAIN_SECONDS
            for name in self._accounts.names():
                await self._tell(name, changed=False)

    async def _tell(self, name: str, *, changed: bool) -> None:
        account = self._accounts.get(name)
        if account is None:  # taken out of the file meanwhile
            return
        try:
            word = await self._rates.announce(account, changed=changed)
        except ResponseError as error:  # a key of another type: its trouble alone
            log.error("account_unreadable", account=name, error=str(error))  # noqa: TRY400  no bug of ours
            return
        if word == "RESUMED":
            log.info("account_resumed", account=name, word="new_key")
