"""`src_` objects by themselves, before and after they hang on a customer."""

from collections.abc import Mapping
from typing import Any

from msgspec import structs, to_builtins

from sandbox import errors, failures, params, tokens
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.instruments import card_from_form
from sandbox.journal import Change
from sandbox.objects import Card, Source
from sandbox.state import Candidate

PARAMS = frozenset(
    {
        "amount",
        "card",
        "currency",
        "expand",
        "metadata",
        "owner",
        "statement_descriptor",
        "token",
        "type",
        "usage",
    }
)
CARD_DETAILS = (
    "brand",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
)
USAGES = ("reusable", "single_use")
NOTHING: frozenset[str] = frozenset()
NOBODY = dict.fromkeys(("address", "email", "name", "phone"))
NOWHERE = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))

ACH_DETAILS: dict[str, dict[str, Any]] = {
    "ach_credit_transfer": {
        "account_number": "test_52796e3294dc",
        "bank_name": "TEST BANK",
        "fingerprint": "ecpwEzmBOSMOqQTL",
        "routing_number": "110000000",
        "swift_code": "TSTEZ122",
    },
    "ach_debit": {
        "bank_name": "STRIPE TEST BANK",
        "country": "US",
        "fingerprint": "wUEYxKDKXGrMmHrX",
        "last4": "6789",
        "routing_number": "110000000",
        "type": "individual",
    },
}


def create(x: Execution) -> Source:
    """Make a `src_`, which can be charged, and so attached, at once."""
    params.known(x.form, PARAMS)
    params.expand(x.form, NOTHING)
    kind = params.required(x.form, "type")
    source = Source(
        id=x.ids.new("src"),
        amount=params.integer(x.form, "amount") if "amount" in x.form else None,
        client_secret=x.ids.new("src_client_secret"),
        created=x.now,
        currency=params.text(x.form, "currency"),
        metadata=params.metadata(x.form),
        owner=owner(x.form, NOBODY),
        statement_descriptor=params.text(x.form, "statement_descriptor"),
        type=kind,
        usage=_usage(x.form),
    )
    # Last, because it may use up a token: nothing can be refused after that.
    source = structs.replace(source, **{kind: _details(x, kind)})
    x.account.sources[source.id] = source
    x.record(Change.SRC_CREATED, source.id, metadata=source.metadata)
    return source


def get(x: Execution) -> Source:
    """Return a `src_`, whether or not it hangs on a customer."""
    params.known(x.form, {"client_secret", "expand"})
    params.expand(x.form, NOTHING)
    source = x.account.sources.get(x.call.id)
    if source is None:
        raise errors.missing_in_path("source", x.call.id, "source")
    return source


def candidate(x: Execution, source_id: str) -> Candidate:
    """Return a `src_` that may be attached.

    Raises:
        FailedError: there is none, or it is attached, or it was.
    """
    source = x.account.sources.get(source_id)
    if source is None:
        raise failures.missing_in_params("source", source_id, "source")
    if source.status == "consumed":
        raise failures.source_consumed()
    if isinstance(source.customer, str):
        raise failures.source_already_attached()
    return Candidate(source)


def _details(x: Execution, kind: str) -> dict[str, Any]:
    if kind in ACH_DETAILS:
        return ACH_DETAILS[kind]
    if kind != "card":
        raise errors.invalid_param("type", f"The sandbox has no sources of type {kind}")
    card: dict[str, Any] = to_builtins(_card(x))
    return {name: card[name] for name in CARD_DETAILS} | {"three_d_secure": "optional"}


def _card(x: Execution) -> Card:
    """Return the card that a source is made of, which uses up its token."""
    given = params.one_of(x.form, ("token", "card"))
    if given == "card":
        found = card_from_form(x, params.section(x.form, "card"), "card")
    else:
        found = tokens.candidate(x, params.required(x.form, "token"))
    if not isinstance(found.source, Card):
        raise errors.invalid_param("token", "The token does not stand for a card.")
    if found.decline:
        raise failures.declined(found.decline)
    if found.token:
        tokens.use_up(x, found.token)
    return found.source


def _usage(form: Form) -> str:
    usage = params.text(form, "usage") or "reusable"
    if usage not in USAGES:
        raise errors.invalid_param(
            "usage", f"Invalid usage: must be one of {' or '.join(USAGES)}"
        )
    return usage


def owner(form: Form, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the owner that a source has after the request.

    What was sent is merged into `current`; an empty string unsets a field.
    """
    given = params.section(form, "owner")
    params.known(given, NOBODY.keys(), "owner")
    changes: dict[str, Any] = {
        name: params.unsettable(given, name, "owner")
        for name in given
        if name != "address"
    }
    if "address" in given:
        changes["address"] = _address(given, current["address"])
    return {**current, **changes}


def _address(
    given: Form, current: Mapping[str, str | None] | None
) -> dict[str, str | None] | None:
    if given["address"] == "":
        return None
    sent, prefix = params.section(given, "address", "owner"), "owner[address]"
    params.known(sent, NOWHERE.keys(), prefix)
    changes = {name: params.unsettable(sent, name, prefix) for name in sent}
    return {**(current or NOWHERE), **changes}
