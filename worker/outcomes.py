"""What a run can decide. Values only; the engine acts on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Succeed(msgspec.Struct, frozen=True):
    """Stripe did it, or it is already as asked."""

    stripe_object: Mapping[str, Any]
    code: str = "succeeded"


class Fail(msgspec.Struct, frozen=True):
    """Stripe is known not to have done it, and asking again would not help."""

    code: str
    error: Mapping[str, Any]
    retryable: bool = False
    """A new job might succeed, so this one goes where people look for such jobs."""
    executed: bool = False
    """Stripe looked at what was asked, so it cost what that costs: an attempt, say."""


class Review(msgspec.Struct, frozen=True):
    """It cannot be established what Stripe did. A person has to look."""

    code: str
    error: Mapping[str, Any]
    unapplied: bool = False
    """Stripe is proved to have done nothing; whether to ask anew is for a person."""


class Cancel(msgspec.Struct, frozen=True):
    """Asked to stop before anything can have reached Stripe."""

    code: str = "cancelled"


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """Not decided yet: the job is to be looked at again."""

    code: str
    """Why, in one stable word."""
    unknown: bool
    """Whether some request of this job may have been executed unanswered."""
    soon: bool = False
    """Whether it is worth trying again within this run, seconds from now."""
    counts: bool = True
    """Whether this was a run; being limited or refused a key is not."""
    delay: float | None = None
    """Seconds to wait at least; None leaves it to the ladder of delays."""
    exact: bool = False
    """Whether the wait has a known end, so that the ladder does not lengthen it."""
    spent: bool = True
    """False: nobody at Stripe looked at it, so that its patience begins anew."""


class Postpone(msgspec.Struct, frozen=True):
    """Nothing was sent, and nothing is to be before a moment."""

    until_ms: int
    """Milliseconds since the epoch."""
    code: str = "postponed"


class Reconcile(msgspec.Struct, frozen=True, kw_only=True):
    """The answers do not tell what Stripe did: read Stripe, before any verdict."""

    otherwise: Fail | Review | Later
    """What stands where the reads prove nothing."""
    unknown: bool
    """Whether what Stripe did is open until then, should the reads have to wait."""
    certain: bool = False
    """Whether `otherwise` is true already, so that reads only say more, and cannot be
    worth waiting for."""

    @property
    def code(self) -> str:
        """Why, in one stable word."""
        return self.otherwise.code


Outcome = Succeed | Fail | Review | Cancel | Later | Postpone
"""What one run decides. Exactly one `Later`, `Postpone` or terminal outcome a run."""
Decision = Outcome | Reconcile
"""What one try decides: an outcome, or that Stripe has to be read first."""
