"""Card data is recognised wherever a command can hold a text, and never echoed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sources.contract.card_data import looks_like_card_number
from customer_sources.contract.commands import Switches, prepare
from customer_sources.contract.errors import CommandInvalid

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
@pytest.mark.parametrize("separator", ["", " ", "-", "\u00a0"])
def test_every_published_test_number_is_recognised(number: str, separator: str) -> None:
    groups = [number[i : i + 4] for i in range(0, len(number), 4)]

    assert looks_like_card_number(separator.join(groups))


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
    ],
)
def test_what_is_no_card_number_is_none(text: str) -> None:
    assert not looks_like_card_number(text)


def refused(operation: str, params: dict[str, Any], **switches: Any) -> list[Any]:
    source_id = "" if operation == "create" else "card_1"
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
        ("create", {"alipay_account": "4242424242424242"}, "alipay_account"),
        ("create", {"expand": ["4242424242424242"]}, "expand[0]"),
        ("create", {"metadata": {"cvc": "123"}}, "metadata.cvc"),
        (
            "create",
            {"metadata": {"account_number": "000123456789"}},
            "metadata.account_number",
        ),
        ("update", {"name": "4242424242424242"}, "name"),
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
