"""What a test says to the stand-in, the same for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from customer_sources.contract.commands import Command
from customer_sources.contract.events import Event
from customer_sources.contract.states import State
from customer_sources.testing.answers import Answer
from customer_sources.testing.ledger import MemoryLedger


class Scripted:
    """How jobs end, and when they run.

    An answer holds for every job of its operation that runs from now on; with
    `customer`, only for that customer's; with `once`, only for the next one. Answers
    for once are taken first, in the order given; of the others the latest wins.
    """

    _ledger: MemoryLedger

    def succeed(
        self,
        operation: str,
        object: Mapping[str, Any] | None = None,  # noqa: A002  Stripe's word
        *,
        customer: str | None = None,
        once: bool = False,
    ) -> None:
        """Let jobs of an operation succeed, as they do unless told otherwise.

        Args:
            operation: `create`, `get`, `list`, `update`, `verify` or `delete`.
            object: what Stripe answers; None: a plausible object. As with a real
                worker, only the fields that events tell come back.
            customer: only for this customer.
            once: only for the next job.

        Raises:
            ValueError: no such operation, or a list without `data`.
        """
        answer = Answer(State.SUCCEEDED, object)
        self._ledger.answers.script(operation, answer, customer=customer, once=once)

    def fail(
        self,
        operation: str,
        code: str,
        *,
        message: str = "",
        customer: str | None = None,
        once: bool = False,
        **details: str,
    ) -> None:
        """Let jobs of an operation fail.

        Args:
            operation: as for `succeed`.
            code: Stripe's `error.code`: `card_declined`, `resource_missing` ...
            message: Stripe's words.
            customer: as for `succeed`.
            once: as for `succeed`.
            details: what else Stripe says: `decline_code`, `param`, `type`.

        Raises:
            ValueError: no such operation.
        """
        said = {"code": code, "message": message or _message(code), **details}
        answer = Answer(State.FAILED, said)
        self._ledger.answers.script(operation, answer, customer=customer, once=once)

    def needs_review(
        self,
        operation: str,
        code: str = "key_expired",
        *,
        message: str = "",
        customer: str | None = None,
        once: bool = False,
    ) -> None:
        """Let jobs of an operation end in review. Arguments as for `fail`."""
        said = {"code": code, "message": message or _message(code)}
        answer = Answer(State.NEEDS_REVIEW, said)
        self._ledger.answers.script(operation, answer, customer=customer, once=once)

    def run(self) -> int:
        """Run every job that is due; return how many there were."""
        return self._ledger.run()

    def advance(self, span: timedelta) -> None:
        """Let time pass, so that what was submitted with `not_before` comes due.

        Raises:
            ValueError: the span is negative.
        """
        self._ledger.advance(span)

    @property
    def commands(self) -> list[Command]:
        """What was accepted so far, in order: one command for each job."""
        return list(self._ledger.commands)

    @property
    def told(self) -> list[Event]:
        """Every event so far, in order, whoever reads them."""
        texts = self._ledger.stream.texts
        return [msgspec.json.decode(text, type=Event) for text in texts]


def _message(code: str) -> str:
    return f"the test says {code}"
