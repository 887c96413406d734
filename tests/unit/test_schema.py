"""`sources schema`: what fits it is accepted, what is accepted fits it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from customer_sources import CommandInvalid, requests
from customer_sources.contract.command_schema import AnyCommand, command_schema
from customer_sources.contract.events import (
    DATA_SCHEMA,
    rejected_event,
    terminal_event,
)
from customer_sources.contract.names import Keys
from customer_sources.contract.operations import OPERATIONS
from customer_sources.contract.schema import (
    DIALECT,
    ENDED_TYPES,
    EVENT_TYPES,
    event_schema,
)
from customer_sources.contract.states import State
from customer_sources.submission import Options
from worker.cli.main import app

CREATE = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}
UPDATE = {"operation": "update", "customer": "cus_1", "id": "card_1"}
DELETE = {"operation": "delete", "customer": "cus_1", "id": "card_1"}
LIST = {"operation": "list", "customer": "cus_1"}
VERIFY = {"operation": "verify", "customer": "c", "id": "ba_1", "amounts": [32, 45]}
ACCEPTED: list[dict[str, Any]] = [
    CREATE,
    UPDATE,
    DELETE,
    LIST,
    {"operation": "get", "customer": "cus_1", "id": "card_1", "ordered": False},
    VERIFY,
    {**CREATE, "metadata": {"order": "7"}, "expand": ["customer"], "validate": True},
    {**CREATE, "idempotency_key": "order-1", "reference": "r-1", "card": None},
    {**CREATE, "not_before": "2030-01-31T12:00:00Z", "priority": "bulk"},
    {**CREATE, "deadline": "2030-01-31T12:00:00+01:00", "harmless": ["metadata.x"]},
    {**UPDATE, "exp_month": 12, "exp_year": "2034", "metadata": ""},
    {**UPDATE, "owner": {"email": "a@example.com", "address": {"city": "x"}}},
    {**DELETE, "missing_ok": True},
    {**LIST, "all_pages": True},
    {**CREATE, "marker": False},
    {**CREATE, "account": "shop-eu_2", "livemode": True},
    {**DELETE, "account": "a" * 40, "livemode": False},
    {**LIST, "account": None, "livemode": None},
    {**CREATE, "not_before": "PT2H", "deadline": "p1w", "watch": True},
    {**VERIFY, "when": "deposits_arrived", "added_at": "2026-06-18T10:00:00-04:00"},
    {**VERIFY, "when": None, "added_at": None, "use_reserve": True},
    {**VERIFY, "amounts": [99, -99]},
    {**VERIFY, "amounts": None},
    {"operation": "verify", "customer": "c", "id": "ba_1"},
    {**LIST, "limit": 100, "starting_after": "card_1", "object": "card"},
]
REFUSED: list[dict[str, Any]] = [
    {},
    {"operation": "create"},
    {**CREATE, "operation": "polish"},
    {**CREATE, "customer": ""},
    {**CREATE, "customer": 7},
    {**CREATE, "id": "card_1"},
    {**CREATE, "sauce": "tok_visa"},
    {**CREATE, "source": {"number": "4242"}},
    {**CREATE, "metadata": {f"key{n}": "x" for n in range(50)}},
    {**CREATE, "metadata": {"x" * 41: "x"}},
    {**CREATE, "reference": "x" * 256},
    {**CREATE, "idempotency_key": ""},
    {**CREATE, "priority": "scheduled"},
    {**CREATE, "ordered": "no"},
    {**CREATE, "not_before": 3600},
    {**CREATE, "missing_ok": True},
    {**CREATE, "job_id": "job_" + "0" * 26},
    {**UPDATE, "all_pages": True},
    {**UPDATE, "marker": False},
    {**CREATE, "ordered": False},
    {**DELETE, "ordered": True},
    {**CREATE, "missing_ok": False},
    {**CREATE, "id": ""},
    {**LIST, "id": ""},
    {**UPDATE, "exp_month": 2**63},
    {**VERIFY, "amounts": [32, 2**63]},
    {**VERIFY, "amounts": [32, 100]},
    {**VERIFY, "amounts": [-100, 45]},
    {**VERIFY, "amounts": [32]},
    {**VERIFY, "amounts": [32, 45, 7]},
    {**VERIFY, "amounts": ["32", "45"]},
    {**VERIFY, "amounts": []},
    {**VERIFY, "when": "deposits_left", "added_at": "2026-06-18T10:00:00-04:00"},
    {**VERIFY, "when": "", "added_at": "2026-06-18T10:00:00-04:00"},
    {**VERIFY, "use_reserve": "yes"},
    {**VERIFY, "watch": True},
    {**CREATE, "use_reserve": True},
    {**CREATE, "watch": 1},
    {**DELETE, "when": "deposits_arrived", "added_at": "2026-06-18T10:00:00-04:00"},
    {**CREATE, "marker": "no"},
    {**UPDATE, "account_holder_type": "robot"},
    {"operation": "get", "customer": "cus_1"},
    {**LIST, "limit": 101},
    {**LIST, "account": ""},
    {**LIST, "account": "Shop"},
    {**LIST, "account": "a" * 41},
    {**LIST, "account": "a:b"},
    {**LIST, "account": ["shop"]},
    {**LIST, "livemode": "true"},
    {**LIST, "livemode": 1},
]


@pytest.mark.parametrize("schema", [command_schema(), event_schema()])
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == DIALECT
    assert schema["$id"].startswith("urn:customer-sources:")


# --- commands


@pytest.mark.parametrize("command", ACCEPTED)
def test_what_the_inbox_takes_fits(command: dict[str, Any]) -> None:
    assert is_accepted(command)
    assert fits(command)


@pytest.mark.parametrize("command", REFUSED)
def test_what_the_inbox_refuses_does_not_fit(command: dict[str, Any]) -> None:
    assert not is_accepted(command)
    assert not fits(command)


def is_accepted(command: dict[str, Any]) -> bool:
    try:
        requests.build(Keys(), command)
    except CommandInvalid:
        return False
    return True


def fits(command: dict[str, Any]) -> bool:
    """Ask the printed schema; nothing fits it that its types would not take."""
    by_schema = Draft202012Validator(command_schema()).is_valid(command)
    if by_schema:
        msgspec.json.decode(json.dumps(command), type=AnyCommand)
    return by_schema


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_every_parameter_and_every_option_is_in_the_schema(operation: Any) -> None:
    described = command_schema()["$defs"][operation.name.capitalize()]["properties"]

    params = {field.name for field in msgspec.structs.fields(operation.params)}
    options = {field.name for field in msgspec.structs.fields(Options)} - {"job_id"}
    some = {"missing_ok": ["delete"], "all_pages": ["list"], "marker": ["create"]}
    some |= {"ordered": ["get", "list"], "watch": ["create"]}
    some |= {one: ["verify"] for one in ("use_reserve", "when", "added_at")}
    assert set(described) == {
        *("operation", "customer"),
        *(["id"] if operation.longest_id else []),
        *params,
        *(
            name
            for name in options
            if operation.name in some.get(name, [operation.name])
        ),
    }


# --- events


def test_every_end_and_every_success_has_a_type() -> None:
    assert {kind.rpartition(".")[2] for kind in ENDED_TYPES} == {
        "failed",
        "needs_review",
        "cancelled",
    }
    of_jobs, of_accounts, of_batches, of_watches, of_sweeps = 6, 2, 7, 6, 1
    others = of_jobs + of_accounts + of_batches + of_watches + of_sweeps
    assert len(set(EVENT_TYPES)) == len(OPERATIONS) + others


def test_a_rejection_fits_with_and_without_an_account() -> None:
    for asked in ({}, {"account": "acme", "operation": "create"}):
        event = rejected_event("inbox:1-0:rejected", [], now_ms=0, asked=asked)
        Draft202012Validator(event_schema()).validate(json.loads(event.encode()))


def told(**changes: Any) -> dict[str, Any]:
    composed = terminal_event(
        "job_" + "0" * 26, None, State.FAILED, now_ms=0, details={"code": "x"}
    )
    return {**json.loads(composed.encode()), **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"type": "dev.customersources.source_job.polished", "data": {"new": 1}},
        {"traceparent": "00-0-0-01"},
        {"data": {"state": "failed", "error": {"code": "new", "hint": "x"}, "x": 1}},
    ],
    ids=str,
)
def test_what_a_later_release_may_add_still_fits(changes: dict[str, Any]) -> None:
    Draft202012Validator(event_schema()).validate(told(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "2.0"},
        {"dataschema": DATA_SCHEMA[:-1] + "2"},
        {"id": 7},
        {"data": {"state": "succeeded", "error": {}}},
        {"data": {"state": "failed"}},
        {"type": EVENT_TYPES[0], "data": {"state": "succeeded", "operation": "x"}},
    ],
    ids=str,
)
def test_what_takes_a_new_version_does_not_fit(changes: dict[str, Any]) -> None:
    assert not Draft202012Validator(event_schema()).is_valid(told(**changes))


@pytest.mark.parametrize("name", ["id", "type", "source", "time", "specversion"])
def test_no_attribute_that_cloud_events_requires_may_be_missing(name: str) -> None:
    event = told()
    del event[name]

    assert not Draft202012Validator(event_schema()).is_valid(event)


# --- the command


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (["command"], command_schema()),
        (["event"], event_schema()),
        (["event", "-o", "json"], event_schema()),
    ],
    ids=str,
)
def test_the_command_prints_the_schema(
    words: list[str], schema: dict[str, Any]
) -> None:
    result = CliRunner().invoke(app, ["schema", *words])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == schema
