"""What a row may say, and what of it is kept, sent, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sources.contract.commands import prepare
from customer_sources.contract.errors import CommandInvalid, Problem
from tests.planned import objects, table
from worker.batches.checking import Asked, Checker
from worker.batches.fields import REFUSED
from worker.batches.opening import InputInvalid


def test_one_operation_can_be_said_for_all_rows(tmp_path: Path) -> None:
    asked = Asked(operation="delete")
    planned = table(tmp_path, "customer,id", "cus_1,card_1", asked=asked)

    assert [row.operation for row in planned.rows] == ["delete"]
    assert planned.asked()[0]["operation"] == "delete"
    with pytest.raises(InputInvalid, match="amounts is no field of delete"):
        table(tmp_path, "customer,id,amounts", "cus_1,card_1,1", asked=asked)


def test_a_row_of_another_operation_than_the_one_for_all_is_rejected(
    tmp_path: Path,
) -> None:
    rows = [{"operation": one, "customer": "c"} for one in ("list", "create", 7)]

    planned = objects(tmp_path, *rows, asked=Asked(operation="list"))

    told = "the batch is of list alone, by --operation"
    assert {one[2] for one in planned.reasons() if one[0] == 2} == {told}
    assert (3, "operation", told) in planned.reasons()
    assert len(planned.rows) == 1


def test_options_of_a_row_are_kept_beside_what_is_sent(tmp_path: Path) -> None:
    planned = objects(
        tmp_path,
        {"operation": "create", "customer": "c", "marker": False, "reference": "r"},
        {"operation": "create", "customer": "c", "marker": True, "livemode": False},
        {"operation": "delete", "customer": "c", "id": "i", "missing_ok": True},
        {"operation": "list", "customer": "c", "all_pages": True, "ordered": False},
    )

    made, usual, gone, listed = planned.rows
    assert (made.marker, made.reference, usual.marker) == (False, "r", True)
    assert usual.livemode is False
    assert gone.missing_ok
    assert listed.all_pages
    assert not listed.ordered
    assert listed.body == "limit=100"
    assert all("customer_sources_job" not in row.body for row in planned.rows)


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_row_may_say_is_rejected_with_the_reason(
    tmp_path: Path, name: str
) -> None:
    row = {"operation": "list", "customer": "c"}

    planned = objects(tmp_path, row | {name: "x"}, row | {name: None})
    cells = table(tmp_path, f"operation,customer,{name}", "list,c,x", "list,c,")

    assert planned.reasons() == [(1, name, REFUSED[name])]
    assert cells.reasons() == [(2, name, REFUSED[name])]
    assert len(planned.rows) == len(cells.rows) == 1


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"operation": "create", "customer": "c", "missing_ok": False}, "missing_ok"),
        ({"operation": "delete", "customer": "c", "id": "i", "marker": 1}, "marker"),
        ({"operation": "create", "customer": "c", "marker": "no"}, "marker"),
        ({"operation": "get", "customer": "c", "id": "i", "ordered": "no"}, "ordered"),
        ({"operation": "delete", "customer": "c", "id": "i", "ordered": 0}, "ordered"),
        ({"operation": "create", "customer": "c", "id": ""}, "id"),
        ({"operation": "list", "customer": "c", "id": 0}, "id"),
        ({"operation": "list", "customer": "c", "reference": 5}, "reference"),
        ({"operation": ["list"], "customer": "c"}, "operation"),
        ({"customer": "c"}, "operation"),
        ({"operation": "list"}, "customer"),
    ],
)
def test_what_does_not_fit_is_told_once_with_its_field(
    row: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandInvalid) as refused:
        Checker(Asked()).check(1, row)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_every_problem_of_a_row_is_told(tmp_path: Path) -> None:
    row = {"operation": "verify", "id": "card_1", "amounts": ["x"], "deadline": "y"}

    planned = objects(tmp_path, row)

    fields = {field for _, field, _ in planned.reasons()}
    assert fields == {"customer", "id", "amounts[0]", "deadline"}


def test_fields_whose_values_are_no_card_numbers_can_be_named(tmp_path: Path) -> None:
    row = {"operation": "create", "customer": "c"}
    row_with = row | {"metadata": {"order": "4242424242424242"}}

    assert objects(tmp_path, row_with).rows == []
    asked = Asked(harmless=("metadata.order",))
    assert len(objects(tmp_path, row_with, asked=asked).rows) == 1


def test_a_row_longer_than_any_command_is_rejected(tmp_path: Path) -> None:
    expand = ["x" * 5000] * 20

    planned = objects(
        tmp_path, {"operation": "list", "customer": "c", "expand": expand}
    )

    assert planned.reasons() == [(1, "row", "longer than 65,536 bytes")]


@given(
    st.sampled_from(["create", "update"]),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)
def test_a_row_is_encoded_as_a_single_command_is(
    operation: str, metadata: dict[str, str]
) -> None:
    source_id = "card_1" if operation == "update" else ""
    params = {"metadata": metadata}
    fields = {"operation": operation, "customer": "cus_1", "id": source_id or None}

    def alone() -> str:
        return prepare(
            operation, params, job_id="job_1", customer="cus_1", source_id=source_id
        ).command.body

    def of_batch() -> str:
        return Checker(Asked()).check(1, {**fields, **params}).body

    single, row = problems_or(alone), problems_or(of_batch)
    if isinstance(single, str):
        mark = "metadata[customer_sources_job]=job_1"
        assert single.endswith(mark) is (operation == "create")
        single = single.removesuffix(mark).removesuffix("&")
    assert row == single


def problems_or(make: Callable[[], str]) -> str | Sequence[Problem]:
    try:
        return make()
    except CommandInvalid as error:
        return error.problems
