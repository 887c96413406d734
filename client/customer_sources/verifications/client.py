"""`client.verifications`: have bank accounts followed up, and look how far that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from customer_sources import scripts
from customer_sources.contract.moments import Moment
from customer_sources.contract.names import DEFAULT_ACCOUNT, Keys
from customer_sources.durability import Writer
from customer_sources.store import in_our_words
from customer_sources.verifications import calls
from customer_sources.verifications.calls import Address
from customer_sources.verifications.status import (
    Attempts,
    Verification,
    count_attempts,
)


class Verifications:
    """The watches of a ledger. A client has one, as `client.verifications`.

    Every call may raise `LedgerUnavailable`, and can be repeated then; and
    `CommandInvalid`, where an id or an account is none.

    Args:
        store: the client's connection.
        keys: the names of the ledger.
        write: calls the scripts, as durably as the client does.
    """

    def __init__(self, store: redis.Redis, keys: Keys, write: Writer) -> None:
        self._store = store
        self._keys = keys
        self._write = write
        self._scripts = {
            name: store.register_script(scripts.load(name)) for name in calls.SCRIPTS
        }

    def watch(
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
        self._call("watch_open", arguments)
        return self.get(customer, id, account=account)

    def get(
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
        found = self._read([where.target])
        if not found:
            raise where.missing()
        return found[0]

    def attempts(
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
        return count_attempts(self._guesses(target))

    def list(self, limit: int = 50) -> list[Verification]:
        """Give those that live, by when they are looked at next; then those ended."""
        targets = self._targets(calls.most(limit))
        return [*self._read(targets)]

    def cancel(
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
        while not self._cancelled(where):
            pass  # another watch was opened between the two calls
        return self.get(customer, id, account=account)

    def _cancelled(self, where: Address) -> bool:
        watch = self.get(where.customer, where.source, account=where.account)
        arguments = calls.cancel_arguments(self._keys, where, watch)
        return calls.cancelled(where, self._call("watch_cancel", arguments))

    def _guesses(self, target: str) -> Mapping[str, str]:
        with in_our_words():
            found: Any = self._store.hgetall(self._keys.attempts(target))
            return dict(found)

    def _targets(self, most: int) -> Sequence[str]:
        """Name what is listed, in that order."""
        with in_our_words():
            live: Any = self._store.zrange(self._keys.watches, 0, most - 1)
            ended: Any = self._store.zrange(
                self._keys.ended_watches, 0, most - 1, desc=True
            )
        return [*live, *ended][:most]

    def _read(self, targets: Sequence[str]) -> Sequence[Verification]:
        with in_our_words(), self._store.pipeline(transaction=False) as pipe:
            for target in targets:
                pipe.hgetall(self._keys.watch(target))
                pipe.hgetall(self._keys.attempts(target))
            return calls.parse_all(pipe.execute())

    def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        with in_our_words():
            return self._write.one(self._scripts[name], arguments)
