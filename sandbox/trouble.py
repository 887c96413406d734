"""Errors that have nothing to do with what was asked: too many, too busy, broken."""

from typing import Literal, TypeAlias

from sandbox.errors import UNAUTHORIZED, FailedError, RefusedError
from sandbox.limits import Reason

TOO_MANY_REQUESTS, SERVER_ERROR, UNAVAILABLE = 429, 500, 503

Advice: TypeAlias = bool | Literal["absent"]
"""What the header `Stripe-Should-Retry` says, if it is there."""


def expired_api_key() -> RefusedError:
    """Return the 401 for a key that was good until now."""
    message = "Expired API Key provided."
    return RefusedError(UNAUTHORIZED, message, code="api_key_expired")


def rate_limited(reason: Reason) -> RefusedError:
    """Return the 429 for more requests than an account or an operation may have."""
    return RefusedError(
        TOO_MANY_REQUESTS,
        "Testmode request rate limit exceeded, the rate limits in testmode are lower "
        "than livemode. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers=(("Stripe-Rate-Limited-Reason", reason),),
    )


def lock_timeout() -> RefusedError:
    """Return the 429 for an object that another request is at work on."""
    return RefusedError(
        TOO_MANY_REQUESTS,
        "This object cannot be accessed right now because another API request or "
        "Stripe process is currently accessing it. If you see this error "
        "intermittently, retry the request. If you see this error frequently and are "
        "making multiple concurrent requests to a single object, make your requests "
        "serially or at a lower rate.",
        code="lock_timeout",
    )


def saved_500(advice: Advice) -> FailedError:
    """Return the 500 that a retry with the same key reads again."""
    return FailedError(SERVER_ERROR, UNKNOWN, kind="api_error", headers=_told(advice))


def unsaved_500(advice: Advice) -> RefusedError:
    """Return the 500 of a request that never was executed."""
    return RefusedError(SERVER_ERROR, UNKNOWN, kind="api_error", headers=_told(advice))


def unavailable(advice: Advice) -> RefusedError:
    """Return the 503 of a request that never was executed."""
    message = "The service is temporarily unavailable. Please try again later."
    return RefusedError(UNAVAILABLE, message, kind="api_error", headers=_told(advice))


UNKNOWN = "An unknown error occurred while processing your request."


def _told(advice: Advice) -> tuple[tuple[str, str], ...]:
    if advice == "absent":
        return ()
    return (("Stripe-Should-Retry", str(advice).lower()),)
