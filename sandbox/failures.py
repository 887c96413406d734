"""What can fail while a request is executed; it is saved under its key and replayed."""

from sandbox.errors import BAD_REQUEST, FailedError
from sandbox.published import Decline

PAYMENT_REQUIRED = 402


def missing_in_params(what: str, identifier: str, param: str) -> FailedError:
    """Return the 400 for an object named by a parameter."""
    return FailedError(
        BAD_REQUEST,
        f"No such {what}: '{identifier}'",
        code="resource_missing",
        param=param,
    )


def declined(decline: Decline) -> FailedError:
    """Return the 402 for a card that its issuer, or Stripe, turned down."""
    return FailedError(
        PAYMENT_REQUIRED,
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        kind="card_error",
        param=decline.param,
    )


def token_already_used(token: str) -> FailedError:
    """Return the 400 for the second use of a single-use token."""
    return FailedError(
        BAD_REQUEST,
        f"You cannot use a Stripe token more than once: {token}.",
        code="token_already_used",
        param="source",
    )


def bank_account_exists() -> FailedError:
    """Return the 400 for a bank account that the customer has already."""
    return FailedError(
        BAD_REQUEST,
        "A bank account with that routing number and account number already exists "
        "for this customer.",
        code="bank_account_exists",
    )


def source_consumed() -> FailedError:
    """Return the 400 for attaching a source that was detached before."""
    return FailedError(
        BAD_REQUEST,
        "The reusable source you provided is consumed because it was previously "
        "charged without being attached to a customer or was detached from a customer. "
        "To charge a reusable source multiple time you must attach it to a customer "
        "first.",
        param="source",
    )


def source_already_attached() -> FailedError:
    """Return the 400 for attaching a source for the second time."""
    return FailedError(
        BAD_REQUEST,
        "The source you provided has already been attached to a customer.",
        param="source",
    )


def amounts_do_not_match() -> FailedError:
    """Return the 402 for a guess at the micro-deposits that missed."""
    return _not_verified(
        "The amounts provided do not match the amounts that were sent to the bank "
        "account."
    )


def attempts_used_up() -> FailedError:
    """Return the 402 for a guess after the last one; its code tells nothing new."""
    return _not_verified(
        "You have exceeded the number of allowed verification attempts for this bank "
        "account."
    )


def deposits_bounced() -> FailedError:
    """Return the 402 for a guess at deposits that came back; it has no other code."""
    return _not_verified("The deposits could not be made to this bank account.")


def already_verified() -> FailedError:
    """Return the 400 for a guess at what is known; no code is published for it."""
    message = "This bank account has already been verified."
    return FailedError(BAD_REQUEST, message)


def _not_verified(message: str) -> FailedError:
    code = "bank_account_verification_failed"
    return FailedError(PAYMENT_REQUIRED, message, code=code)
