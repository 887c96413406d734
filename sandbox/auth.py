"""Who asks: the API key, and the account it acts for."""

import binascii
from base64 import b64decode
from collections.abc import Mapping

from sandbox import errors

DEFAULT_ACCOUNT = "acct_sandbox"
"""The account that a key acts for where `Stripe-Account` names no other."""

TEST_KEYS = ("sk_test_", "rk_test_")


def account_of(headers: Mapping[str, str]) -> str:
    """Return the account that a request acts for.

    Raises:
        RefusedError: 401 for a key that is missing, malformed or live; 403 for a
            `Stripe-Account` that cannot be an account.
    """
    key = _key(headers.get("authorization", ""))
    if not any(key.startswith(prefix) and key != prefix for prefix in TEST_KEYS):
        raise errors.bad_api_key(key)
    account = headers.get("stripe-account", DEFAULT_ACCOUNT)
    if not account.startswith("acct_"):
        raise errors.no_such_account(account)
    return account


def _key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "basic":
        # The user name is the key; curl sends an empty password after the colon.
        credentials = _decoded(credentials).partition(":")[0]
    elif scheme.lower() != "bearer":
        credentials = ""
    if not credentials:
        raise errors.no_api_key()
    return credentials


def _decoded(credentials: str) -> str:
    try:
        return b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
