from collections.abc import Iterator

import httpx
import pytest

from sandbox import published
from sandbox.core import Sandbox
from sandbox.execution import Options
from sandbox.inprocess import transport

KEY = {"Authorization": "Bearer sk_test_1"}
SOURCES = "/customers/cus_1/sources"
CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034"}
BANK = {
    "country": "US",
    "currency": "usd",
    "routing_number": "110000000",
    "account_number": "000123456789",
}


@pytest.fixture
def sandbox() -> Sandbox:
    # June 2030: what is in the past does not depend on today.
    return Sandbox(Options(auto_customers=True, seed=1), clock=lambda: 1_907_000_000)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=transport(sandbox), base_url="http://sandbox/v1", headers=KEY
    ) as client:
        yield client


def make(api: httpx.Client, kind: str, details: dict[str, str]) -> httpx.Response:
    form = {f"{kind}[{name}]": value for name, value in details.items()}
    return api.post("/tokens", data=form)


def error_of(response: httpx.Response) -> tuple[int, str, str | None]:
    error = response.json()["error"]
    return response.status_code, error["code"], error.get("param")


def test_a_card_token_becomes_the_card_that_it_shows(api: httpx.Client) -> None:
    token = make(api, "card", {**CARD, "cvc": "123", "address_zip": "89073"}).json()
    assert token["id"].startswith("tok_")
    assert (token["object"], token["type"], token["used"]) == ("token", "card", False)
    assert "bank_account" not in token
    assert "customer" not in token["card"]

    card = api.post(SOURCES, data={"source": token["id"]}).json()
    assert card == {**token["card"], "customer": "cus_1"}
    assert (card["last4"], card["address_zip"]) == ("4242", "89073")


def test_a_bank_account_token_becomes_an_unverified_account(api: httpx.Client) -> None:
    token = make(api, "bank_account", {**BANK, "account_holder_name": "A"}).json()
    assert token["id"].startswith("btok_")
    assert token["type"] == "bank_account"
    account = api.post(SOURCES, data={"source": token["id"]}).json()
    assert account == {**token["bank_account"], "customer": "cus_1"}
    assert (account["status"], account["account_holder_name"]) == ("new", "A")


@pytest.mark.parametrize(("kind", "details"), [("card", CARD), ("bank_account", BANK)])
def test_a_token_is_good_for_one_use(
    api: httpx.Client, kind: str, details: dict[str, str]
) -> None:
    token = make(api, kind, details).json()["id"]
    assert api.get(f"/tokens/{token}").json()["used"] is False
    assert api.post(SOURCES, data={"source": token}).status_code == 200
    assert api.get(f"/tokens/{token}").json()["used"] is True

    for customer in ("cus_1", "cus_2"):
        again = api.post(f"/customers/{customer}/sources", data={"source": token})
        assert error_of(again) == (400, "token_already_used", "source")
        assert f"more than once: {token}." in again.text


def test_an_unknown_token_is_missing(api: httpx.Client) -> None:
    assert error_of(api.get("/tokens/tok_1")) == (404, "resource_missing", "token")


def test_tokens_of_another_account_do_not_exist(api: httpx.Client) -> None:
    token = make(api, "card", CARD).json()["id"]
    elsewhere = api.post(
        SOURCES, data={"source": token}, headers={"Stripe-Account": "acct_2"}
    )
    assert error_of(elsewhere) == (400, "resource_missing", "source")


@pytest.mark.parametrize("token", published.CARD_TOKENS)
def test_published_tokens_are_their_card_or_fail_as_published(
    api: httpx.Client, token: str
) -> None:
    response = api.post(SOURCES, data={"source": token})
    number = published.CARD_TOKENS[token]
    if "Declined" in token:
        assert response.status_code == 402
        assert response.json()["error"]["type"] == "card_error"
    else:
        assert response.json()["last4"] == number[-4:]


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("tok_chargeDeclined", "card_declined", "generic_decline"),
        ("tok_visa_chargeDeclined", "card_declined", "generic_decline"),
        (
            "tok_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("tok_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("tok_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        (
            "tok_visa_chargeDeclinedVelocityLimitExceeded",
            "card_declined",
            "card_velocity_exceeded",
        ),
        ("tok_chargeDeclinedExpiredCard", "expired_card", None),
        ("tok_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("tok_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_decline_has_its_code_and_leaves_nothing_behind(
    api: httpx.Client, token: str, code: str, decline_code: str | None
) -> None:
    response = api.post(SOURCES, data={"source": token})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (402, code)
    assert error.get("decline_code") == decline_code
    assert api.get("/customers/cus_1").json()["default_source"] is None


def test_a_card_that_will_be_declined_can_still_be_tokenized(
    api: httpx.Client,
) -> None:
    token = make(api, "card", {**CARD, "number": "4000000000000002"}).json()["id"]
    for _ in range(2):
        declined = api.post(SOURCES, data={"source": token})
        assert error_of(declined) == (402, "card_declined", None)
    assert api.get(f"/tokens/{token}").json()["used"] is False


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"number": "4242424242424241"}, (402, "incorrect_number", "number")),
        ({"number": "4111111111111111"}, (402, "incorrect_number", "number")),
        ({"exp_month": "13"}, (402, "invalid_expiry_month", "exp_month")),
        ({"exp_month": "0"}, (402, "invalid_expiry_month", "exp_month")),
        (
            {"exp_year": "2030", "exp_month": "5"},
            (402, "invalid_expiry_month", "exp_month"),
        ),
        ({"exp_year": "2029"}, (402, "invalid_expiry_year", "exp_year")),
        ({"exp_year": "29"}, (402, "invalid_expiry_year", "exp_year")),
        ({"cvc": "12"}, (402, "invalid_cvc", "cvc")),
        ({"exp_month": "x"}, (400, "parameter_invalid_integer", "card[exp_month]")),
        ({"number": ""}, (400, "parameter_invalid_empty", "card[number]")),
        ({"pin": "1234"}, (400, "parameter_unknown", "card[pin]")),
    ],
)
def test_card_details_are_checked(
    api: httpx.Client, change: dict[str, str], expected: tuple[int, str, str]
) -> None:
    response = make(api, "card", {**CARD, **change})
    assert error_of(response) == expected
    assert "4242424242424241" not in response.text


