"""Reading foreign Celery messages: what is wrong is named, and nothing is believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given

from customer_sources import requests
from customer_sources.contract.errors import CommandInvalid
from customer_sources.contract.events import rejected_event
from customer_sources.contract.names import Keys
from tasks.messages import Asked, read
from tests.unit.celery_messages import entries, message
from worker.front_door import LONGEST_ENTRY

COMMAND = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
LATER = "2030-01-31T12:00:00"
LINK = {"task": "mail.send"}


def asked(entry: object) -> Asked:
    text = entry if isinstance(entry, str) else json.dumps(entry)
    found = read(text, len(text))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"embed": None},
        {"embed": {}},
        {"headers": {"timelimit": None}},
        {"properties": {"delivery_tag": None, "delivery_info": 5}},
        {"content_encoding": "UTF-8"},
        {"body": {"args": [], "kwargs": {"customer": "cus_1", "source": "tok_visa"}}},
    ],
)
def test_a_good_message_is_a_command_named_by_its_id(changes: dict[str, Any]) -> None:
    assert asked(message(**changes)) == Asked("celery:order-7", COMMAND, [])


def test_a_body_may_be_plain_text() -> None:
    plain = message(properties={"body_encoding": None}) | {
        "body": '[[], {"customer": "cus_1", "source": "tok_visa"}, {}]'
    }
    assert asked(plain) == Asked("celery:order-7", COMMAND, [])


def test_protocol_1_says_everything_in_the_body() -> None:
    body = {"task": "sources.create", "id": "old-1", "kwargs": {"customer": "cus_1"}}
    old = message(body=body) | {"headers": {}}
    assert asked(old) == Asked(
        "celery:old-1", {"operation": "create", "customer": "cus_1"}, []
    )


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        (["body"], {"body": {"a": 1}}),
        (["body"], {"body": [[], {}]}),
        (["body"], {"body": None}),
        (["body"], {"body": 5}),
        (["body"], {"embed": 5}),
        (["kwargs"], {"kwargs": []}),
        (["kwargs"], {"kwargs": "customer"}),
        (["kwargs"], {"kwargs": None}),
        (["args"], {"args": ["cus_1"]}),
        (["args"], {"args": None}),
        (["args", "kwargs"], {"args": 1, "kwargs": 2}),
        (["operation"], {"kwargs": {"operation": "delete"}}),
        (["timelimit"], {"headers": {"timelimit": 5}}),
        (["task"], {"headers": {"task": ["a"]}}),
        (["task"], {"headers": {"task": None}}),
        (["task"], {"headers": {"task": "sources.explode"}}),
        (["id"], {"headers": {"id": [1]}}),
        (["id"], {"headers": {"id": ""}}),
        (["id"], {"headers": {"id": "x" * 241}}),
        (["id"], {"headers": {"id": "a\nb"}}),
        (["id"], {"headers": {"id": "4242 4242 4242 4242"}}),
        (["eta"], {"headers": {"eta": "tomorrow"}}),
        (["expires"], {"headers": {"expires": 5}}),
        (["eta", "expires"], {"headers": {"eta": {}, "expires": "x"}}),
        (["compression"], {"headers": {"compression": "application/x-gzip"}}),
        (["chain"], {"embed": {"chain": [LINK]}}),
        (["callbacks", "errbacks"], {"embed": {"callbacks": [1], "errbacks": [1]}}),
        (["content-type"], {"content_type": "application/x-python-serialize"}),
        (["content-type"], {"content_type": ["application/json"]}),
        (["content-encoding"], {"content_encoding": "utf-16"}),
        (["body_encoding"], {"properties": {"body_encoding": "rot13"}}),
        (["body"], {"properties": {"body_encoding": None}}),
        (["body"], {"kwargs": {"id": {"__type__": "datetime", "__value__": 1}}}),
    ],
)
def test_what_is_wrong_is_named(fields: list[str], changes: dict[str, Any]) -> None:
    found = asked(message(**changes))
    assert [problem.field for problem in found.problems] == fields
    unnamed = found.name.startswith("celery:unnamed-")
    assert unnamed == ("id" in fields)
    assert unnamed or found.name == "celery:order-7"


@pytest.mark.parametrize(
    ("fields", "entry"),
    [
        (["message", "id", "task"], "not json"),
        (["message", "id", "task"], "[" * 100_000),
        (["message", "id", "task"], "[1, 2]"),
        (["body", "id", "task"], {"a": 1}),
        (["headers", "id", "task"], message() | {"headers": [1]}),
        (["properties"], message() | {"properties": [1]}),
        (["body"], message() | {"properties": None}),
        (["body"], message() | {"body": "%%%"}),
        (["body"], message() | {"body": None}),
    ],
)
def test_what_is_hardly_a_message_is_answered_too(
    fields: list[str], entry: object
) -> None:
    found = asked(entry)
    assert [problem.field for problem in found.problems] == fields


def test_too_long_a_message_is_refused_by_its_name() -> None:
    headers = json.dumps({"headers": message()["headers"]})
    found = read(headers, LONGEST_ENTRY + 1)
    assert found is not None
    assert found.name == "celery:order-7"
    assert [problem.field for problem in found.problems] == ["body"]
    unreadable = read("", LONGEST_ENTRY + 1)
    assert unreadable is not None
    assert [p.field for p in unreadable.problems] == ["body", "id", "task"]


@pytest.mark.parametrize("task", ["mail.send", "jobs.run", "celery.ping"])
def test_somebody_elses_task_and_a_damaged_wake_up_are_nobodys_command(
    task: str,
) -> None:
    entry = json.dumps(message(headers={"task": task}, body=5))
    assert read(entry, len(entry)) is None


@pytest.mark.parametrize("text", [LATER, f"{LATER}+00:00", f"{LATER}Z"])
def test_celerys_moments_become_options_of_the_command(text: str) -> None:
    found = asked(message(headers={"eta": text, "expires": text}))
    assert found.problems == []
    assert found.command == COMMAND | {"not_before": NOON, "deadline": NOON}


def test_the_commands_own_moments_count_for_more() -> None:
    mine = {"not_before": "2031-01-01T00:00:00Z", "deadline": None}
    found = asked(message(headers={"eta": LATER, "expires": LATER}, kwargs=mine))
    assert found.command["not_before"] == "2031-01-01T00:00:00Z"
    assert found.command["deadline"] == NOON


def test_no_problem_quotes_a_value() -> None:
    secret = "tok_secretvalue"
    changes: list[dict[str, Any]] = [
        {"headers": {"id": [secret], "eta": secret, "timelimit": secret}},
        {"headers": {"task": f"sources.{secret}"}, "args": [secret], "kwargs": secret},
        {"content_type": secret, "headers": {"compression": secret}},
        {"content_encoding": secret, "properties": {"body_encoding": secret}},
        {"body": {secret: secret}, "headers": {"id": f"{secret}\n"}},
    ]
    for change in changes:
        found = asked(message(**change))
        assert found.problems
        assert secret not in f"{found.name} {found.problems}"


@given(entries())
@example(json.dumps(message(kwargs={"self": 1, "operation": "create"})))
@example(json.dumps(message(kwargs={"\ud800": 1, "customer": "\udfff"})))
def test_anything_at_all_ends_in_a_job_or_in_an_event(entry: str) -> None:
    found = read(entry, len(entry))
    if found is None:
        return
    problems = found.problems
    if not problems:
        try:
            requests.build(Keys(), found.command, default_key=found.name)
        except CommandInvalid as error:
            problems = error.problems
    event = rejected_event(found.name, problems, now_ms=0, asked=found.command)
    assert json.loads(event.encode())["id"] == found.name
