"""What is told: CloudEvents, with Stripe's fields by an allow-list, and no secrets."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_sources.contract.commands import Command
from customer_sources.contract.events import (
    Event,
    rfc3339,
    terminal_event,
    told,
    told_error,
)
from customer_sources.contract.moments import LAST_MOMENT_MS
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.states import TERMINAL, State

JOB = "job_" + "0" * 26
CARD = {"id": "card_9", "object": "card", "customer": "cus_1", "last4": "4242"}
CARD_FIELDS = """
    id object customer metadata brand country cvc_check exp_month exp_year fingerprint
    funding last4 name tokenization_method address_city address_country address_line1
    address_line1_check address_line2 address_state address_zip address_zip_check
"""
BANK_ACCOUNT_FIELDS = """
    id object customer metadata status account_holder_name account_holder_type
    account_type bank_name country currency default_for_currency fingerprint last4
    routing_number
"""
NOW_MS = 1_767_225_600_123


def command(operation: str = "create", source_id: str = "") -> Command:
    return Command(
        operation=operation,
        customer="cus_1",
        id=source_id,
        path="/v1/customers/cus_1/sources",
        reference="ours-7",
    )


def event(
    state: State = State.SUCCEEDED,
    details: dict[str, Any] | None = None,
    asked: Command | None = None,
) -> dict[str, Any]:
    """Compose an event and read it as a consumer in another language would."""
    composed = terminal_event(JOB, asked, state, now_ms=NOW_MS, details=details or CARD)
    read: dict[str, Any] = json.loads(composed.encode())
    return read


# --- the envelope


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("asked", [command(), None], ids=["read", "unreadable"])
def test_every_terminal_event_is_a_cloud_event(
    state: State, asked: Command | None
) -> None:
    told_event = event(state, asked=asked if state != "succeeded" else command())

    assert told_event["specversion"] == "1.0"
    assert told_event["id"] == f"{JOB}:terminal"
    assert told_event["type"].startswith("dev.customersources.")
    assert told_event["source"].startswith("/customer-sources")
    assert told_event["time"] == "2026-01-01T00:00:00.123Z"
    assert told_event["datacontenttype"] == "application/json"
    assert told_event["correlationid"] == JOB
    for name, value in told_event.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name)
        assert value != ""  # an optional attribute is there or it is not


@pytest.mark.parametrize(
    ("operation", "noun"),
    [
        ("create", "customer.source.created"),
        ("get", "customer.source.retrieved"),
        ("delete", "customer.source.deleted"),
    ],
)
def test_a_success_has_the_type_that_stripe_would_use(
    operation: str, noun: str
) -> None:
    assert event(asked=command(operation, "card_1"))["type"].endswith("." + noun)
    assert OPERATIONS[operation].event == noun


@pytest.mark.parametrize("state", ["failed", "needs_review", "cancelled"])
def test_every_other_end_is_told_of_the_job(state: str) -> None:
    told_event = event(State(state), {"code": "x"}, command("delete", "card_1"))

    assert told_event["type"] == f"dev.customersources.source_job.{state}"
    assert told_event["subject"] == "card_1"
    assert told_event["data"]["error"] == {"code": "x"}
    assert "source" not in told_event["data"]


def test_a_consumer_finds_customer_source_reference_and_what_was_done() -> None:
    told_event = event(asked=command())

    assert told_event["source"] == "/customer-sources/default"
    assert told_event["partitionkey"] == "cus_1"
    assert told_event["subject"] == "card_9"
    assert told_event["causationid"] == "ours-7"
    assert told_event["data"] == {
        "state": "succeeded",
        "operation": "create",
        "account": "default",
        "source": CARD,
    }


def test_a_command_nobody_can_read_still_has_an_event() -> None:
    told_event = event(State.NEEDS_REVIEW, {"code": "command_unreadable"})

    assert not {"subject", "partitionkey", "causationid"} & set(told_event)
    assert told_event["data"]["state"] == "needs_review"


def test_an_event_read_back_is_the_event() -> None:
    composed = terminal_event(
        JOB, command(), State.SUCCEEDED, now_ms=NOW_MS, details=CARD
    )
    assert msgspec.json.decode(composed.encode(), type=Event) == composed


@settings(deadline=None)
@given(st.integers(0, 4_102_444_800_000))
@example(999)
@example(1_700_000_000_001)
def test_a_time_is_told_to_the_millisecond(now_ms: int) -> None:
    written = rfc3339(now_ms)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    since = datetime.fromisoformat(written) - datetime(1970, 1, 1, tzinfo=UTC)
    assert since // timedelta(milliseconds=1) == now_ms


# --- Stripe's object


@pytest.mark.parametrize("names", [CARD_FIELDS, BANK_ACCOUNT_FIELDS])
def test_what_a_consumer_needs_of_a_card_or_an_account_is_told(names: str) -> None:
    stripe_object: dict[str, Any] = {name: f"some {name}" for name in names.split()}
    stripe_object["metadata"] = {"order": "7"}

    assert told(stripe_object) == stripe_object


def test_only_listed_fields_of_an_object_are_told() -> None:
    stripe_object = {
        **CARD,
        "client_secret": "src_client_secret_1",
        "owner": {"email": "a@b.c"},
        "redirect": {"url": "https://x"},
        "invented_tomorrow": 1,
    }
    assert told(stripe_object) == CARD


def test_an_expanded_customer_is_told_by_its_id_alone() -> None:
    expanded = {**CARD, "customer": {"id": "cus_1", "email": "a@b.c"}}

    assert told(expanded)["customer"] == "cus_1"


def test_what_is_null_at_stripe_is_told_as_null() -> None:
    assert told({"id": "card_1", "fingerprint": None})["fingerprint"] is None


def test_the_producers_own_metadata_comes_back() -> None:
    assert told({"metadata": {"order": "7"}}) == {"metadata": {"order": "7"}}


@pytest.mark.parametrize("name", ["status", "type", "name", "usage"])
def test_a_secret_is_not_told_from_inside_a_listed_field(name: str) -> None:
    odd = {"id": "src_1", name: {"client_secret": "s3cr3t"}}

    assert "s3cr3t" not in str(told(odd))


# --- errors


def test_only_listed_fields_of_an_error_are_told() -> None:
    error = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "message": "No.",
        "param": "source",
        "request_id": "req_1",
        "source": {"client_secret": "s3cr3t"},
        "request_log_url": "https://dashboard",
    }
    assert set(told_error(error)) == {
        "type",
        "code",
        "decline_code",
        "message",
        "param",
        "request_id",
    }


@pytest.mark.parametrize(
    ("said", "told_instead"),
    [
        ("No such token: 'tok_1AbC'", "No such token: 'tok_***'"),
        ("pi_123_secret_x-y is", "pi_123_secret_*** is"),
        ("No such token: '000/123456789x'", "No such token: '***x'"),
        ("4242 4242 4242 4242?", "***?"),
        ("try in 2026, or 12 hours", "try in 2026, or 12 hours"),
        ("twice: btok_1AbC.", "twice: btok_***."),
        ("tok_1", "tok_***"),
        ("tok_a and tok_b", "tok_*** and tok_***"),
        ("(source=tok_1AbC)", "(source=tok_***)"),
        ("a token is not stock_photo", "a token is not stock_photo"),
    ],
)
def test_a_token_that_stripe_quotes_is_masked(said: str, told_instead: str) -> None:
    assert told_error({"message": said})["message"] == told_instead


@pytest.mark.parametrize(
    "secret",
    ["src_client_secret_1AbC", "sk_live_1AbC", "rk_test_1AbC", "cvctok_1AbC"],
)
def test_whatever_opens_a_payment_or_an_account_is_masked(secret: str) -> None:
    error = told_error({"message": f"not valid: '{secret}'", "param": secret})

    assert "1AbC" not in str(error)


@pytest.mark.parametrize("param", ["amounts", "amounts[0]", "amounts[]"])
def test_an_amount_is_not_told(param: str) -> None:
    said = "Invalid integer: 1180591620717411303424, nor 45 or -3.2"
    error = told_error({"message": said, "param": param, "request_id": "req_45"})

    assert error["message"] == "Invalid integer: ***, nor *** or ***"
    assert error["request_id"] == "req_45"


def test_a_request_id_of_digits_is_told() -> None:
    assert told_error({"request_id": "req_123456789012345"}) == {
        "request_id": "req_123456789012345"
    }


def test_a_moment_past_all_calendars_is_told_as_their_end() -> None:
    assert rfc3339(10**18) == rfc3339(LAST_MOMENT_MS) == "9999-12-31T23:59:59.999Z"


def test_what_is_empty_in_an_error_is_not_told() -> None:
    assert told_error({"code": None, "message": "", "param": "source"}) == {
        "param": "source"
    }