def test_card_details_may_be_written_as_people_write_them(api: httpx.Client) -> None:
    details = {"number": "4242 4242-4242 4242", "exp_month": "1", "exp_year": "34"}
    card = make(api, "card", details).json()["card"]
    assert (card["last4"], card["exp_year"]) == ("4242", 2034)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"account_number": "1"},
            (400, "account_number_invalid", "bank_account[account_number]"),
        ),
        (
            {"routing_number": "021000021"},
            (400, "routing_number_invalid", "bank_account[routing_number]"),
        ),
        ({"country": ""}, (400, "parameter_invalid_empty", "bank_account[country]")),
        ({"iban": "1"}, (400, "parameter_unknown", "bank_account[iban]")),
    ],
)
def test_bank_account_details_are_checked(
    api: httpx.Client, change: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert error_of(make(api, "bank_account", {**BANK, **change})) == expected


def test_a_token_is_of_one_thing(api: httpx.Client) -> None:
    assert error_of(api.post("/tokens")) == (400, "parameter_missing", "card")
    both = api.post("/tokens", data={"card[number]": "4", "bank_account[country]": "U"})
    assert error_of(both) == (400, "parameters_exclusive", "card")


def test_a_card_is_good_until_the_end_of_its_month(api: httpx.Client) -> None:
    details = {**CARD, "exp_year": "2030", "exp_month": "6"}
    assert make(api, "card", details).status_code == 200


def test_a_card_and_its_token_have_the_fingerprint_of_the_number(
    api: httpx.Client,
) -> None:
    made = make(api, "card", CARD).json()["card"]["fingerprint"]
    visa = api.post(SOURCES, data={"source": "tok_visa"}).json()["fingerprint"]
    other = make(api, "card", {**CARD, "number": "4012888888881881"}).json()
    assert made == visa != other["card"]["fingerprint"]


def test_a_src_of_a_card_uses_up_its_token(api: httpx.Client) -> None:
    token = make(api, "card", CARD).json()["id"]
    form = {"type": "card", "token": token, "usage": "single_use"}
    src = api.post("/sources", data=form).json()
    assert (src["type"], src["usage"], src["status"]) == (
        "card",
        "single_use",
        "chargeable",
    )
    again = api.post("/sources", data=form)
    assert error_of(again) == (400, "token_already_used", "source")


def test_a_src_can_be_made_of_card_details(api: httpx.Client) -> None:
    details = {f"card[{name}]": value for name, value in CARD.items()}
    src = api.post("/sources", data={"type": "card", "amount": "5", **details}).json()
    assert (src["card"]["brand"], src["card"]["last4"]) == ("Visa", "4242")
    assert src["amount"] == 5


@pytest.mark.parametrize(
    ("form", "status", "param"),
    [
        ({}, 400, "type"),
        ({"type[name]": "card"}, 400, "type"),
        ({"type": "giropay"}, 400, "type"),
        ({"type": "card"}, 400, "token"),
        ({"type": "card", "token": "btok_us_verified"}, 400, "token"),
        ({"type": "card", "token": "tok_chargeDeclined"}, 402, None),
        ({"type": "ach_debit", "usage": "often"}, 400, "usage"),
        ({"type": "ach_debit", "owner[age]": "7"}, 400, "owner[age]"),
    ],
)
def test_what_is_wrong_with_a_src_is_told(
    api: httpx.Client, form: dict[str, str], status: int, param: str | None
) -> None:
    response = api.post("/sources", data=form)
    error = response.json()["error"]
    assert (response.status_code, error.get("param")) == (status, param)


def test_a_refused_src_leaves_its_token_unused(api: httpx.Client) -> None:
    token = make(api, "card", CARD).json()["id"]
    form = {"type": "card", "token": token}
    for wrong in ({"amount": "x"}, {"owner[age]": "7"}, {"usage": "often"}):
        assert api.post("/sources", data={**form, **wrong}).status_code == 400
    assert api.get(f"/tokens/{token}").json()["used"] is False
    assert api.post("/sources", data=form).status_code == 200


def test_an_unknown_src_is_missing(api: httpx.Client) -> None:
    assert error_of(api.get("/sources/src_1")) == (404, "resource_missing", "source")
