"""Recognising a card number, so that none ever lies in the store in clear."""

from __future__ import annotations

import re

_SEPARATED = re.compile(r"\d[\d\s\-.]{10,36}\d")
_ONLY_DIGITS = re.compile(r"[\d\s.\-]*\d[\d\s.\-]*")
_ISSUERS = re.compile(
    r"""
      4(\d{12}|\d{15}|\d{18})                                   # Visa
    | (5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}  # Mastercard
    | 3[47]\d{13}                                               # American Express
    | (30[0-5]|36\d|38\d|39\d)\d{11,16}                         # Diners Club
    | (6011|64[4-9]\d|65\d{2})\d{12,15}                         # Discover
    | 35(2[89]|[3-8]\d)\d{12,15}                                # JCB
    | (62|81)\d{14,17}                                          # UnionPay
    | (5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}           # Maestro
    """,
    re.VERBOSE,
)


def looks_like_card_number(text: str) -> bool:
    """Whether a whole value is a card number, separators allowed.

    It has an issuer's first digits and length, and its last digit is the right check
    digit (Luhn). One in ten of such numbers that are none passes for one.
    """
    text = text.strip()
    if not _SEPARATED.fullmatch(text):
        return False
    digits = re.sub(r"\D", "", text)
    return _ISSUERS.fullmatch(digits) is not None and _luhn(digits)


_SECRET_NAMES = re.compile(
    r"(?i)(card_?)?(cvc2?|cvv2?|security_?code)|(bank_?)?account_?(number|no)|iban|pan"
)


def names_a_secret(field: str, text: str) -> bool:
    """Whether a field's own name says that its digits are a CVC or account number."""
    name = re.split(r"[.\[\]]", field.rstrip("]"))[-1]
    return _SECRET_NAMES.fullmatch(name) is not None and any(map(str.isdigit, text))


def is_only_digits(value: object) -> bool:
    """Whether a value is digits and separators only: never a token, always a number."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"[\d\s.\-]*\d[\d\s.\-]*", value) is not None
    )


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value if value < 10 else value - 9  # noqa: PLR2004  the digits' sum
    return total % 10 == 0
