"""What is said of a command that is refused: all problems, places, what is meant."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources.contract.commands import Switches, prepare
from customer_sources.contract.operations import OPERATIONS
from tests.unit.test_commands import JOB, create, refused, with_id


def test_every_problem_inside_a_parameter_is_found_at_once() -> None:
    said = refused(
        with_id,
        "update",
        "card/1",
        metadata={"a": 1, "b": "x" * 501, "c": "fine", "[d]": "y"},
        owner={"email": 7, "address": {"city": [], "planet": "x"}, "moon": 1},
        exp_month=2.5,
        expand=["customer", 7, None],
    )

    assert sorted(said) == [
        "exp_month",
        "expand[1]",
        "expand[2]",
        "id",
        "metadata",
        "metadata.a",
        "metadata.b",
        "owner.address.city",
        "owner.address.planet",
        "owner.email",
        "owner.moon",
    ]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"account_holder_type": "robot"}, "expected 'company' or 'individual'"),
        ({"metadata": "x"}, "expected an object of texts or ''"),
        ({"expand": "customer"}, "expected a list, each item a text"),
        ({"owner": 7}, "expected an object"),
        ({"owner": {"phone": True}}, "expected a text"),
        ({"owner": {"moon": 1}}, "known: address, email, name, phone"),
        ({"exp_month": 2.5}, "a text or a whole number from -92233720368547758"),
        ({"exp_month": 10**5000}, "a whole number from -92233720368547758"),
    ],
)
def test_a_problem_says_what_is_expected(params: dict[str, Any], words: str) -> None:
    ((_, message),) = refused(with_id, "update", "card_1", **params).items()

    assert words in message


@pytest.mark.parametrize(
    ("operation", "switch", "value", "words"),
    [
        ("list", "all_pages", 1, "true or false"),
        ("get", "all_pages", True, "only on list"),
        ("create", "missing_ok", True, "only on delete"),
        ("delete", "missing_ok", None, "true or false"),
        ("delete", "marker", False, "only on create"),
    ],
)
def test_a_switch_that_would_do_nothing_is_refused(
    operation: str, switch: str, value: Any, words: str
) -> None:
    said = refused(
        prepare,
        operation,
        {},
        job_id=JOB,
        customer="cus_1",
        source_id="card_1" if OPERATIONS[operation].longest_id else "",
        switches=Switches(**{switch: value}),
    )

    assert list(said) == [switch]
    assert words in said[switch]


@pytest.mark.parametrize("params", [None, 7, "source", ["source"]])
def test_parameters_come_by_their_names(params: Any) -> None:
    said = refused(prepare, "create", params, job_id=JOB, customer="cus_1")

    assert list(said) == ["params"]


@pytest.mark.parametrize("operation", ["delete", "get"])
def test_a_card_number_for_an_id_is_called_one(operation: str) -> None:
    said = refused(with_id, operation, "4242-4242-4242-4242")

    assert "card number" in said["id"]
    assert "4242" not in str(said)


@pytest.mark.parametrize("reference", [None, 7, "x" * 256])
def test_a_reference_is_a_short_text(reference: Any) -> None:
    said = refused(
        prepare,
        "create",
        {},
        job_id=JOB,
        customer="cus_1",
        switches=Switches(reference=reference),
    )
    assert list(said) == ["reference"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"expand": ["customer", 7]}, "[1]"),
        ({"metadata": {"a[": "b"}}, "key"),
    ],
)
def test_a_problem_inside_a_parameter_says_where(
    params: dict[str, Any], said: str
) -> None:
    ((field, message),) = refused(create, **params).items()

    assert said in f"{field}: {message}"
    assert "int[1]" not in message  # a place, not a type of ours
