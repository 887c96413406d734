"""The errors Stripe answers with, in its words.

    ApiError
      RefusedError    before execution began: nothing is saved under the key
      FailedError     during execution: saved under the key, and replayed

Here are the refusals that depend on what was asked; those that do not are in
`trouble`, and the failures in `failures`. Classify by status and `code`; Stripe's
`type` says little and its messages change.
"""

from collections.abc import Sequence

import msgspec

from sandbox.wire import Answer

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409


class ApiError(Exception):
    """The request is answered with an error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        kind: str = "invalid_request_error",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        docs = code and f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        fields = {
            "code": code,
            "decline_code": decline_code,
            "doc_url": docs,
            "message": message,
            "param": param,
            "type": kind,
        }
        self.error = {name: value for name, value in fields.items() if value}
        self.headers = headers

    def answer(self) -> Answer:
        """Return the HTTP response that tells this error."""
        body = msgspec.json.encode({"error": self.error})
        return Answer(status=self.status, body=body, headers=self.headers)


class RefusedError(ApiError):
    """The request was refused before its execution began."""


class FailedError(ApiError):
    """The execution of the request began, and failed."""


def no_api_key() -> RefusedError:
    """Return the 401 for a request without a usable Authorization header."""
    return RefusedError(
        UNAUTHORIZED,
        "You did not provide an API key. You need to provide your API key in the "
        "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
        "YOUR_SECRET_KEY').",
    )


_SHOWN_OF_KEY = 12
"""Characters of a key that are shown; of one that is hardly longer, none is."""


def bad_api_key(key: str) -> RefusedError:
    """Return the 401 for a key that is not a test key; the key is masked in it."""
    is_long = len(key) >= 2 * _SHOWN_OF_KEY
    ends = (key[:8], key[-4:]) if is_long else ("", "")
    masked = ("*" * (len(key) - len("".join(ends)))).join(ends)
    return RefusedError(UNAUTHORIZED, f"Invalid API Key provided: {masked}")


def no_such_account(account: str) -> RefusedError:
    """Return the 403 for a `Stripe-Account` that cannot be one."""
    return RefusedError(
        FORBIDDEN,
        f"The provided key does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def unknown_url(method: str, path: str) -> RefusedError:
    """Return the 404 for an endpoint that the sandbox does not have."""
    return RefusedError(
        NOT_FOUND,
        f"Unrecognized request URL ({method}: {path}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )


def missing_in_path(what: str, identifier: str, param: str) -> RefusedError:
    """Return the 404 for an object named in the path."""
    return RefusedError(
        NOT_FOUND,
        f"No such {what}: '{identifier}'",
        code="resource_missing",
        param=param,
    )


def missing_param(param: str) -> RefusedError:
    """Return the 400 for a required parameter that was not sent."""
    message = f"Missing required param: {param}."
    return RefusedError(BAD_REQUEST, message, code="parameter_missing", param=param)


def unknown_params(names: Sequence[str]) -> RefusedError:
    """Return the 400 for parameters that the operation does not take."""
    plural = "s" if len(names) > 1 else ""
    return RefusedError(
        BAD_REQUEST,
        f"Received unknown parameter{plural}: {', '.join(names)}",
        code="parameter_unknown",
        param=names[0],
    )


def empty_param(param: str) -> RefusedError:
    """Return the 400 for a parameter that may not be the empty string."""
    return RefusedError(
        BAD_REQUEST,
        f"You passed an empty string for '{param}'. We assume empty values are an "
        f"attempt to unset a field; however '{param}' cannot be unset. You should "
        f"remove '{param}' from your request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=param,
    )


def invalid_param(param: str, message: str, code: str | None = None) -> RefusedError:
    """Return the 400 for a parameter of the wrong shape or value."""
    return RefusedError(BAD_REQUEST, message, code=code, param=param)


def out_of_range(param: str, bound: str) -> RefusedError:
    """Return the 400 for a number on the wrong side of a bound."""
    message = f"This value must be {bound}."
    return invalid_param(param, message, "parameter_invalid_integer")


def exclusive_params(names: Sequence[str]) -> RefusedError:
    """Return the 400 for parameters of which only one may be sent."""
    return RefusedError(
        BAD_REQUEST,
        f"You may only specify one of these parameters: {', '.join(names)}.",
        code="parameters_exclusive",
        param=names[0],
    )


def bad_bank_number(which: str, prefix: str, published: str) -> RefusedError:
    """Return the 400 for a routing or account number that is not a test number."""
    return RefusedError(
        BAD_REQUEST,
        f"You must use a test bank {which} number in test mode. Try {published} or see "
        "more options at https://stripe.com/docs/connect/testing#account-numbers.",
        code=f"{which}_number_invalid",
        param=f"{prefix}[{which}_number]",
    )


def unsafe_card_data(param: str) -> RefusedError:
    """Return the 400 that most accounts get for a card number."""
    return RefusedError(
        BAD_REQUEST,
        "Sending credit card numbers directly to the Stripe API is generally unsafe. "
        "We suggest you use test tokens that map to the test card you are using, see "
        "https://stripe.com/docs/testing. To enable raw card data APIs in test mode, "
        "see https://support.stripe.com/questions/enabling-access-to-raw-card-data-apis.",
        param=param,
    )


def key_too_long(limit: int) -> RefusedError:
    """Return the 400 for an Idempotency-Key that is longer than `limit`."""
    message = f"Idempotency-Key must be at most {limit} characters long."
    return RefusedError(BAD_REQUEST, message)


def key_used_with_other_params(key: str) -> RefusedError:
    """Return the 400 for a key that was first used with other parameters."""
    return RefusedError(
        BAD_REQUEST,
        "Keys for idempotent requests can only be used with the same parameters they "
        f"were first used with. Try using a key other than '{key}' if you meant to "
        "execute a different request.",
        kind="idempotency_error",
    )


def key_used_elsewhere(key: str, path: str, first: str) -> RefusedError:
    """Return the 400 for a key that was first used for another endpoint."""
    return RefusedError(
        BAD_REQUEST,
        "Keys for idempotent requests can only be used for the same endpoint they were "
        f"first used for ('{path}' vs '{first}'). Try using a key other than '{key}' "
        "if you meant to execute a different request.",
        kind="idempotency_error",
    )


def key_in_use(key: str) -> RefusedError:
    """Return the 409 for a key whose first request is still being executed."""
    return RefusedError(
        CONFLICT,
        "There is currently another in-progress request using this Idempotent Key "
        "(that probably means you submitted twice, and the other request is still "
        f"going through): {key}. Please try again later.",
        code="idempotency_key_in_use",
    )
