"""Reading Stripe for the rows of a plan: what is so already?"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from config.accounts import Account
from config.settings import Settings
from customer_sources.batches.rows import Row
from worker.batches.already import (
    Customer,
    look_at_create,
    look_at_customer,
    look_at_source,
    no_answer,
)
from worker.batches.standing import Latest, Seen
from worker.cli.batch_reads import AT_ONCE, Reader
from worker.cli.look import api_of
from worker.looking import Reading
from worker.outcomes import Later

T = TypeVar("T")


class Pace(NamedTuple):
    """How far reading has come, and how fast it goes."""

    reads: int
    per_second: float


class Looking:
    """Looks at Stripe for rows of a plan.

    Args:
        batch_id: the plan's.
        account: whose sources they are.
    """

    def __init__(self, batch_id: str, account: Account) -> None:
        self._batch_id = batch_id
        self._account = account
        self._customers: Latest[asyncio.Task[Customer | Later]] = Latest()

    async def look(
        self,
        rows: Iterable[Row],
        settings: Settings,
        per_second: float,
        tell: Callable[[Row, Seen, Pace], None],
    ) -> None:
        """Look for all rows.

        Args:
            rows: which.
            settings: how Stripe is reached.
            per_second: most reads in a second.
            tell: is told of each, in their order.

        Raises:
            KeyRefused: the key may not read this.
        """
        api = api_of(settings, self._account)
        reader, rest = Reader(api, per_second), iter(rows)
        try:
            while group := list(itertools.islice(rest, AT_ONCE)):
                looks = (self._look(row, reader) for row in group)
                for row, seen in zip(group, await asyncio.gather(*looks), strict=True):
                    tell(row, seen, Pace(reader.sent, reader.per_second))
        finally:
            await api.aclose()

    async def _look(self, row: Row, reader: Reader) -> Seen:
        if row.operation != "create":
            seen = await _followed(look_at_source(self._batch_id, row), reader)
        else:
            customer = await self._customer(row.customer, reader)
            if isinstance(customer, Later):
                return no_answer(customer.code)
            live = self._account.mode == "live"
            story = look_at_create(self._batch_id, row, customer, live=live)
            seen = await _followed(story, reader)
        return no_answer(seen.code) if isinstance(seen, Later) else seen

    async def _customer(self, customer: str, reader: Reader) -> Customer | Later:
        """Read a customer's sources, unless they are held since an earlier row.

        Rows come here in their order, so that it takes the reads that `Cost` tells.
        """

        def anew() -> asyncio.Task[Customer | Later]:
            reading = _followed(look_at_customer(customer), reader)
            return asyncio.create_task(reading)

        return await self._customers.of(customer, anew)


async def _followed(story: Reading[T], reader: Reader) -> T | Later:
    """Send the reads that a look asks for; give up where one has no answer."""
    try:
        read = next(story)
        while True:
            answer = await reader.read(read)
            if isinstance(answer, Later):
                return answer
            read = story.send(answer)
    except StopIteration as end:
        seen: T = end.value
        return seen
