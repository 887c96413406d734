"""Cards and bank accounts, made from a published number or from what was sent."""

from datetime import UTC, datetime

from msgspec import structs

from sandbox import errors, failures, params, published
from sandbox.execution import Execution
from sandbox.forms import Form
from sandbox.objects import BankAccount, Card
from sandbox.state import Candidate

ADDRESS = frozenset(
    f"address_{part}" for part in ("city", "country", "line1", "line2", "state", "zip")
)
CARD_PARAMS = ADDRESS | {
    "cvc",
    "exp_month",
    "exp_year",
    "metadata",
    "name",
    "number",
    "object",
}
HOLDER_TYPES = ("company", "individual")
BANK_DETAILS = frozenset(
    {"account_holder_name", "account_holder_type", "country", "currency"}
)
BANK_PARAMS = BANK_DETAILS | {"account_number", "object", "routing_number"}
MONTHS = range(1, 13)
CVC_LENGTHS = (3, 4)


def published_card(x: Execution, number: str) -> Candidate:
    """Return a new card with the details that Stripe's test tokens have."""
    return _card(x, number, published.EXPIRY, metadata={})


def card_from_form(x: Execution, form: Form, prefix: str) -> Candidate:
    """Return a new card with the details that were sent in the hash `prefix`.

    Raises:
        RefusedError: a parameter is missing, unknown or malformed.
        FailedError: 402 for a number, date or security code that cannot be right.
    """
    params.known(form, CARD_PARAMS, prefix)
    number = params.required(form, "number", prefix).replace(" ", "").replace("-", "")
    month = params.integer(form, "exp_month", prefix)
    year = params.integer(form, "exp_year", prefix)
    metadata = params.metadata(form, prefix)
    cvc = params.text(form, "cvc", prefix)
    details = {
        name: params.text(form, name, prefix) for name in {*ADDRESS, "name"} & set(form)
    }
    if number not in published.CARDS:
        raise failures.declined(published.INCORRECT_NUMBER)
    expiry = checked_expiry(month, year, x.now)
    if cvc is not None and not (cvc.isdigit() and len(cvc) in CVC_LENGTHS):
        raise failures.declined(published.INVALID_CVC)
    made = _card(x, number, expiry, metadata)
    return made._replace(source=structs.replace(made.source, **details))


def checked_expiry(month: int, year: int, now: int) -> tuple[int, int]:
    """Return the month and the year, in four digits, in which a card expires.

    Raises:
        FailedError: 402, there is no such month, or it is over.
    """
    today = datetime.fromtimestamp(now, UTC)
    if year <= 99:  # noqa: PLR2004 - "34" is 2034
        year += 2000
    if year < today.year:
        raise failures.declined(published.INVALID_YEAR)
    if month not in MONTHS or (year == today.year and month < today.month):
        raise failures.declined(published.INVALID_MONTH)
    return month, year


def _card(
    x: Execution,
    number: str,
    expiry: tuple[int, int],
    metadata: dict[str, str],
) -> Candidate:
    kind = published.CARDS[number]
    card = Card(
        id=x.ids.new("card"),
        brand=kind.brand,
        country="US",
        exp_month=expiry[0],
        exp_year=expiry[1],
        fingerprint=x.account.fingerprint(number),
        funding=kind.funding,
        last4=number[-4:],
        metadata=metadata,
    )
    return Candidate(card, kind.decline)


def published_bank_account(x: Execution, number: str) -> Candidate:
    """Return a new bank account like those behind Stripe's test tokens: verified."""
    made = _bank_account(x, number)
    return made._replace(source=structs.replace(made.source, status="verified"))


def bank_account_from_form(x: Execution, form: Form, prefix: str) -> Candidate:
    """Return a new bank account with the details that were sent in the hash `prefix`.

    Raises:
        RefusedError: a parameter is missing, unknown or malformed, or a number is not
            a published one.
    """
    params.known(form, BANK_PARAMS, prefix)
    number = params.required(form, "account_number", prefix)
    routing = params.text(form, "routing_number", prefix)
    params.required(form, "country", prefix)
    params.choice(form, "account_holder_type", HOLDER_TYPES, prefix)
    details = {
        name: params.text(form, name, prefix) for name in BANK_DETAILS & set(form)
    }
    if routing != published.ROUTING_NUMBER:
        raise errors.bad_bank_number("routing", prefix, published.ROUTING_NUMBER)
    if number not in published.BANK_ACCOUNTS:
        raise errors.bad_bank_number("account", prefix, "000123456789")
    made = _bank_account(x, number)
    return made._replace(source=structs.replace(made.source, **details))


def _bank_account(x: Execution, number: str) -> Candidate:
    account = BankAccount(
        id=x.ids.new("ba"),
        country="US",
        currency="usd",
        fingerprint=x.account.fingerprint(f"{published.ROUTING_NUMBER}/{number}"),
        last4=number[-4:],
        metadata={},
        routing_number=published.ROUTING_NUMBER,
    )
    return Candidate(account)
