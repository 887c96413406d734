"""Updating a source: what may change depends on what it is."""

from typing import Any

from msgspec import structs

from sandbox import params, src
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.instruments import ADDRESS, HOLDER_TYPES, checked_expiry
from sandbox.journal import Change
from sandbox.objects import BankAccount, Card, PaymentSource
from sandbox.sources import keep, source_of
from sandbox.views import SOURCE_PATHS, source_view

ANY_PARAMS = frozenset({"expand", "metadata"})
CARD_TEXTS = ADDRESS | {"name"}
CARD_EXPIRY = frozenset({"exp_month", "exp_year"})
BANK_PARAMS = frozenset({"account_holder_name", "account_holder_type"})
SRC_PARAMS = frozenset({"owner"})
PARAMS = ANY_PARAMS | CARD_TEXTS | CARD_EXPIRY | BANK_PARAMS | SRC_PARAMS


def update(x: Execution) -> PaymentSource:
    """Change a source's details, and merge its metadata."""
    params.known(x.form, PARAMS)
    expand = params.expand(x.form, SOURCE_PATHS)
    owner = x.customer()
    source = source_of(x, owner)
    metadata = params.metadata(x.form, current=source.metadata)
    updated = structs.replace(source, metadata=metadata, **_changes(x, source))
    keep(x, owner, updated)
    x.record(Change.SOURCE_UPDATED, updated.id, metadata=metadata)
    return source_view(updated, owner, expand)


def _changes(x: Execution, source: PaymentSource) -> dict[str, Any]:
    """Return the fields that change, other than the metadata.

    Raises:
        RefusedError: a parameter is malformed, or not one for this kind of source.
        FailedError: 402, the card would be expired.
    """
    match source:
        case Card():
            params.known(x.form, ANY_PARAMS | CARD_TEXTS | CARD_EXPIRY)
            return _of_card(x.form, source, x.now)
        case BankAccount():
            params.known(x.form, ANY_PARAMS | BANK_PARAMS)
            return _of_bank_account(x.form)
        case _:
            params.known(x.form, ANY_PARAMS | SRC_PARAMS)
            return {"owner": src.owner(x.form, source.owner)}


def _of_card(form: Form, card: Card, now: int) -> dict[str, Any]:
    changes: dict[str, Any] = {
        name: params.unsettable(form, name) for name in form if name in CARD_TEXTS
    }
    if CARD_EXPIRY.isdisjoint(form):
        return changes
    sent = {name: params.integer(form, name) for name in form if name in CARD_EXPIRY}
    month, year = checked_expiry(
        sent.get("exp_month", card.exp_month), sent.get("exp_year", card.exp_year), now
    )
    return changes | {"exp_month": month, "exp_year": year}


def _of_bank_account(form: Form) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "account_holder_name" in form:
        changes["account_holder_name"] = params.unsettable(form, "account_holder_name")
    if "account_holder_type" in form:
        changes["account_holder_type"] = params.choice(
            form, "account_holder_type", HOLDER_TYPES
        )
    return changes
