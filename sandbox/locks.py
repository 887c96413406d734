"""Stripe's locks: while a customer is changed, nobody else gets at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.routes import READS, Call
from sandbox.trouble import lock_timeout


class Locks:
    """The customers that a change is at work on.

    Stripe waits a moment for a lock; this gives up at once, as the hardest case.
    """

    def __init__(self, *, active: bool) -> None:
        self._active = active
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def held(self, account: str, call: Call) -> Iterator[None]:
        """Lock the customer of a call while the block runs; a read only looks.

        Raises:
            RefusedError: 429 `lock_timeout`, the customer is locked.
        """
        customer = (account, call.customer)
        if customer in self._held:
            raise lock_timeout()
        if not self._active or not call.customer or call.operation in READS:
            yield
            return
        self._held.add(customer)
        try:
            yield
        finally:
            self._held.discard(customer)
