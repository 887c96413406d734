"""Reading Stripe for a whole batch: many rows at once, at a bounded pace."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from config.accounts import Account
from config.settings import Settings
from customer_sources.batches.commands import command_of
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row
from customer_sources.contract.errors import CustomerSourcesError
from worker import policy
from worker.answers import Answered
from worker.batches.reconciling import UNREAD, Found, Report, fault, read_of
from worker.cli.look import Carry, api_of, follow, words
from worker.looking import Case, Read
from worker.outcomes import Later, Reconcile, Review
from worker.stripe_api import StripeApi, StripeRequest

AT_ONCE = 32
"""Rows: enough for any rate that an account has, at the latency that Stripe has."""
AGAIN_AFTER = (1.0, 4.0)
"""Seconds before a read is repeated that had no answer."""
SLOWEST = 10.0
"""Seconds between reads that are too many even so: then it is not for the pace."""


class KeyRefused(CustomerSourcesError):
    """Stripe refuses the account's key for reading sources."""


class Wanted(NamedTuple):
    """A row that Stripe is read for: it succeeded, or is in review."""

    row: Row
    outcome: Outcome


class Reader:
    """Sends reads, so many a second, and those without an answer again.

    Where Stripe says that these are too many, it sends half as many from then on.

    Args:
        api: sends them, on the running loop.
        per_second: how many; more than 0.
        again_after: seconds before each repetition.
    """

    def __init__(
        self,
        api: StripeApi,
        per_second: float,
        again_after: Sequence[float] = AGAIN_AFTER,
    ) -> None:
        self._api = api
        self._every = 1 / per_second
        self._again_after = again_after
        self._next = 0.0
        self.sent = 0

    async def read(self, read: Read) -> Answered | Later:
        """Read, or say why there is no answer.

        Raises:
            KeyRefused: no read would have one.
        """
        request = StripeRequest(method="GET", path=read.path)
        pauses = iter(self._again_after)
        while True:
            every = self._every
            await self._turn()
            self.sent += 1
            answer = policy.of_read(read.kind, await self._api.send(request))
            if isinstance(answer, Answered):
                return answer
            if answer.code == "key_refused":
                raise KeyRefused("Stripe refuses the account's key for reading sources")
            if answer.code == "rate_limited" and every < SLOWEST:
                # Once, whatever else was sent at that pace and is refused, too.
                self._every = max(self._every, 2 * every)
                continue
            pause = next(pauses, None)
            if pause is None:
                return answer
            await asyncio.sleep(pause)

    @property
    def per_second(self) -> float:
        """How many are sent now."""
        return 1 / self._every

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(self._next, now)
        self._next = at + self._every
        await asyncio.sleep(at - now)


class Comparison:
    """Reads Stripe for rows of one batch.

    Args:
        batch_id: the batch.
        settings: how Stripe is reached.
        account: whose sources they are.
        per_second: most reads in a second.
    """

    def __init__(
        self, batch_id: str, settings: Settings, account: Account, per_second: float
    ) -> None:
        self._batch_id = batch_id
        self._settings = settings
        self._account = account
        self._per_second = per_second

    async def report(
        self, rows: Iterable[Wanted], tell: Callable[[Found | None], None]
    ) -> Report:
        """Read for all rows, and say what was found, in their order.

        Args:
            rows: which.
            tell: is told of each at once; None is a match.

        Raises:
            KeyRefused: the key may not read sources.
        """
        api = api_of(self._settings, self._account)
        reader, report, rest = Reader(api, self._per_second), Report(), iter(rows)
        try:
            while group := list(itertools.islice(rest, AT_ONCE)):
                found = await asyncio.gather(
                    *(self._look(one, reader.read) for one in group)
                )
                for (row, outcome), says in zip(group, found, strict=True):
                    tell(report.add(row, outcome, says))
        finally:
            await api.aclose()
        report.reads = reader.sent
        return report

    async def _look(self, one: Wanted, carry: Carry) -> str:
        """Say what is not as it should be; of a row in review, what Stripe shows."""
        row, outcome = one
        if outcome.state == "needs_review":
            command = command_of(self._batch_id, self._account.name, row)
            error = {"code": outcome.code, "message": outcome.message}
            doubt = Reconcile(otherwise=Review(outcome.code, error), unknown=True)
            case = Case(command=command, unknown=True, doubt=doubt)
            return words(outcome.message, await follow(case, carry))
        answer = await carry(read_of(row, outcome))
        if isinstance(answer, Later):
            return f"{UNREAD}: {answer.code}"
        return fault(self._batch_id, row, answer)
