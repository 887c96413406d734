"""Stripe's published test numbers and test tokens; the sandbox takes no others.

A number that is not listed here may be somebody's real card, so it is refused.
"""

from typing import NamedTuple


class Decline(NamedTuple):
    """How a card is turned down when it is attached to a customer."""

    code: str
    message: str
    decline_code: str | None = None
    param: str | None = None


class PublishedCard(NamedTuple):
    """What a test number stands for."""

    brand: str
    funding: str = "credit"
    decline: Decline | None = None


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", message, decline_code)


GENERIC = _declined("generic_decline")
INSUFFICIENT_FUNDS = _declined(
    "insufficient_funds", "Your card has insufficient funds."
)
LOST = _declined("lost_card")
STOLEN = _declined("stolen_card")
VELOCITY = _declined(
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding "
    "its amount limit.",
)
EXPIRED = Decline("expired_card", "Your card has expired.", param="exp_month")
INCORRECT_CVC = Decline(
    "incorrect_cvc", "Your card's security code is incorrect.", param="cvc"
)
PROCESSING_ERROR = Decline(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)

# These are found when a token is made, before any issuer is asked.
INCORRECT_NUMBER = Decline(
    "incorrect_number", "Your card number is incorrect.", param="number"
)
INVALID_MONTH = Decline(
    "invalid_expiry_month",
    "Your card's expiration month is invalid.",
    param="exp_month",
)
INVALID_YEAR = Decline(
    "invalid_expiry_year", "Your card's expiration year is invalid.", param="exp_year"
)
INVALID_CVC = Decline(
    "invalid_cvc", "Your card's security code is invalid.", param="cvc"
)

CARDS = {
    "4242424242424242": PublishedCard("Visa"),
    "4012888888881881": PublishedCard("Visa"),
    "4000056655665556": PublishedCard("Visa", "debit"),
    "5555555555554444": PublishedCard("MasterCard"),
    "2223003122003222": PublishedCard("MasterCard"),
    "5200828282828210": PublishedCard("MasterCard", "debit"),
    "5105105105105100": PublishedCard("MasterCard", "prepaid"),
    "378282246310005": PublishedCard("American Express"),
    "371449635398431": PublishedCard("American Express"),
    "6011111111111117": PublishedCard("Discover"),
    "6011000990139424": PublishedCard("Discover"),
    "3056930009020004": PublishedCard("Diners Club"),
    "36227206271667": PublishedCard("Diners Club"),
    "3566002020360505": PublishedCard("JCB"),
    "6200000000000005": PublishedCard("UnionPay"),
    "4000000000000341": PublishedCard("Visa"),  # attaches; only a charge would fail
    "4000000000000002": PublishedCard("Visa", decline=GENERIC),
    "4000000000009995": PublishedCard("Visa", decline=INSUFFICIENT_FUNDS),
    "4000000000009987": PublishedCard("Visa", decline=LOST),
    "4000000000009979": PublishedCard("Visa", decline=STOLEN),
    "4000000000006975": PublishedCard("Visa", decline=VELOCITY),
    "4000000000000069": PublishedCard("Visa", decline=EXPIRED),
    "4000000000000127": PublishedCard("Visa", decline=INCORRECT_CVC),
    "4000000000000119": PublishedCard("Visa", decline=PROCESSING_ERROR),
}

_FAILING = {
    "chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
}

CARD_TOKENS = {
    "tok_visa": "4242424242424242",
    "tok_visa_debit": "4000056655665556",
    "tok_mastercard": "5555555555554444",
    "tok_mastercard_debit": "5200828282828210",
    "tok_mastercard_prepaid": "5105105105105100",
    "tok_amex": "378282246310005",
    "tok_discover": "6011111111111117",
    "tok_diners": "3056930009020004",
    "tok_jcb": "3566002020360505",
    "tok_unionpay": "6200000000000005",
    # Both spellings are in use: Stripe's pages have moved from one to the other.
    **{f"tok_{name}": number for name, number in _FAILING.items()},
    **{f"tok_visa_{name}": number for name, number in _FAILING.items()},
}
"""Tokens that need not be made and are never used up: each use is a new card."""

EXPIRY = (12, 2034)
"""Month and year of the cards behind `CARD_TOKENS`, which say only "in the future"."""

ROUTING_NUMBER = "110000000"

BANK_TOKENS = {
    "btok_us_verified": "000123456789",
    "btok_us_verified_noAccount": "000111111116",
    "btok_us_verified_accountClosed": "000111111113",
    "btok_us_verified_insufficientFunds": "000222222227",
    "btok_us_verified_debitNotAuthorized": "000333333335",
    "btok_us_verified_invalidCurrency": "000444444440",
}
"""Likewise for bank accounts, which count as verified from the start."""

BANK_ACCOUNTS = frozenset(BANK_TOKENS.values())
