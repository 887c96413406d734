"""A row that cannot be read costs that row, and is told by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.planned import HEADER, PlannedFile, plan_bytes
from worker.batches.records import MOST_LINES

GOOD = b"create,cus_1,,tok_visa\n"
JSON = b'{"operation":"create","customer":"cus_1","source":"tok_visa"}\n'


def lines_rejected(planned: PlannedFile) -> list[int]:
    return [one["line"] for one in planned.rejected]


def row_numbers(planned: PlannedFile) -> list[int]:
    return [row.number for row in planned.rows]


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_line_of_ten_megabytes_costs_its_row(tmp_path: Path, name: str) -> None:
    head, good = (HEADER, GOOD) if name == "rows.csv" else (b"", JSON)
    long = b"x" * 10_000_000 + b"\n"

    planned = plan_bytes(head + good + long + good, tmp_path, name=name)

    line = 2 + bool(head)
    told = (line, "row", "the line is longer than 1,048,576 bytes")
    assert planned.reasons() == [told]
    assert row_numbers(planned) == [1, 3]


def test_the_longest_line_is_a_setting(tmp_path: Path) -> None:
    data = JSON + JSON[:-2] + b',"reference":"0123456789"}\n' + JSON
    end = JSON[:-1]

    planned = plan_bytes(data + end, tmp_path, name="r.jsonl", longest=len(end))

    assert row_numbers(planned) == [1, 3, 4]


def test_ragged_rows_are_rejected(tmp_path: Path) -> None:
    data = HEADER + b"create,cus_1\n" + GOOD + b"create,cus_1,,tok_visa,more\n"

    planned = plan_bytes(data, tmp_path)

    assert planned.reasons() == [
        (2, "row", "has 2 cells; the header has 4 columns"),
        (4, "row", "has 5 cells; the header has 4 columns"),
    ]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (b'create,"cus"_1,,tok\n', "text after a closing quote"),
        (b'create,"cus_1,,tok\n', "a quote is opened and not closed"),
        (b"create,cus\x00_1,,tok\n", "has a NUL character in it"),
        (b"create,cus_1\r,,tok\n", "a carriage return inside a line"),
        (b"create,cus_1,," + b"x" * 200_000 + b"\n", "longer than any"),
    ],
)
def test_a_row_that_is_no_csv_costs_that_row_alone(
    tmp_path: Path, bad: bytes, told: str
) -> None:
    planned = plan_bytes(HEADER + GOOD + bad + GOOD * 2, tmp_path)

    ((line, field, words),) = planned.reasons()
    assert (line, field) == (3, "row")
    assert told in words
    assert row_numbers(planned) == [1, 3, 4]


def test_a_quote_that_is_never_closed_swallows_no_row(tmp_path: Path) -> None:
    data = HEADER + b'create,"cus_1,,tok\n' + GOOD * (3 * MOST_LINES)

    planned = plan_bytes(data, tmp_path)

    assert lines_rejected(planned) == [2]
    assert len(planned.rows) == 3 * MOST_LINES


def test_a_line_that_cannot_be_read_inside_quotes_is_told_as_itself(
    tmp_path: Path,
) -> None:
    planned = plan_bytes(HEADER + b'create,"cus_1\n\xff\n' + GOOD, tmp_path)

    assert planned.reasons() == [
        (2, "row", "a quote is opened and not closed"),
        (3, "row", "not UTF-8 at byte 1 of the line"),
    ]


def test_a_row_may_have_quoted_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    head = b"operation,customer,id,name,metadata.note\n"
    row = b'update,cus_1,card_1,"Doe, ""J""","a\nb"\n'

    planned = plan_bytes(head + row + b"get,,,,\n", tmp_path)

    (asked,) = planned.asked()
    assert asked["name"] == 'Doe, "J"'
    assert asked["metadata"] == {"note": "a\nb"}
    assert lines_rejected(planned) == [4]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (b"{", "not JSON"),
        (b"[1]", "expected one JSON object"),
        (b"null", "expected one JSON object"),
        (b'{"a":1} {"b":2}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"{\x00}", "NUL"),
        (b"[" * 100_000, "expected one JSON object"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_line_that_is_no_json_object_costs_that_row(
    tmp_path: Path, bad: bytes, told: str
) -> None:
    planned = plan_bytes(JSON + bad + b"\n" + JSON, tmp_path, name="rows.jsonl")

    ((line, field, words),) = planned.reasons()
    assert (line, field) == (2, "row")
    assert told in words
    assert row_numbers(planned) == [1, 3]


def test_no_reason_quotes_a_card_number(tmp_path: Path) -> None:
    card = "4242424242424242"
    rows = [
        {"operation": card, "customer": card, card: card},
        {"operation": "create", "customer": "cus_1", "source": card},
        {"operation": "create", "customer": "cus_1", "metadata": {card: card}},
        {"operation": "create", "customer": "cus_1", "card": {"number": card}},
        {"operation": "get", "customer": "cus_1", "id": card, "reference": card},
        {"operation": "delete", "customer": "c", "id": "d", "idempotency_key": card},
    ]
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    planned = plan_bytes(data + card.encode() + b"\n", tmp_path, name="rows.jsonl")

    assert len(planned.rejected) == len(rows) + 1
    for path in (tmp_path / "plan").rglob("*"):
        assert path.is_dir() or card.encode() not in path.read_bytes()
