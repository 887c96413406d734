"""Putting sources there by hand, before a test or a demo begins."""

from collections.abc import Mapping, Sequence

from sandbox import published
from sandbox.objects import BankAccount, Card, Customer
from sandbox.state import Account, CustomerRecord, Deposits

NUMBER = "4242424242424242"
"""What `tok_visa` stands for."""


def plant(account: Account, wanted: Mapping[str, Sequence[str]], now: int) -> None:
    """Make sure that customers are there, and that each has sources of given ids.

    One that begins with `ba_` is an unverified bank account, any other a Visa card.
    This is no request: it leaves nothing in the journal, so that an account of what
    happened afterwards begins at nothing. What is there already stays as it is.
    """
    for customer_id, source_ids in wanted.items():
        profile = Customer(id=customer_id, created=now, metadata={})
        record = account.customers.setdefault(customer_id, CustomerRecord(profile))
        for source_id in source_ids:
            if source_id in record.sources:
                continue
            if source_id.startswith("ba_"):
                record.add(_bank_account(account, source_id))
                record.deposits[source_id] = Deposits(sent=now)
            else:
                record.add(_card(account, source_id))


def _bank_account(account: Account, account_id: str) -> BankAccount:
    return BankAccount(
        id=account_id,
        country="US",
        currency="usd",
        # Of its own, so that attaching a published one is no duplicate of it.
        fingerprint=account.fingerprint(account_id),
        last4="6789",
        metadata={},
        routing_number=published.ROUTING_NUMBER,
    )


def _card(account: Account, card_id: str) -> Card:
    kind, (month, year) = published.CARDS[NUMBER], published.EXPIRY
    return Card(
        id=card_id,
        brand=kind.brand,
        country="US",
        exp_month=month,
        exp_year=year,
        fingerprint=account.fingerprint(NUMBER),
        funding=kind.funding,
        last4=NUMBER[-4:],
        metadata={},
    )
