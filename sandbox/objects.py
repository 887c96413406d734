"""Stripe's objects, field by field as they stand in an answer.

Fields that Stripe leaves out, rather than sends as null, are `UNSET` until they apply.
"""

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType


class StripeObject(Struct, frozen=True, kw_only=True):
    """What all objects have; `object` names the kind, and is the only sure sign."""

    id: str
    object: str


class Deleted(StripeObject, frozen=True, kw_only=True):
    """What is left of a deleted card, bank account or customer."""

    deleted: bool = True


class Card(StripeObject, frozen=True, kw_only=True):
    """A card; inside a token it belongs to nobody and has no `customer`."""

    object: str = "card"
    address_city: str | None = None
    address_country: str | None = None
    address_line1: str | None = None
    address_line1_check: str | None = None
    address_line2: str | None = None
    address_state: str | None = None
    address_zip: str | None = None
    address_zip_check: str | None = None
    allow_redisplay: str = "unspecified"
    brand: str
    country: str
    customer: Any | UnsetType = UNSET
    cvc_check: str | None = None
    dynamic_last4: str | None = None
    exp_month: int
    exp_year: int
    fingerprint: str
    funding: str
    last4: str
    metadata: dict[str, str]
    name: str | None = None
    regulated_status: str = "unregulated"
    tokenization_method: str | None = None


class BankAccount(StripeObject, frozen=True, kw_only=True):
    """A bank account; `status` is `new` until it is verified."""

    object: str = "bank_account"
    account_holder_name: str | None = None
    account_holder_type: str | None = None
    account_type: str | None = None
    bank_name: str = "STRIPE TEST BANK"
    country: str
    currency: str
    customer: Any | UnsetType = UNSET
    fingerprint: str
    last4: str
    metadata: dict[str, str]
    routing_number: str | None
    status: str = "new"


class Source(StripeObject, frozen=True, kw_only=True):
    """A `src_` object; details stand in the field named like its `type`."""

    object: str = "source"
    amount: int | None = None
    client_secret: str
    created: int
    currency: str | None
    customer: Any | UnsetType = UNSET
    flow: str = "none"
    livemode: bool = False
    metadata: dict[str, str]
    owner: dict[str, Any]
    statement_descriptor: str | None = None
    status: str = "chargeable"
    type: str
    usage: str
    card: dict[str, Any] | UnsetType = UNSET
    ach_credit_transfer: dict[str, Any] | UnsetType = UNSET
    ach_debit: dict[str, Any] | UnsetType = UNSET


class Token(StripeObject, frozen=True, kw_only=True):
    """A single-use stand-in for a card or a bank account."""

    object: str = "token"
    bank_account: BankAccount | UnsetType = UNSET
    card: Card | UnsetType = UNSET
    client_ip: str | None = None
    created: int
    livemode: bool = False
    type: str
    used: bool = False


class Customer(StripeObject, frozen=True, kw_only=True):
    """A customer; `sources` is there only where it is expanded."""

    object: str = "customer"
    balance: int = 0
    created: int
    currency: str | None = None
    default_source: Any = None
    delinquent: bool = False
    description: str | None = None
    email: str | None = None
    invoice_prefix: str | None = None
    livemode: bool = False
    metadata: dict[str, str]
    name: str | None = None
    phone: str | None = None
    sources: dict[str, Any] | UnsetType = UNSET


PaymentSource: TypeAlias = Card | BankAccount | Source
"""What can hang on a customer."""
