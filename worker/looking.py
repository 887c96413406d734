"""What a look at Stripe is made of: the doubt, the reads, the words for the verdict.

A look is a generator: it yields the reads that it wants, is sent their answers, and
returns an outcome. So it reads as a story, and needs no network to be tested. What it
yields is a `Read`, which is a path and can only become a GET: no look changes Stripe.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from customer_sources.contract.commands import Command
from customer_sources.contract.encoding import path_segment
from customer_sources.contract.events import told
from worker.answers import Answered
from worker.outcomes import Later, Outcome, Reconcile, Succeed

T = TypeVar("T")

RECONCILED = "reconciled"
"""Code of a success that was read from Stripe's state instead of an answer."""
MOST_SOURCES = 1000
"""Read of one list: ten pages of a hundred, and an event of at most 1 MB or so."""
MOST_RESTARTS = 2
"""A list that loses its cursor more often than that is of a customer under work."""


class Read(msgspec.Struct, frozen=True):
    """A GET that a look asks for. There is no other request that it could ask for."""

    path: str
    """Percent-encoded; may carry a query."""
    kind: Literal["get", "list"] = "get"
    """What its answer is judged like: the operation of that name."""

    @property
    def operation(self) -> str:
        """Which operation it is to Stripe, whose rate it is charged to."""
        return "token" if self.path.startswith("/v1/tokens/") else self.kind


Reading = Generator[Read, Answered, T]
"""A part of a look that comes to a `T`."""
Look = Reading[Outcome]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A job of which the answers do not tell what Stripe did."""

    command: Command
    """Its body is what was sent, with the marker of the job that first sent it."""
    unknown: bool
    """Whether some request of the job may have been executed unanswered."""
    doubt: Reconcile
    """What is to be settled, and what stands where it cannot be."""
    guesses: int = 0
    """Of a verify: guesses that are used, with this one."""

    @property
    def customer_path(self) -> str:
        """Where the customer's sources are."""
        return f"/v1/customers/{path_segment(self.command.customer)}/sources"

    @property
    def source_path(self) -> str:
        """Where the command's source is."""
        return f"{self.customer_path}/{path_segment(self.command.id)}"

    @property
    def error(self) -> dict[str, Any]:
        """The error that stands where the reads prove nothing."""
        otherwise = self.doubt.otherwise
        return {} if isinstance(otherwise, Later) else dict(otherwise.error)

    def error_and(self, finding: str) -> dict[str, Any]:
        """The same, with what the reads have shown added to its message."""
        words = [self.error.get("message"), finding]
        return self.error | {"message": "; ".join(filter(None, words))}

    def open(self, finding: str) -> Outcome:
        """Leave it at what stood before, and say what the reads have shown."""
        otherwise = self.doubt.otherwise
        if isinstance(otherwise, Later):
            return otherwise
        return msgspec.structs.replace(otherwise, error=self.error_and(finding))


def done(stripe_object: Mapping[str, Any], code: str = RECONCILED) -> Succeed:
    """Tell a success by the object that proves it."""
    return Succeed(told(stripe_object), code)


def is_object(answer: Answered) -> bool:
    """Whether a read came back with what it asked for."""
    return answer.status < 300 and isinstance(answer.body.get("id"), str)  # noqa: PLR2004
