"""Card data is recognised wherever a command can hold a text, and never echoed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sources.contract.card_data import (
    is_only_digits,
    looks_like_card_number,
    names_a_secret,
)
from customer_sources.contract.commands import Switches, prepare
from customer_sources.contract.errors import CommandInvalid
from customer_sources.contract.operations import OPERATIONS

JOB = "job_" + "0" * 26
PUBLISHED = [
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
]


@pytest.mark.parametrize("number", PUBLISHED)
@pytest.mark.parametrize(
    "separator", ["", *" -_,:\u2013\u2014*|+/.~", "\u00a0", "\u200b", " - ", "\ufeff"]
)
def test_every_published_test_number_is_recognised(number: str, separator: str) -> None:
    groups = [number[i : i + 4] for i in range(0, len(number), 4)]

    assert looks_like_card_number(separator.join(groups))
    assert looks_like_card_number(f"-{separator.join(groups)}.")
    assert looks_like_card_number(f" ({separator.join(groups)}) ")


@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u06f0", "\u0966", "\U0001d7ce"])
def test_the_digits_of_any_script_are_digits(zero: str) -> None:
    number = "".join(chr(ord(zero) + int(digit)) for digit in PUBLISHED[0])

    assert looks_like_card_number(number)
    assert is_only_digits(number)


def test_a_telephone_number_is_none() -> None:
    phones = [f"+49 151 2345 67{n:02}" for n in range(100)]

    assert not any(map(looks_like_card_number, phones))
    assert looks_like_card_number("+4242 4242 4242 4242")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tok_4242424242424242",
        "4242424242424241",
        "order 4242424242424242",
        "4242",
        "1234567812345670",
        "42424242424242424242424242",
        "4242424242424242" + "-" * 200,
        "2026-07-31 12:00:00.123",
        "550e8400-e29b-41d4-a716-446655440000",
        "192.168.100.100",
    ],
)
def test_what_is_no_card_number_is_none(text: str) -> None:
    assert not looks_like_card_number(text)


def refused(operation: str, params: dict[str, Any], **switches: Any) -> list[Any]:
    source_id = "ba_1" if OPERATIONS[operation].longest_id else ""
    with pytest.raises(CommandInvalid) as caught:
        prepare(
            operation,
            params,
            job_id=JOB,
            customer="cus_1",
            source_id=source_id,
            switches=Switches(**switches),
        )
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("operation", "params", "field"),
    [
        ("create", {"metadata": {"note": "4242 4242 4242 4242"}}, "metadata.note"),
        ("create", {"expand": ["4242424242424242"]}, "expand[0]"),
        ("create", {"metadata": {"cvc": "123"}}, "metadata.cvc"),
        (
            "create",
            {"metadata": {"account_number": "000123456789"}},
            "metadata.account_number",
        ),
        ("update", {"name": "4242424242424242"}, "name"),
        ("update", {"exp_month": 4242424242424242}, "exp_month"),
        ("update", {"exp_year": 4242424242424242}, "exp_year"),
        ("list", {"starting_after": "4242424242424242"}, "starting_after"),
        (
            "update",
            {"owner": {"address": {"line1": "4242424242424242"}}},
            "owner.address.line1",
        ),
    ],
)
def test_it_is_refused_in_any_field_and_the_field_is_named(
    operation: str, params: dict[str, Any], field: str
) -> None:
    (problem,) = refused(operation, params)

    assert problem.field == field
    assert f"harmless=[{field!r}]" in problem.message
    assert "4242" not in str(problem)
    assert "123" not in str(problem)


def test_no_amount_is_as_long_as_a_card_number() -> None:
    """So no field of a verify is harmless, and the number is quoted nowhere."""
    for harmless in ([], ["amounts[1]"]):
        amounts = {"amounts": [32, 4242424242424242]}
        (problem,) = refused("verify", amounts, harmless=harmless)

        assert problem.field == "amounts[1]"
        assert problem.message == "expected a whole number from -99 to 99"


@pytest.mark.parametrize(
    "name",
    [
        *("cvc", "CVC2", "cvc ", "cvv", "card cvc", "card-cvc", "cardCvc", "cvc_code"),
        *("payment_cvc", "security-code", "Security Code", "csc", "card.csc", "cvn"),
        *("card_verification_value", "verification_value", "verification-value"),
        *("account_number", "bank account number", "bank-account-number", "accountNo"),
        *("acct_number", "acct_no", "acctnum", "my_account_number", "account-nr"),
        *("iban", "customer_iban", "IBAN No", "pan", "card_pan", "\uff43\uff56\uff43"),
    ],
)
def test_a_name_that_says_card_data_is_enough(name: str) -> None:
    (problem,) = refused("create", {"metadata": {name: "123"}})

    assert problem.field == f"metadata.{name}"
    assert "named like a CVC or an account number" in problem.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cvc_check", "pass"),
        ("account_note", "7 years with us"),
        ("account_name", "Fund 7"),
        ("account_number_last4", "6789"),
        ("iban-last-4", "3000"),
        ("ibanking_ref", "77"),
        ("company", "Unit 7"),
        ("discount", "10"),
        ("pandemic", "2020"),
    ],
)
def test_a_name_that_only_resembles_one_is_none(name: str, value: str) -> None:
    prepare("create", {"metadata": {name: value}}, job_id=JOB, customer="cus_1")


@pytest.mark.parametrize("name", ["source", "card", "bank_account", "alipay_account"])
@pytest.mark.parametrize(
    "number",
    ["000123456789", "000/123456789", "\uff10\uff11\uff12", "4242424242424242"],
)
def test_no_token_is_digits_alone(name: str, number: str) -> None:
    (problem,) = refused("create", {name: number}, harmless=[name])

    assert problem.field == name
    assert "pass a token" in problem.message


@pytest.mark.parametrize("harmless", ["metadata.order", 5, None, {"a": 1}, [7], b"x"])
def test_what_is_harmless_is_a_list_of_names(harmless: Any) -> None:
    order = {"metadata": {"order": "4242424242424242"}}
    said = refused("create", order, harmless=harmless)

    assert [problem.field for problem in said] == ["metadata.order", "harmless"]


def test_a_field_can_be_declared_harmless() -> None:
    order = {"metadata": {"order": "4242424242424242"}}
    prepared = prepare(
        "create",
        order,
        job_id=JOB,
        customer="cus_1",
        switches=Switches(harmless=["metadata.order"]),
    )
    assert "4242424242424242" in prepared.command.body
    (problem,) = refused("create", order, harmless=["metadata.other"])
    assert problem.field == "metadata.order"


@given(st.text(max_size=40))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert looks_like_card_number(text) in {True, False}
    assert is_only_digits(text) in {True, False}
    assert names_a_secret(f"metadata.{text}", text) in {True, False}
