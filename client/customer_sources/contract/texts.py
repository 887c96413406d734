"""Texts as a command may hold them: what is not stored, what is not repeated. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from customer_sources.contract.card_data import looks_like_card_number, names_a_secret
from customer_sources.contract.errors import Problem
from customer_sources.contract.masking import mask_secrets

TOKEN_ADVICE = "pass a token (tok_..., btok_... or src_...)"  # noqa: S105  advice
_WORD = re.compile(r"[\w.-]+", re.ASCII)
_LONGEST_NAME = 64
"""Characters of a name that is repeated in a problem: Stripe's longest has 40."""


def text_problems(
    field: str, text: str, harmless: Collection[str] = ()
) -> list[Problem]:
    """Refuse what must not be stored, or could not be. Never quotes the text."""
    if not (text.isprintable() or is_unicode(text)):
        return [Problem(field, "not valid Unicode: it has half a character in it")]
    if field in harmless:
        return []
    if names_a_secret(field, text):
        advice = f"declare harmless=[{field!r}] if it is none"
        return [Problem(field, f"named like a CVC or an account number; {advice}")]
    if looks_like_card_number(text):
        advice = f"{TOKEN_ADVICE}, or declare harmless=[{field!r}] if it is none"
        return [Problem(field, f"looks like a card number; {advice}")]
    return []


def is_unicode(text: str) -> bool:
    """Whether a text can be written down: no lone half of a character in it."""
    return text.isprintable() or not any("\ud800" <= c <= "\udfff" for c in text)


def can_be_named(name: object, *, as_one_word: bool = False) -> bool:
    """Whether a name that a producer chose may stand in a problem.

    Whoever mixes up names and values would else find a card number or a token there.
    Stripe's own names are one word; keys of metadata may be anything.
    """
    if not isinstance(name, str) or (as_one_word and not _WORD.fullmatch(name)):
        return False
    return (
        0 < len(name) <= _LONGEST_NAME
        and name.isprintable()
        and not looks_like_card_number(name)
        and mask_secrets(name) == name
    )
