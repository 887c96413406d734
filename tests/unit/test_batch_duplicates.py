"""Rows that repeat or contradict an earlier one: found, told, and left out if asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_sources.batches.rows import Row
from tests.planned import PlannedFile, plan_bytes
from worker.batches.contradictions import Kind
from worker.batches.duplicates import Duplicates

DELETE = {"operation": "delete", "customer": "c", "id": "card_1"}
UPDATE = {"operation": "update", "customer": "c", "id": "card_1"}
VERIFY = {"operation": "verify", "customer": "c", "id": "ba_1", "amounts": [32, 45]}
CREATE = {"operation": "create", "customer": "c", "source": "tok_visa"}
GET = {"operation": "get", "customer": "c", "id": "card_1"}


def planned(
    folder: Path, rows: Sequence[dict[str, Any]], *, strict: bool = False
) -> PlannedFile:
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return plan_bytes(data, folder, name="rows.jsonl", strict=strict)


def told(found: PlannedFile) -> list[tuple[str, int, int]]:
    return [(one["kind"], one["row"], one["earlier_row"]) for one in found.warnings]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CREATE, CREATE),
        (DELETE, DELETE),
        (DELETE, DELETE | {"missing_ok": True}),
        (CREATE, CREATE | {"reference": "another"}),
        (VERIFY, VERIFY),
        (
            CREATE | {"metadata": {"a": "1", "b": "2"}},
            CREATE | {"metadata": {"b": "2", "a": "1"}},
        ),
        (UPDATE | {"exp_month": 1}, UPDATE | {"exp_month": "1"}),
    ],
)
def test_a_row_that_asks_the_same_as_an_earlier_one_is_a_duplicate(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    found = planned(tmp_path, [first, {**CREATE, "customer": "x"}, second])

    assert told(found) == [("duplicate", 3, 1)]
    assert found.warnings[0]["message"] == "the same as row 1 (line 1)"
    assert (found.manifest.duplicates, found.manifest.conflicts) == (1, 0)
    assert len(found.rows) == 3


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (DELETE, GET, "on a source that row 1 (line 1) deletes"),
        (DELETE, UPDATE | {"name": "A"}, "on a source that row 1 (line 1) deletes"),
        (DELETE, DELETE | {"expand": ["x"]}, "on a source that row 1 (line 1) deletes"),
        (
            UPDATE | {"name": "A"},
            UPDATE | {"name": "B"},
            "sets name to another value than row 1 (line 1)",
        ),
        (
            UPDATE | {"metadata": {"a": "1"}},
            UPDATE | {"metadata": {"a": "2"}, "name": "A"},
            "sets metadata[a] to another value than row 1 (line 1)",
        ),
        (
            UPDATE | {"metadata": {"a": "1"}},
            UPDATE | {"metadata": ""},
            "sets metadata to another value than row 1 (line 1)",
        ),
        (
            UPDATE | {"metadata": ""},
            UPDATE | {"metadata": {"a": "1"}},
            "sets metadata[a] to another value than row 1 (line 1)",
        ),
        (
            VERIFY,
            VERIFY | {"amounts": [45, 32]},
            "verifies with other amounts than row 1 (line 1)",
        ),
    ],
)
def test_a_row_that_contradicts_an_earlier_one_on_its_source_is_a_conflict(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], message: str
) -> None:
    found = planned(tmp_path, [first, second])

    assert told(found) == [("conflict", 2, 1)]
    assert found.warnings[0]["message"] == message
    assert (found.manifest.duplicates, found.manifest.conflicts) == (0, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (UPDATE | {"name": "A"}, DELETE),
        (GET, DELETE),
        (UPDATE | {"name": "A"}, UPDATE | {"exp_month": 1}),
        (UPDATE | {"metadata": {"a": "1"}}, UPDATE | {"metadata": {"b": "2"}}),
        (UPDATE | {"name": "A", "expand": ["a"]}, UPDATE | {"expand": ["b"]}),
        (DELETE, GET | {"id": "card_2"}),
        (DELETE, GET | {"customer": "d"}),
        (DELETE, CREATE),
        (VERIFY, VERIFY | {"id": "ba_2"}),
        (CREATE, CREATE | {"customer": "d"}),
        (CREATE, CREATE | {"source": "tok_amex"}),
        (CREATE, {"operation": "list", "customer": "c"}),
        (UPDATE | {"name": "A%26"}, UPDATE | {"address_city": "A&"}),
    ],
)
def test_rows_that_go_together_are_told_nothing(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert planned(tmp_path, [first, second]).warnings == []


def test_a_field_is_held_against_the_row_that_set_it_last(tmp_path: Path) -> None:
    names = ["A", "B", "B", "A", "C"]

    found = planned(tmp_path, [UPDATE | {"name": name} for name in names])

    assert told(found) == [
        ("conflict", 2, 1),
        ("duplicate", 3, 2),
        ("duplicate", 4, 1),
        ("conflict", 4, 3),
        ("conflict", 5, 4),
    ]
    assert (found.manifest.duplicates, found.manifest.conflicts) == (2, 3)


def test_a_key_that_might_be_a_card_number_is_not_told(tmp_path: Path) -> None:
    duplicates = Duplicates(tmp_path / "compared")
    for number in (1, 2):
        body = f"metadata[4242424242424242]={number}"
        row = Row(number, "update", "c", "card_1", body, msgspec.Raw(b"{}"))
        duplicates.add(row, number * 10)

    messages = [finding.message for finding in duplicates.findings()]

    assert messages == ["sets a key of metadata to another value than row 1 (line 10)"]


def test_strict_rejects_the_later_rows_in_file_order(tmp_path: Path) -> None:
    rows = [
        DELETE,
        {"operation": "delete", "customer": "c"},
        GET,
        CREATE,
        {"operation": "nothing"},
        CREATE,
        CREATE | {"customer": "d"},
    ]

    found = planned(tmp_path, rows, strict=True)

    assert [row.number for row in found.rows] == [1, 4, 7]
    assert [one["row"] for one in found.rejected] == [2, 3, 5, 6]
    assert [one["line"] for one in found.rejected] == [2, 3, 5, 6]
    told = "on a source that row 1 (line 1) deletes"
    assert found.rejected[1]["problems"] == [{"field": "row", "message": told}]
    assert found.manifest.operations == {"create": 2, "delete": 1}
    assert (found.manifest.rows, found.manifest.rejected) == (3, 4)
    assert found.manifest.customers == 2
    assert found.warnings == []


def test_strict_with_nothing_to_reject_is_the_same_plan(tmp_path: Path) -> None:
    rows = [CREATE | {"customer": f"cus_{n}"} for n in range(1500)]

    usual, strict = planned(tmp_path, rows), planned(tmp_path, rows, strict=True)

    assert strict.manifest.batch == usual.manifest.batch
    assert strict.rejected == []


def test_strict_fills_the_chunks_up_again(tmp_path: Path) -> None:
    rows = [CREATE | {"customer": f"cus_{n % 1500}"} for n in range(3000)]

    found = planned(tmp_path, rows, strict=True)

    assert [chunk.rows for chunk in found.manifest.chunks] == [1000, 500]
    assert [row.number for row in found.rows] == list(range(1, 1501))
    assert found.manifest.duplicates == found.manifest.rejected == 1500


row_of = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["create", "delete", "get", "verify"]),
        "customer": st.sampled_from(["c", "d"]),
        "id": st.sampled_from(["ba_1", "ba_2"]),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(row_of, max_size=12))
def test_the_same_is_found_as_by_comparing_each_row_with_each(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("plans")
    rows = [
        {n: v for n, v in r.items() if n != "id" or r["operation"] != "create"}
        for r in rows
    ]
    for row in rows:
        if row["operation"] == "verify":
            row["amounts"] = [32, 45]
    if not rows:
        return

    found = planned(folder, rows)

    pairs = list(combinations(enumerate(rows, 1), 2))
    same = {later for (_, a), (later, b) in pairs if a == b}
    gone = {
        later
        for (_, a), (later, b) in pairs
        if a["operation"] == "delete" != b["operation"]
        if (a["customer"], a["id"]) == (b["customer"], b.get("id"))
    }
    kinds = {Kind.DUPLICATE: same, Kind.CONFLICT: gone}
    for kind, expected in kinds.items():
        assert {row for one, row, _ in told(found) if one == kind} == expected
    assert found.manifest.duplicates == len(same)
    assert found.manifest.conflicts == len(gone)
    assert found.manifest.customers == len({row["customer"] for row in rows})
    numbers = [one["row"] for one in found.warnings]
    assert numbers == sorted(numbers)
