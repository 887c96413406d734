"""A verify is given both amounts, in cents, or none: whoever submits it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from customer_sources import CommandInvalid, requests
from customer_sources.contract.names import Keys
from customer_sources.testing import AsyncInMemorySources, InMemorySources
from tasks.messages import read
from tests.planned import table
from tests.unit.celery_messages import message
from worker.batches.checking import Asked, Checker

KEYS = Keys("p:")
BA = {"customer": "cus_1", "id": "ba_1"}
BOTH = "give both deposits in cents, such as 32 and 45"
CENTS = "expected a whole number from -99 to 99"
Way = Callable[..., object]


def by_call(**said: Any) -> object:
    return InMemorySources().customer.source.verify(**BA, **said)


def by_call_with_asyncio(**said: Any) -> object:
    return asyncio.run(AsyncInMemorySources().customer.source.verify(**BA, **said))


def by_json(**said: Any) -> object:
    text = json.dumps({"operation": "verify", **BA, **said})
    return requests.build(KEYS, json.loads(text))


def by_celery(**said: Any) -> object:
    headers = {"task": "sources.verify"}
    entry = json.dumps(message(headers=headers, kwargs=BA | said))
    asked = read(entry, len(entry))
    assert asked is not None
    return requests.build(KEYS, asked.command)


def by_row(**said: Any) -> object:
    return Checker(Asked()).check(1, {"operation": "verify", **BA, **said})


WAYS = [by_call, by_call_with_asyncio, by_json, by_celery, by_row]
whoever_submits_it = pytest.mark.parametrize("submit", WAYS)


@whoever_submits_it
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"amounts": []}, {"amounts": BOTH}),
        ({"amounts": [32]}, {"amounts": BOTH}),
        ({"amounts": [32, 45, 7]}, {"amounts": "more than 2 items"}),
        ({"amounts": [3200, 45]}, {"amounts[0]": CENTS}),
        ({"amounts": [32, 100]}, {"amounts[1]": CENTS}),
        ({"amounts": [-100, 45]}, {"amounts[0]": CENTS}),
        ({"amounts": [32, 2**63]}, {"amounts[1]": CENTS}),
        ({"amounts": [0.32, True]}, {"amounts[0]": CENTS, "amounts[1]": CENTS}),
        ({"amounts": ["32", "45"]}, {"amounts[0]": CENTS, "amounts[1]": CENTS}),
    ],
    ids=str,
)
def test_an_attempt_is_not_lost_on_a_slip(
    submit: Way, said: dict[str, Any], told: dict[str, str]
) -> None:
    with pytest.raises(CommandInvalid) as refused:
        submit(**said)

    problems = refused.value.problems
    assert {one.field: one.message for one in problems} == told


@whoever_submits_it
@pytest.mark.parametrize("amounts", [[32, 45], [1, 1], [99, -99], [0, 0]], ids=str)
def test_whether_two_numbers_are_a_deposit_is_for_stripe_to_say(
    submit: Way, amounts: list[int]
) -> None:
    assert submit(amounts=amounts)


@whoever_submits_it
@pytest.mark.parametrize("said", [{}, {"amounts": None}], ids=str)
def test_without_any_stripe_says_so_and_takes_no_attempt(
    submit: Way, said: dict[str, Any]
) -> None:
    assert submit(**said)


@pytest.mark.parametrize("submit", [by_call, by_json, by_celery])
def test_one_that_waits_for_days_needs_them_at_once(submit: Way) -> None:
    with pytest.raises(CommandInvalid) as refused:
        submit(when="deposits_arrived", added_at="2026-06-18T10:00:00-04:00")

    (problem,) = refused.value.problems
    assert (problem.field, problem.message) == ("amounts", BOTH)


def test_both_amounts_are_wanted_however_their_columns_are_named(
    tmp_path: Path,
) -> None:
    one_column = table(
        tmp_path,
        "operation,customer,id,amounts",
        *("verify,c,ba_1,32;45", "verify,c,ba_2,", "verify,c,ba_3,32"),
        "verify,c,ba_4,32;45;7",
    )
    three = table(
        tmp_path,
        "operation,customer,id,amounts[0],amounts[1],amounts[2]",
        *("verify,c,ba_1,32,45,", "verify,c,ba_2,,,", "verify,c,ba_3,32,,"),
        "verify,c,ba_4,32,45,7",
    )

    for planned in (one_column, three):
        assert [row.get("amounts") for row in planned.asked()] == [[32, 45], None]
        assert planned.reasons() == [
            (4, "amounts", BOTH),
            (5, "amounts", "more than 2 items"),
        ]


def test_no_other_operation_has_amounts() -> None:
    with pytest.raises(CommandInvalid, match="amounts: unknown parameter"):
        requests.build(KEYS, {"operation": "update", **BA, "amounts": [32, 45]})
