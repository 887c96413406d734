"""What Stripe plausibly answers where a test says nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from customer_sources.contract.commands import Command

_CARD: dict[str, Any] = {
    "object": "card",
    "address_city": None,
    "address_country": None,
    "address_line1": None,
    "address_line1_check": None,
    "address_line2": None,
    "address_state": None,
    "address_zip": None,
    "address_zip_check": None,
    "brand": "Visa",
    "country": "US",
    "cvc_check": "pass",
    "exp_month": 12,
    "exp_year": 2034,
    "fingerprint": "inMemoryVisa4242",
    "funding": "credit",
    "last4": "4242",
    "name": None,
    "tokenization_method": None,
}
_BANK_ACCOUNT: dict[str, Any] = {
    "object": "bank_account",
    "account_holder_name": "Jenny Rosen",
    "account_holder_type": "individual",
    "account_type": None,
    "bank_name": "STRIPE TEST BANK",
    "country": "US",
    "currency": "usd",
    "fingerprint": "inMemoryBank6789",
    "last4": "6789",
    "routing_number": "110000000",
    "status": "new",
}
_SOURCE: dict[str, Any] = {
    "object": "source",
    "created": 1_767_225_600,
    "currency": None,
    "livemode": False,
    "status": "chargeable",
    "type": "card",
    "usage": "reusable",
}
_NUMBERS = {"exp_month", "exp_year"}
_KINDS = {"card_": _CARD, "ba_": _BANK_ACCOUNT, "src_": _SOURCE}


def default_object(command: Command, numbers: Iterator[int]) -> dict[str, Any]:
    """Compose the object of a command that succeeds.

    Args:
        command: what was asked; ids, metadata and changed fields are echoed.
        numbers: the next of them makes the id of something new.
    """
    fields = dict(parse_qsl(command.body, keep_blank_values=True))
    match command.operation:
        case "create":
            return _described(_new_id(fields, numbers), command.customer, fields)
        case "list":
            card = _described("card_1", command.customer, {})
            return {"object": "list", "has_more": False, "data": [card]}
        case "delete":
            kind = _kind(command.id)["object"]
            return {"id": command.id, "object": kind, "deleted": True}
        case "verify":
            account = {"id": command.id, **_BANK_ACCOUNT, "status": "verified"}
            return account | {"customer": command.customer, "metadata": {}}
        case _:
            return _described(command.id, command.customer, fields)


def _new_id(fields: dict[str, str], numbers: Iterator[int]) -> str:
    """Name what becomes of a token: a `src_` stays itself, others become something."""
    given = fields.get("source", "")
    if given.startswith("src_"):
        return given
    is_account = given.startswith("btok_") or "bank_account" in fields
    return f"{'ba' if is_account else 'card'}_{next(numbers)}"


def _kind(source_id: str) -> dict[str, Any]:
    prefix = source_id.partition("_")[0] + "_"
    return _KINDS.get(prefix, _CARD)


def _described(source_id: str, customer: str, fields: dict[str, str]) -> dict[str, Any]:
    """Describe a source, with the fields that were sent where it has such fields."""
    kind = _kind(source_id)
    sent: dict[str, Any] = {n: text or None for n, text in fields.items() if n in kind}
    for name in _NUMBERS & sent.keys():  # what Stripe would refuse changes nothing here
        text = fields[name]
        sent[name] = int(text) if text.isdecimal() else kind[name]
    metadata = {
        name.removeprefix("metadata[").removesuffix("]"): text
        for name, text in fields.items()
        if name.startswith("metadata[") and text
    }
    return {"id": source_id, **kind, "customer": customer, "metadata": metadata} | sent
