"""Hiding what opens a payment or an account wherever a text of others is told. Pure."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"\b((?:sk|rk|pk|tok|btok|cvctok|pii|whsec)_|[\w-]+?_secret_)[\w-]+"
)
"""Stripe quotes what it was sent in some messages, and a token is as good as the card;
keys and client secrets do not belong there, and are masked all the same."""
_LONG_NUMBER = re.compile(r"\d(?:[\s./_-]?\d){11,}")
"""Twelve digits or more are a card's or an account's; no sentence of Stripe's has a
number as long as that of its own."""
_NUMBER = re.compile(r"[-+]?\d+([.,_]\d+)*")


def mask_secrets(text: str) -> str:
    """Hide tokens, keys and client secrets: `tok_1AbC` becomes `tok_***`."""
    # Whatever `_SECRET` finds has one of these in it. Nearly every text has none.
    if "k_" in text or "pii_" in text or "whsec_" in text or "_secret_" in text:
        return _SECRET.sub(r"\1***", text)
    return text


def mask_sentence(text: str) -> str:
    """Hide secrets, and numbers that may be a card's or an account's."""
    return _LONG_NUMBER.sub("***", mask_secrets(text))


def mask_numbers(text: str) -> str:
    """Hide secrets and every number: a sentence about the amounts of deposits."""
    return _NUMBER.sub("***", mask_secrets(text))
