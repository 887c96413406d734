"""Commands as plain data, and that all which is wrong with one is said at once."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from customer_sources import requests
from customer_sources.contract.errors import CommandInvalid
from customer_sources.contract.ids import new_job_id
from customer_sources.contract.names import Keys
from customer_sources.submission import Options, Submission, build

KEYS = Keys("p:")


def plain(**fields: Any) -> Submission:
    return requests.build(KEYS, {"operation": "get", "customer": "cus_1", **fields})


def plainly_refused(**fields: Any) -> dict[str, str]:
    with pytest.raises(CommandInvalid) as caught:
        plain(**fields)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_every_problem_of_plain_data_is_found_at_once() -> None:
    said = plainly_refused(
        operation="create",
        id="",
        customer="a/b",
        sauce="x",
        missing_ok=False,
        ordered=True,
        not_before=3600,
        deadline="2030-01-31T12:00:00",
        idempotency_key=[],
    )

    assert sorted(said) == [
        *("customer", "deadline", "id", "idempotency_key"),
        *("missing_ok", "not_before", "ordered", "sauce"),
    ]
    assert said["not_before"].startswith("expected a time like 2030-01-31T12:00:00Z")
    assert said["deadline"].startswith("has no time zone; write 2030-01-31T12:00:00Z")


def test_what_is_wrong_beside_the_operation_is_found_too() -> None:
    assert list(plainly_refused(operation=7, customer="a b", reference=1)) == [
        *("operation", "customer", "reference"),
    ]


@pytest.mark.parametrize("moment", ["2030-01-31T12:00:00Z", timedelta(hours=1)])
def test_a_moment_may_be_a_text_or_what_python_has(moment: object) -> None:
    assert plain(id="card_1", not_before=moment).job_class == "scheduled"


@pytest.mark.parametrize("command", [None, 7, "get", [], [{}]])
def test_what_is_no_object_is_no_command(command: object) -> None:
    with pytest.raises(CommandInvalid, match="one JSON object"):
        requests.build(KEYS, command)


def test_an_id_is_repeated_by_who_got_it_from_an_error_only() -> None:
    job_id = new_job_id(time.time_ns() // 1_000_000)
    command = {"operation": "get", "customer": "cus_1", "id": "x", "job_id": job_id}

    assert requests.build(KEYS, command, may_repeat=True).job_id == job_id
    assert list(plainly_refused(id="x", job_id=job_id)) == ["job_id"]


def test_every_problem_of_a_call_is_found_at_once() -> None:
    with pytest.raises(CommandInvalid) as caught:
        build(
            KEYS,
            "create",
            {"source": 3, "metadata": {"a": 1, "b": 2}},
            Options(
                reference=5,  # type: ignore[arg-type]  # the point
                idempotency_key="",
                not_before="x",  # type: ignore[arg-type]
                priority=[],  # type: ignore[arg-type]
                harmless="metadata.kk",
                ordered=False,
                missing_ok=True,
            ),
            customer="a/b",
        )

    assert [problem.field for problem in caught.value.problems] == [
        *("customer", "source", "metadata.a", "metadata.b"),
        *("idempotency_key", "not_before", "priority", "ordered"),
        *("reference", "harmless", "missing_ok"),
    ]
