"""`client.verifications` for asyncio: the same calls, awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio

from customer_sources import scripts
from customer_sources.contract.moments import Moment
from customer_sources.contract.names import DEFAULT_ACCOUNT, Keys
from customer_sources.durability import AsyncWriter
from customer_sources.store import in_our_words
from customer_sources.verifications import calls
from customer_sources.verifications.calls import Address
from customer_sources.verifications.status import (
    Attempts,
    Verification,
    count_attempts,
)


class AsyncVerifications:
    """`Verifications` for asyncio; see there what each call does and raises."""

    def __init__(
        self, store: redis.asyncio.Redis, keys: Keys, write: AsyncWriter
    ) -> None:
        self._store = store
        self._keys = keys
        self._write = write
        self._scripts = {
            name: store.register_script(scripts.load(name)) for name in calls.SCRIPTS
        }

    async def watch(
        self,
        customer: str,
        id: str,  # noqa: A002  Stripe's name
        *,
        added_at: Moment | None = None,
        account: str = DEFAULT_ACCOUNT,
        reference: str = "",
    ) -> Verification:
        """Follow a bank account up until it is verified, or until that is over.

        Events tell when its two deposits should be there, so that the customer can be
        asked for the amounts, and, once, how it ended. A bank account that is watched
        already stays as it is watched; one whose watch has ended gets another.

        Args:
            customer: the customer's id.
            id: the bank account's.
            added_at: when it was added, and its deposits were sent; None: now.
            account: whose customer it is.
            reference: your own; comes back as the events' `causationid`.
        """
        arguments = calls.open_arguments(
            self._keys,
            account,
            customer,
            id,
            added_at=added_at,
            reference=reference,
        )
        await self._call("watch_open", arguments)
        return await self.get(customer, id, account=account)

    async def get(
        self,
        customer: str,
        id: str,  # noqa: A002  Stripe's name
        *,
        account: str = DEFAULT_ACCOUNT,
    ) -> Verification:
        """Look how far it is.

        Raises:
            VerificationNotFound: nobody watches it, or that ended too long ago.
        """
        where = calls.address(account, customer, id)
        found = await self._read([where.target])
        if not found:
            raise where.missing()
        return found[0]

    async def attempts(
        self,
        customer: str,
        id: str,  # noqa: A002  Stripe's name
        *,
        account: str = DEFAULT_ACCOUNT,
    ) -> Attempts:
        """Count the guesses at its amounts, those that may be out among them.

        Whether or not it is watched. Guesses made elsewhere are not known.
        """
        target = calls.address(account, customer, id).target
        return count_attempts(await self._guesses(target))

    async def list(self, limit: int = 50) -> list[Verification]:
        """Give those that live, by when they are looked at next; then those ended."""
        targets = await self._targets(calls.most(limit))
        return [*await self._read(targets)]

    async def cancel(
        self,
        customer: str,
        id: str,  # noqa: A002  Stripe's name
        *,
        account: str = DEFAULT_ACCOUNT,
    ) -> Verification:
        """Watch it no more: `cancelled` is the last that is told. Twice is once.

        Raises:
            VerificationNotFound: nobody watches it.
            VerificationEnded: its watch has ended otherwise.
        """
        where = calls.address(account, customer, id)
        while not await self._cancelled(where):
            pass  # another watch was opened between the two calls
        return await self.get(customer, id, account=account)

    async def _cancelled(self, where: Address) -> bool:
        watch = await self.get(where.customer, where.source, account=where.account)
        arguments = calls.cancel_arguments(self._keys, where, watch)
        return calls.cancelled(where, await self._call("watch_cancel", arguments))

    async def _guesses(self, target: str) -> Mapping[str, str]:
        with in_our_words():
            found: Any = await self._store.hgetall(self._keys.attempts(target))
            return dict(found)

    async def _targets(self, most: int) -> Sequence[str]:
        """Name what is listed, in that order."""
        with in_our_words():
            live: Any = await self._store.zrange(self._keys.watches, 0, most - 1)
            ended: Any = await self._store.zrange(
                self._keys.ended_watches, 0, most - 1, desc=True
            )
        return [*live, *ended][:most]

    async def _read(self, targets: Sequence[str]) -> Sequence[Verification]:
        with in_our_words():
            async with self._store.pipeline(transaction=False) as pipe:
                for target in targets:
                    pipe.hgetall(self._keys.watch(target))
                    pipe.hgetall(self._keys.attempts(target))
                return calls.parse_all(await pipe.execute())

    async def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        with in_our_words():
            return await self._write.one(self._scripts[name], arguments)
