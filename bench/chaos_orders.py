"""What the producers of a chaos run ask for. Pure: the seed alone decides.

Every order has a name of its own, which comes back by ways that the product does not
choose: as the event's `causationid`, in the metadata of what a create or an update
left at Stripe, or as the one source that only this order deletes or verifies. So an
account by name finds what an account by job id could not: one order that became two
jobs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from bench.chaos_accounts import ACCOUNTS
from customer_sources.contract.names import DEFAULT_ACCOUNT

NAME = "chaos"
"""Metadata key under which a create and an update carry their order's name."""
ONE_IN_DECLINED = 30
ONE_IN_WRONG = 4
"""Of the verifications; a wrong guess changes Stripe, one attempt of three."""
ONE_IN_MISSING = 8
"""Of the reads by id: Stripe has to say no, and the job to say so."""


class Way(StrEnum):
    """How an order reaches the ledger."""

    SDK = "sdk"
    MANY = "submit_many"
    INBOX = "inbox"
    CELERY = "celery"


SHARES: Mapping[Way, float] = {
    Way.SDK: 0.4,
    Way.MANY: 0.25,
    Way.INBOX: 0.2,
    Way.CELERY: 0.15,
}
OPERATIONS: Mapping[str, int] = {
    "create": 70,
    "update": 8,
    "delete": 7,
    "verify": 5,
    "get": 5,
    "list": 5,
}
"""Weights. Creates most: they alone could leave two of something."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One command that will be asked for, and what must become of it."""

    name: str
    way: Way
    key: str
    """Its idempotency key, where it is sent with one. An order of another account has
    the same: two accounts share nothing."""
    command: Mapping[str, Any]
    """As plain data: operation, ids, parameters and options side by side."""
    fails: str = ""
    """The code with which Stripe refuses it; "" where it must not fail."""

    @property
    def operation(self) -> str:
        """The name of its operation."""
        return str(self.command["operation"])

    @property
    def account(self) -> str:
        """The name of its account; a command that says nothing means the default."""
        return str(self.command.get("account", DEFAULT_ACCOUNT))

    @property
    def source_id(self) -> str:
        """The source that it names; "" where it names none."""
        return str(self.command.get("id", ""))


def orders(seed: int, count: int, customers: int) -> list[Order]:
    """Draw all orders of a run; those of one way in the order of their sending.

    Args:
        seed: the run's.
        count: how many in all.
        customers: how many customers of each account they are spread over. Those of
            one account have the ids of those of the other.
    """
    return [
        _order(random.Random(f"{seed} {way} {number}"), way, number, customers)  # noqa: S311  a plan, no secret
        for way, share in SHARES.items()
        for number in range(round(count * share))
    ]


def sources_needed(wanted: Sequence[Order]) -> dict[str, list[str]]:
    """Name the sources that must be at Stripe before the run, by customer."""
    needed: dict[str, list[str]] = {}
    for order in wanted:
        if order.source_id and order.fails != "resource_missing":
            needed.setdefault(order.command["customer"], []).append(order.source_id)
    return needed


def _order(rng: random.Random, way: Way, number: int, customers: int) -> Order:
    (operation,) = rng.choices(list(OPERATIONS), list(OPERATIONS.values()))
    name = f"{way}-{number}"
    params, fails = _params(rng, operation, name)
    command = {
        "operation": operation,
        "customer": f"cus_chaos{rng.randrange(customers)}",
        "reference": name,
        **params,
    }
    account = ACCOUNTS[number % len(ACCOUNTS)]
    if account != DEFAULT_ACCOUNT:
        command["account"] = account
    if rng.random() < 0.2:  # noqa: PLR2004  a fifth by the other queue
        command["priority"] = "bulk"
    key = f"{way}-{number // len(ACCOUNTS)}"
    return Order(name=name, way=way, key=key, command=command, fails=fails)


def _params(
    rng: random.Random, operation: str, name: str
) -> tuple[dict[str, Any], str]:
    """Draw an operation's own parameters, and the code with which it must fail."""
    card, marked = {"id": f"card_{name}"}, {"metadata": {NAME: name}}
    match operation:
        case "create":
            return _create(rng, marked)
        case "update":
            return {**card, "name": name, **marked}, ""
        case "verify":
            wrong = rng.randrange(ONE_IN_WRONG) == 0
            amounts = [17, 23] if wrong else [32, 45]
            fails = "bank_account_verification_failed" if wrong else ""
            return {"id": f"ba_{name}", "amounts": amounts}, fails
        case "get":
            return card, "" if rng.randrange(ONE_IN_MISSING) else "resource_missing"
        case "list":
            return {"all_pages": rng.random() < 0.5}, ""  # noqa: PLR2004  half of them
        case _:
            return card, ""


def _create(
    rng: random.Random, marked: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    if rng.randrange(ONE_IN_DECLINED) == 0:
        return {"source": "tok_chargeDeclined", **marked}, "card_declined"
    tokens = ("tok_visa", "tok_mastercard", "tok_amex", "tok_discover")
    return {"source": rng.choice(tokens), **marked}, ""
