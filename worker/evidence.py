"""What the bytes of a command and the objects of Stripe prove about each other. Pure.

The stored body is the evidence of what was asked, whatever the job is called that asks
now: a job that was replayed carries the body, and so the marker, of the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from customer_sources.contract.names import MARKER

_GIVEN = ("source", "card", "bank_account", "alipay_account")
MOST_NAMED = 10
"""Ids or fields named in a message: enough for a person to begin with."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a token tells of its use, and of what it stands for."""

    used: bool
    details: Mapping[str, Any]
    """The card or bank account behind it."""


def fields_of(body: str) -> dict[str, str]:
    """Decode a stored body: form fields by their names, in order."""
    return dict(parse_qsl(body, keep_blank_values=True))


def marker_of(body: str) -> str:
    """Return the mark that this create leaves on its source; "" where none."""
    return fields_of(body).get(f"metadata[{MARKER}]", "")


def given_in(body: str) -> str:
    """Return the token or `src_` that this create attaches; "" where there is none."""
    fields = fields_of(body)
    return next((fields[name] for name in _GIVEN if fields.get(name)), "")


def mark_on(source: Mapping[str, Any]) -> str:
    """Return the mark of the job that made a source; "" where there is none."""
    metadata = source.get("metadata")
    mark = metadata.get(MARKER) if isinstance(metadata, Mapping) else None
    return mark if isinstance(mark, str) else ""


def token_in(body: Mapping[str, Any], token_id: str) -> Token | None:
    """Read a token object; None where it is not the one, or does not tell its use."""
    used = body.get("used")
    if body.get("id") != token_id or not isinstance(used, bool):
        return None
    found = (body.get(name) for name in ("card", "bank_account"))
    details = next((one for one in found if isinstance(one, Mapping)), {})
    return Token(used=used, details=details)


def alike(
    token: Token, sources: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the sources with the fingerprint of what a token stands for."""
    fingerprint = token.details.get("fingerprint")
    return [
        source
        for source in sources
        if isinstance(fingerprint, str)
        and fingerprint
        and source.get("fingerprint") == fingerprint
    ]


def twin_of(token: Token, accounts: Sequence[Mapping[str, Any]]) -> str:
    """Return the id of the bank account that a token would have doubled, if sure.

    By fingerprint; where that is not told, by routing number and last digits.
    """
    numbers = _numbers(token.details)
    found = alike(token, accounts) or [
        account for account in accounts if all(numbers) and numbers == _numbers(account)
    ]
    return str(found[0].get("id", "")) if len(found) == 1 else ""


def differences(body: str, source: Mapping[str, Any]) -> list[str]:
    """Name the fields that an update sets and a source does not have so.

    Never their values. An empty text unsets a field, and all of it for metadata.
    """
    return [
        name
        for name, wanted in fields_of(body).items()
        if not name.startswith("expand[") and not _is_as(wanted, _value(source, name))
    ]


def named(words: Sequence[str]) -> str:
    """Name a few of these."""
    more = [] if len(words) <= MOST_NAMED else [f"{len(words) - MOST_NAMED} more"]
    return ", ".join([*words[:MOST_NAMED], *more])


def _numbers(account: Mapping[str, Any]) -> list[object]:
    return [account.get("routing_number"), account.get("last4")]


def _value(source: Mapping[str, Any], name: str) -> object:
    """Look up `owner[address][city]` in an object; None where it is not."""
    value: object = source
    for part in re.findall(r"[^\[\]]+", name):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _is_as(wanted: str, value: object) -> bool:
    if not wanted:
        return value in (None, "", {})
    if isinstance(value, int) and not isinstance(value, bool):
        return wanted.isdecimal() and int(wanted) == value
    return wanted == value
