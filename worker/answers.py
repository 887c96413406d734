"""What one try came back with: the three things that can be true of a request.

`Answered`, `NotSent` and `MaybeSent` are the whole vocabulary between the wire
(`worker.stripe_api`) and the decision (`worker.policy`). The border between the last
two is what "at most once" rests on, so it is drawn at the wire, where the first byte
leaves, and never guessed from an exception's class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe answered: a complete HTTP response whose body is a JSON object."""

    status: int
    body: Mapping[str, Any]
    request_id: str = ""
    """`Request-Id`, for the log and for Stripe's support."""
    replayed: bool = False
    """`Idempotent-Replayed: true`: the saved result of an earlier send."""
    should_retry: bool | None = None
    """`Stripe-Should-Retry`; None where the header is absent."""
    retry_after: float | None = None
    """`Retry-After` in seconds; Stripe does not document it, proxies send it."""
    limited_by: str = ""
    """`Stripe-Rate-Limited-Reason`, on a limiter's 429 only."""

    @property
    def error(self) -> Mapping[str, Any]:
        """The error object, empty on success or where it is malformed."""
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str:
        """The error's `code`, empty where there is none."""
        code = self.error.get("code")
        return code if isinstance(code, str) else ""


class NotSent(msgspec.Struct, frozen=True):
    """Not a byte of the request left this machine: Stripe cannot have seen it."""

    reason: str


class MaybeSent(msgspec.Struct, frozen=True):
    """The request may have reached Stripe and no usable answer was read."""

    reason: str


TryResult = Answered | NotSent | MaybeSent
