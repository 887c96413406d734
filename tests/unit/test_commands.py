"""What is accepted as a command, what is said of one that is not, what will be sent."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec
import pytest

from customer_sources.contract.commands import Command, Prepared, Switches, prepare
from customer_sources.contract.errors import CommandInvalid
from customer_sources.contract.names import MARKER
from customer_sources.contract.operations import OPERATIONS, Effect

JOB = "job_" + "0" * 26


def create(customer: object = "cus_1", /, **params: Any) -> Prepared:
    return prepare("create", params, job_id=JOB, customer=customer)


def with_id(operation: str, source_id: object, **params: Any) -> Prepared:
    return prepare(operation, params, job_id=JOB, customer="cus_1", source_id=source_id)


def refused(call: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    """Call, expect a refusal, return what it said by field."""
    with pytest.raises(CommandInvalid) as caught:
        call(*args, **kwargs)
    assert caught.value.problems
    return {problem.field: problem.message for problem in caught.value.problems}


# --- where it goes


@pytest.mark.parametrize(
    ("operation", "method", "effect"),
    [
        ("create", "POST", Effect.KEYED),
        ("get", "GET", Effect.NONE),
        ("delete", "DELETE", Effect.PLAIN),
    ],
)
def test_each_operation_has_stripes_method_and_the_effect_of_a_repeat(
    operation: str, method: str, effect: Effect
) -> None:
    assert OPERATIONS[operation].method == method
    assert OPERATIONS[operation].effect is effect


def test_a_create_is_posted_to_the_customers_sources_with_our_marker() -> None:
    command = create(source="tok_visa", metadata={"a": "b"}, expand=["customer"])

    assert command.command.path == "/v1/customers/cus_1/sources"
    assert command.command.body == (
        f"source=tok_visa&metadata[a]=b&metadata[{MARKER}]={JOB}&expand[]=customer"
    )


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_a_read_and_a_delete_carry_their_parameters_in_the_query(
    operation: str,
) -> None:
    plain = with_id(operation, "card_1").command
    expanded = with_id(operation, "card_1", expand=["customer"]).command

    assert (plain.path, plain.body) == ("/v1/customers/cus_1/sources/card_1", "")
    assert expanded.path == f"{plain.path}?expand[]=customer"
    assert expanded.body == ""


def test_nobody_can_write_our_marker_but_us() -> None:
    try:
        body = create(metadata={MARKER: "job_of_somebody_else"}).command.body
    except CommandInvalid:
        return
    assert body == f"metadata[{MARKER}]={JOB}"


@pytest.mark.parametrize("source_id", ["card_1", "", None, 7, "a/b", "../../accounts"])
def test_an_id_never_bends_a_create_into_another_operation(source_id: object) -> None:
    """`POST …/sources/{id}` is Stripe's update; an id has no place in a create."""
    try:
        prepared = with_id("create", source_id, source="tok_visa")
    except CommandInvalid:
        return
    assert prepared.command.path == "/v1/customers/cus_1/sources"


# --- what is refused, and in which words


@pytest.mark.parametrize(
    "value",
    [None, 7, b"cus_1", "", " ", ".", "..", "a b", "a/b", "a?b", "a#b", "a\nb", "a\\b"],
)
def test_what_is_no_id_is_refused_for_customer_and_source(value: object) -> None:
    assert list(refused(create, value, source="tok_visa")) == ["customer"]
    assert list(refused(with_id, "get", value)) == ["id"]


@pytest.mark.parametrize(
    ("operation", "longest"), [("get", 500), ("delete", 5000), ("delete", 500)]
)
def test_ids_may_be_as_long_as_stripes(operation: str, longest: int) -> None:
    assert with_id(operation, "x" * longest).command.id == "x" * longest


def test_longer_ids_than_stripes_are_refused() -> None:
    assert "500" in refused(with_id, "get", "x" * 501)["id"]
    assert "5000" in refused(create, "x" * 5001)["customer"]


@pytest.mark.parametrize("name", ["", "refund", "CREATE", "detach", "\x00"])
def test_an_unknown_operation_is_refused_with_the_known_ones(name: str) -> None:
    said = refused(prepare, name, {}, job_id=JOB, customer="cus_1")

    assert "create, get, list, update, verify, delete" in said["operation"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"sauce": "tok_visa"}, "sauce"),
        ({"source": 7}, "source"),
        ({"source": "x" * 5001}, "source"),
        ({"validate": "true"}, "validate"),
        ({"validate": 1}, "validate"),
        ({"expand": "customer"}, "expand"),
        ({"expand": ["customer", 7]}, "expand[1]"),
        ({"expand": ["x"] * 21}, "expand"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": None}}, "metadata.a"),
        ({"metadata": {"": "b"}}, "metadata"),
        ({"metadata": {"a[b]": "c"}}, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata.k"),
        ({"metadata": {f"k{n}": "v" for n in range(50)}}, "metadata"),
        ({"alipay_account": {"a": "b"}}, "alipay_account"),
    ],
)
def test_a_parameter_outside_stripes_limits_is_refused_by_its_name(
    params: dict[str, Any], field: str
) -> None:
    assert list(refused(create, **params)) == [field]


