"""What results tell of a row, as JSON and as cells, and how files of them are made."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from customer_sources.batches.rows import row_id
from customer_sources.contract.operations import OPERATIONS
from tests.batch_ends import BATCH, ENDED_MS, outcome, row
from worker.batches.ends import End
from worker.batches.fields import ADDRESS, OPTIONS
from worker.batches.result_files import Format, ResultsRefused, new_results
from worker.batches.results import (
    MOST_COLUMNS,
    OURS,
    TooManyColumns,
    cells,
    columns_of,
    flat,
    harmless,
    result_of,
)

# --- a row of the results


def test_a_result_tells_the_key_that_stripe_saw() -> None:
    first = result_of(BATCH, End(row(3), outcome()))
    retried = result_of(BATCH, End(row(3, key="job_old"), outcome()))
    sent = result_of(BATCH, End(row(3, key="job_old"), outcome(key="job_sent")))

    keys = [one.idempotency_key for one in (first, retried, sent) if one]

    assert keys == [row_id(BATCH, 3), "job_old", "job_sent"]
    assert result_of(BATCH, End(row(3), None)) is None


def test_times_are_rfc_3339_and_first_sent_only_where_something_is_unknown() -> None:
    known = result_of(BATCH, End(row(), outcome()))
    doubted = End(row(), outcome("needs_review", unknown=True, first_sent=ENDED_MS))
    unknown = result_of(BATCH, doubted)

    assert known is not None
    assert unknown is not None
    assert (known.ended, known.first_sent) == ("2026-11-24T12:00:00.000Z", "")
    assert unknown.first_sent == "2026-11-24T12:00:00.000Z"


def test_what_was_asked_becomes_cells_by_the_names_that_a_plan_reads() -> None:
    asked = {
        "operation": "verify",
        "amounts": [32, 45],
        "metadata": {"a.b": "x", "": "y"},
        "owner": {"address": {"city": "X"}},
        "missing_ok": True,
        "livemode": None,
    }

    assert flat(msgspec.Raw(msgspec.json.encode(asked))) == {
        "operation": "verify",
        "amounts": "32;45",
        "metadata.a.b": "x",
        "metadata.": "y",
        "owner.address.city": "X",
        "missing_ok": "true",
        "livemode": "",
    }


def test_no_column_of_ours_is_called_like_one_that_a_row_may_have() -> None:
    theirs = {*ADDRESS, *OPTIONS}
    for operation in OPERATIONS.values():
        theirs.update(operation.params.__struct_fields__)

    assert not theirs.intersection(OURS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_run_as_a_formula(text: str) -> None:
    asked = {"operation": "create", "metadata": {"a": text}}
    result = result_of(BATCH, End(row(asked=asked), outcome(message=text)))

    assert result is not None
    told = cells(result, ["metadata.a", "metadata.b"])
    assert told[OURS.index("message")] == f"'{text}"
    assert told[-2:] == [f"'{text}", ""]
    assert harmless("1-1=@") == "1-1=@"


def test_rows_with_more_fields_than_a_table_has_columns_are_told_so() -> None:
    rows = [
        msgspec.Raw(msgspec.json.encode({"metadata": {f"k{number}": ""}}))
        for number in range(MOST_COLUMNS + 1)
    ]

    assert len(columns_of(rows[:-1])) == MOST_COLUMNS
    with pytest.raises(TooManyColumns, match="--format jsonl"):
        columns_of(rows)


# --- the files


def written(folder: Path, form: Format, *states: str, **options: Any) -> None:
    with new_results(folder, form, ["operation"], **options) as files:
        for number, state in enumerate(states, 1):
            result = result_of(BATCH, End(row(number), outcome(state)))
            assert result is not None
            files.write(result)


def test_rows_in_review_are_among_the_failed(tmp_path: Path) -> None:
    states = ("failed", "needs_review", "succeeded", "unprocessed")
    written(tmp_path, Format.JSONL, *states)

    found = {
        path.name: [json.loads(line)["row"] for line in path.read_text().splitlines()]
        for path in tmp_path.iterdir()
    }
    assert found == {
        "failed.jsonl": [1, 2],
        "succeeded.jsonl": [3],
        "unprocessed.jsonl": [4],
    }


def test_a_csv_has_its_header_even_without_rows(tmp_path: Path) -> None:
    written(tmp_path, Format.CSV, "succeeded")

    texts = {path.stem: path.read_text() for path in tmp_path.iterdir()}
    (only,) = csv.DictReader(io.StringIO(texts["succeeded"]))
    assert (only["row"], only["operation"]) == ("1", "create")
    assert only["retryable"] == "false"
    assert texts["failed"].split("\n")[0].strip() == ",".join([*OURS, "operation"])


def test_results_that_are_there_are_replaced_only_when_it_is_said(
    tmp_path: Path,
) -> None:
    written(tmp_path, Format.JSONL, "succeeded")
    with pytest.raises(ResultsRefused, match="--force"):
        written(tmp_path, Format.JSONL)

    written(tmp_path, Format.JSONL, force=True)

    assert (tmp_path / "succeeded.jsonl").read_bytes() == b""


def test_results_that_are_not_wanted_in_the_end_leave_nothing(tmp_path: Path) -> None:
    with new_results(tmp_path / "out", Format.JSONL) as files:
        files.wanted = False

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, Format.JSONL, "succeeded")
    before = (tmp_path / "succeeded.jsonl").read_bytes()

    with (
        pytest.raises(ResultsRefused, match="No space left"),
        new_results(tmp_path, Format.JSONL, force=True),
    ):
        raise OSError(28, "No space left on device")

    assert (tmp_path / "succeeded.jsonl").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    for force in (False, True):
        with pytest.raises(ResultsRefused, match="out"):
            written(tmp_path / "out", Format.JSONL, force=force)
