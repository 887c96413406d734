"""Recognising card data, so that none ever lies in the store in clear. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_RUN_OF_DIGITS = re.compile(r"\d(?:[ .-]?\d){11,18}")
_PHONE_DIGITS = 13
"""Digits up to which `+` and digits are a telephone number. The longest in use have
13 with their country's code; cards that short are no longer issued."""
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
_BETWEEN = re.compile(r"[\W_]+")
_LETTER = re.compile(r"[A-Za-z]")
_SHORTEST = 12
"""Digits of the shortest number that `_ISSUERS` describes."""
_LONGEST = 200
"""Characters of a text that could be a card number, however it is set apart."""


def looks_like_card_number(text: str) -> bool:
    """Whether a whole value is a card number, whatever separates or surrounds it.

    It has an issuer's first digits and length, and its last digit is the right check
    digit (Luhn). One in ten of such numbers that are none passes for one. Digits of
    any script count.
    """
    if text.isascii() and (len(text) < _SHORTEST or _LETTER.search(text)):
        return False  # nearly always; a character is one digit at most, a letter stays
    digits = _bare(text) if len(text) <= _LONGEST else ""
    if _ISSUERS.fullmatch(digits) is None or not _luhn(digits):
        return False
    return not (text.lstrip().startswith("+") and len(digits) <= _PHONE_DIGITS)


def holds_card_number(text: str) -> bool:
    """Whether a card number stands somewhere in a sentence."""
    return any(map(looks_like_card_number, _RUN_OF_DIGITS.findall(text)))


_SECRET_NAMES = re.compile(
    r"""
      cv[cv]                                    # cvc, cardCvc2, payment_cvv
    | (^|card)(csc|cvn)                         # card security code, by other names
    | (csc|cvn)$
    | securitycode
    | cardverification(code|number|value)
    | verificationvalue
    | acc(oun)?t(num|nr|no(?![a-z]))            # account_number, acct_no; not a note
    | iban(?!k)
    | ^(card)?pan$
    """,
    re.VERBOSE,
)
_ENDS_OF_NUMBERS = re.compile(r"last(4|four)|ending")
_MOST_OF_AN_END = 4
"""Digits of a number that may be shown, and that Stripe itself tells."""


def names_a_secret(field: str, text: str) -> bool:
    """Whether a field's own name says that its digits are a CVC or account number.

    How the name is written does not matter: `card-cvc`, `CardCvc`, `card cvc`. The last
    four digits of a number, called so, are no secret.
    """
    most = _most_digits(field)
    return most is not None and sum(map(str.isdigit, text)) > most


@lru_cache(maxsize=1024)
def _most_digits(field: str) -> int | None:
    """Tell how many digits may stand in a field of this name; None: any number.

    Kept, because producers use the same few names over and over. What comes here is a
    name that Stripe gave, or a short one that `can_be_named`: no secret is kept.
    """
    name = _bare(field.partition(".")[2] or field).lower()
    if _SECRET_NAMES.search(name) is None:
        return None
    return _MOST_OF_AN_END if _ENDS_OF_NUMBERS.search(name) else 0


def is_only_digits(value: object) -> bool:
    """Whether a value is digits and separators only: never a token, always a number."""
    if not isinstance(value, str) or (value.isascii() and _LETTER.search(value)):
        return False  # a letter in ASCII is kept by `_bare`
    return _bare(value).isdecimal()


def _bare(text: str) -> str:
    """Keep the letters and the digits of a text, the digits of any script as ASCII."""
    if text.isascii():  # nearly always, and ten times faster
        return _BETWEEN.sub("", text)
    plain = unicodedata.normalize("NFKC", text)
    return "".join(_ascii_digit(c) for c in plain if c.isalnum())


def _ascii_digit(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value if value < 10 else value - 9  # noqa: PLR2004  the digits' sum
    return total % 10 == 0
