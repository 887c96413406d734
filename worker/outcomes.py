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


class Review(msgspec.Struct, frozen=True):
    """It cannot be established what Stripe did. A person has to look."""

    code: str
    error: Mapping[str, Any]


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


Outcome = Succeed | Fail | Review | Cancel | Later
"""What one run decides. Exactly one `Later` or terminal outcome a run."""
