"""The operations: what each takes, where it goes, what it tells.

Parameters and their limits are those of Stripe's published OpenAPI description of
2026-07. What it leaves optional stays optional here: Stripe is the judge, and its
error is the job's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=5000)]
Metadata = dict[
    Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\[\]]*$")],
    Annotated[str, Meta(max_length=500)],
]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""64 bits: Stripe's integers. A longer one would only come back in an error's text."""
Cents = Annotated[int, Meta(ge=-99, le=99)]
"""Of a micro-deposit: two digits at most. That it is positive is for Stripe to say."""
Amounts = Annotated[list[Cents], Meta(min_length=2, max_length=2)]
Expand = Annotated[list[Text], Meta(max_length=20)]
"""Stripe's description does not bound the number of its items; 20 are several times
what means anything, and keep a command within what the store, the inbox (64 KB) and a
query string hold. For the same reason a text has 5,000 characters where Stripe names
no bound: an owner's email, a cursor, the id of a delete."""

MOST_METADATA = 49
"""Stripe takes 50 metadata keys; one is kept for the marker."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be given with a command beside `customer` and `id`.

    `None` is "not given" and is not sent.
    """


class CreateParams(Params, frozen=True, kw_only=True):
    """`POST /v1/customers/{customer}/sources`."""

    source: Text | None = None
    card: Text | None = None
    bank_account: Text | None = None
    alipay_account: Text | None = None
    metadata: Metadata | None = None
    expand: Expand | None = None
    validate: bool | None = None


class GetParams(Params, frozen=True, kw_only=True):
    """`GET /v1/customers/{customer}/sources/{id}`."""

    expand: Expand | None = None


class ListParams(Params, frozen=True, kw_only=True):
    """`GET /v1/customers/{customer}/sources`."""

    limit: Annotated[int, Meta(ge=1, le=100)] | None = None
    starting_after: Text | None = None
    ending_before: Text | None = None
    object: Text | None = None
    expand: Expand | None = None


class Address(Params, frozen=True, kw_only=True):
    """The address of a source's owner."""

    city: Text | None = None
    country: Text | None = None
    line1: Text | None = None
    line2: Text | None = None
    postal_code: Text | None = None
    state: Text | None = None


class Owner(Params, frozen=True, kw_only=True):
    """The owner of a legacy source."""

    address: Address | None = None
    email: Text | None = None
    name: Text | None = None
    phone: Text | None = None


class UpdateParams(Params, frozen=True, kw_only=True):
    """`POST /v1/customers/{customer}/sources/{id}`. What fits depends on the source.

    An empty text unsets a field; `metadata=""` unsets all of it.
    """

    account_holder_name: Text | None = None
    account_holder_type: Literal["company", "individual"] | None = None
    name: Text | None = None
    address_city: Text | None = None
    address_country: Text | None = None
    address_line1: Text | None = None
    address_line2: Text | None = None
    address_state: Text | None = None
    address_zip: Text | None = None
    exp_month: Text | Whole | None = None
    exp_year: Text | Whole | None = None
    owner: Owner | None = None
    metadata: Metadata | Literal[""] | None = None
    expand: Expand | None = None


class VerifyParams(Params, frozen=True, kw_only=True):
    """`POST /v1/customers/{customer}/sources/{id}/verify`."""

    amounts: Amounts | None = None
    expand: Expand | None = None


class DeleteParams(Params, frozen=True, kw_only=True):
    """`DELETE /v1/customers/{customer}/sources/{id}`."""

    expand: Expand | None = None


class Effect(StrEnum):
    """What a repeat of an operation's request can do to Stripe."""

    NONE = "none"
    """A read. Repeat at will."""
    KEYED = "keyed"
    """A POST: the Idempotency-Key makes a repeat harmless, for 24 hours."""
    PLAIN = "plain"
    """A DELETE: Stripe ignores keys on it, a repeat finds nothing to delete."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table below."""

    name: str
    method: Literal["GET", "POST", "DELETE"]
    effect: Effect
    params: type[Params]
    event: str
    """The noun and verb of the event that tells its success."""
    longest_id: int = 5000
    """Longest source id; 0 where the operation has none."""
    not_for: tuple[str, ...] = ()
    """How ids of sources begin that it cannot be for."""
    suffix: str = ""
    """What follows the source's id in the path."""
    params_in_query: bool = False
    """Whether parameters travel in the query. Stripe's SDKs do so on DELETE too."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation(
            name="create",
            method="POST",
            effect=Effect.KEYED,
            params=CreateParams,
            event="customer.source.created",
            longest_id=0,
        ),
        Operation(
            name="get",
            method="GET",
            effect=Effect.NONE,
            params=GetParams,
            event="customer.source.retrieved",
            longest_id=500,
            params_in_query=True,
        ),
        Operation(
            name="list",
            method="GET",
            effect=Effect.NONE,
            params=ListParams,
            event="customer.source.listed",
            longest_id=0,
            params_in_query=True,
        ),
        Operation(
            name="update",
            method="POST",
            effect=Effect.KEYED,
            params=UpdateParams,
            event="customer.source.updated",
        ),
        Operation(
            name="verify",
            method="POST",
            effect=Effect.KEYED,
            params=VerifyParams,
            event="customer.source.verified",
            suffix="/verify",
            not_for=("card_", "src_"),
        ),
        Operation(
            name="delete",
            method="DELETE",
            effect=Effect.PLAIN,
            params=DeleteParams,
            event="customer.source.deleted",
            params_in_query=True,
        ),
    )
}

TOKENS = ("source", "card", "bank_account", "alipay_account")
"""Parameters that take a token. Stripe takes objects of card or account numbers too.

Those numbers would lie in the store in clear, so the object form is refused, and so is
a text of digits alone: no token is one.
"""


def given(params: Params) -> dict[str, Any]:
    """Return the parameters that were given, as plain values in declared order.

    An empty collection sends nothing, so it counts as not given.
    """
    plain = {}
    for name in params.__struct_fields__:
        value = getattr(params, name)
        if value is None:
            continue
        if isinstance(value, Params):
            value = given(value)
        if value or not isinstance(value, (dict, list)):
            plain[name] = value
    return plain