def test_what_is_at_stripes_limits_is_accepted() -> None:
    create(
        source="x" * 5000,
        validate=False,
        metadata={f"{n:040}": "v" * 500 for n in range(49)},
        expand=["x"] * 20,
    )


@pytest.mark.parametrize("name", ["source", "card", "bank_account"])
@pytest.mark.parametrize(
    "numbers",
    [
        {"object": "card", "number": "4242424242424242"},
        {},
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242424242424241",  # mistyped: no check digit is right
        "000123456789",  # a bank account's; no token is digits alone
    ],
)
def test_card_numbers_never_come_into_the_store(name: str, numbers: object) -> None:
    said = refused(create, **{name: numbers})

    assert "token" in said[name]
    assert "4242" not in str(said)


def test_a_card_number_is_not_echoed_from_wherever_it_was_put() -> None:
    number = "4242424242424242"
    said = refused(create, metadata={number: number}, expand=[number])

    assert number not in str(said)


def test_every_problem_is_found_at_once() -> None:
    said = refused(create, "a b", source=7, sauce="x", metadata={"a": 1})

    assert list(said) == ["customer", "source", "sauce", "metadata.a"]


def test_a_text_of_a_kind_of_its_own_is_sent_as_text() -> None:
    class Holder(str, Enum):  # noqa: UP042  the older kind, whose str() is its name
        COMPANY = "company"

    sent = with_id("update", "ba_1", account_holder_type=Holder.COMPANY)

    assert sent.command.body == "account_holder_type=company"


def test_a_whole_list_is_read_in_the_longest_pages() -> None:
    paths = {
        prepare(
            "list",
            {"limit": limit},
            job_id=JOB,
            customer="cus_1",
            switches=Switches(all_pages=True),
        ).command.path
        for limit in (None, 3, 100)
    }

    assert paths == {"/v1/customers/cus_1/sources?limit=100"}


def test_a_parameter_that_is_none_is_not_given() -> None:
    assert create(source="tok_visa", card=None, sauce=None) == create(source="tok_visa")


# --- what recognises it


def test_the_fingerprint_is_of_what_was_asked_and_nothing_else() -> None:
    one = create(source="tok_visa", metadata={"a": "1", "b": "2"})
    same = prepare(
        "create",
        {"metadata": {"b": "2", "a": "1"}, "card": None, "source": "tok_visa"},
        job_id="job_" + "1" * 26,
        customer="cus_1",
        switches=Switches(reference="another"),
    )

    assert one.fingerprint == same.fingerprint
    assert len(one.fingerprint) == 32


def test_a_number_and_its_text_are_the_same_question() -> None:
    number, text = (with_id("update", "card_1", exp_month=m) for m in (1, "1"))

    assert number.command.body == text.command.body
    assert number.fingerprint == text.fingerprint


def test_whatever_differs_in_what_was_asked_has_another_fingerprint() -> None:
    asked = [
        create(source="tok_visa"),
        create(card="tok_visa"),
        create(source="tok_visa", validate=True),
        create(source="tok_visa", validate=False),
        create(source="tok_visa", metadata={"a": "b"}),
        create("cus_2", source="tok_visa"),
        with_id("get", "card_1"),
        with_id("delete", "card_1"),
        with_id("delete", "card_2"),
        with_id("delete", "card_1", expand=["customer"]),
        prepare(
            "create",
            {"source": "tok_visa"},
            job_id=JOB,
            customer="cus_1",
            account="other",
        ),
    ]

    assert len({one.fingerprint for one in asked}) == len(asked)


def test_a_stored_command_is_read_back_and_may_know_more_than_we_do() -> None:
    command = create(source="tok_visa", metadata={"a": "ä&="}).command
    stored = msgspec.json.encode(command)
    assert msgspec.json.decode(stored, type=Command) == command

    later = {**msgspec.to_builtins(command), "invented_tomorrow": [1]}
    read = msgspec.json.decode(msgspec.json.encode(later), type=Command)
    assert read == command
