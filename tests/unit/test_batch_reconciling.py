"""Does Stripe have it as the batch left it? What is compared, and what is a fault."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources.batches.rows import row_id
from customer_sources.contract.names import MARKER
from tests.answers import CARD, DELETED, WRONG_MODE, no, ok
from tests.batch_ends import BATCH, outcome, row
from tests.looks import GONE
from worker.answers import Answered
from worker.batches.ends import End
from worker.batches.reconciling import (
    UNREAD,
    Report,
    Sample,
    Survey,
    fault,
    read_of,
    sample_size,
    share,
)

OURS = {**CARD, "metadata": {MARKER: row_id(BATCH, 1)}}
THEIRS = {**CARD, "metadata": {MARKER: "job_other"}}
CONSUMED = ok({"id": "src_1", "object": "source", "status": "consumed"})


@pytest.mark.parametrize(
    ("operation", "fields", "answer", "says"),
    [
        ("create", {}, ok(OURS), ""),
        ("create", {}, ok(CARD), "it bears no mark"),
        ("create", {}, ok(THEIRS), "it bears another mark"),
        ("create", {"key": "job_other"}, ok(THEIRS), ""),
        ("create", {"marker": False}, ok(CARD), ""),
        ("create", {"body": "source=src_1"}, ok(CARD), ""),
        ("create", {}, GONE, "it is not there"),
        ("update", {"body": "name=Ada"}, ok({**CARD, "name": "Ada"}), ""),
        ("update", {"body": "name=Ada"}, ok(CARD), "it differs in name"),
        ("update", {"body": "name=Ada"}, GONE, "it is not there"),
        ("verify", {}, ok({**CARD, "status": "verified"}), ""),
        ("verify", {}, ok({**CARD, "status": "new"}), "the account is new"),
        ("delete", {}, GONE, ""),
        ("delete", {}, CONSUMED, ""),
        ("delete", {}, ok(CARD), "it is there still"),
        ("delete", {}, no(404, "resource_missing", message=WRONG_MODE), UNREAD),
        ("create", {}, no(400, "odd"), f"{UNREAD}: odd"),
    ],
)
def test_a_source_is_as_its_row_left_it_or_it_is_said_what_is_not(
    operation: str, fields: dict[str, Any], answer: Answered, says: str
) -> None:
    told = fault(BATCH, row(1, operation, **fields), answer)

    assert told.startswith(says) if says == UNREAD else told == says


def test_a_created_source_whose_mark_was_unset_is_no_match_for_an_unmarked_row() -> (
    None
):
    assert fault(BATCH, row(1, marker=False), ok(THEIRS)) == "it bears another mark"


def test_the_read_is_of_the_source_that_the_row_has_made_or_names() -> None:
    made = read_of(row(customer="cus/1"), outcome(source="card_2"))
    named = read_of(row(1, "delete", id="card_3"), outcome())

    assert made.path == "/v1/customers/cus%2F1/sources/card_2"
    assert named.path == "/v1/customers/cus_1/sources/card_3"


# --- which rows


def change(number: int, state: str = "succeeded", **fields: Any) -> End:
    given = {"operation": "update", "id": "card_1", "body": "name=Ada"} | fields
    unknown = given.pop("unknown", False)
    return End(row(number, **given), outcome(state, unknown=unknown))


def surveyed(*ends: End) -> tuple[Survey, list[int]]:
    """What there is to compare, and the numbers of those rows."""
    survey = Survey(ends)
    return survey, [end.row.number for end in ends if survey.compared(end)]


def test_of_the_rows_on_one_source_the_last_is_compared() -> None:
    survey, rows = surveyed(change(1), change(2), change(3, id="card_2"), change(4))

    assert rows == [3, 4]
    assert (survey.to_compare, survey.changed_again) == (2, 2)


@pytest.mark.parametrize(
    ("later", "rows"),
    [
        (change(2, "failed"), [1]),
        (change(2, "unprocessed"), [1]),
        (change(2, "needs_review"), [1]),
        (change(2, "needs_review", unknown=True), []),
        (End(change(2).row, None), []),
        (change(2, operation="get"), [1]),
        (change(2, customer="cus_2"), [1, 2]),
    ],
    ids=["failed", "never", "not done", "perhaps", "pending", "read", "other"],
)
def test_a_row_is_compared_unless_a_later_one_may_have_changed_its_source(
    later: End, rows: list[int]
) -> None:
    survey, found = surveyed(change(1), later)

    assert found == rows
    assert survey.to_compare == len(rows)


def test_a_row_is_counted_once_however_often_its_source_was_changed_again() -> None:
    perhaps = change(2, "needs_review", unknown=True)

    survey, rows = surveyed(change(1), perhaps, change(3))

    assert rows == [3]
    assert (survey.to_compare, survey.changed_again) == (1, 1)


def test_reads_and_what_did_not_succeed_are_not_compared() -> None:
    survey, rows = surveyed(
        change(1, operation="get"),
        change(2, operation="list", id=""),
        change(3, "failed"),
        change(4, "needs_review", unknown=True),
    )

    assert rows == []
    assert (survey.to_compare, survey.in_review) == (0, 1)


def test_an_attached_source_may_be_changed_by_a_later_row_of_its_file() -> None:
    attach = End(row(1, body="source=src_1"), outcome(source="src_1"))

    assert surveyed(attach, change(2, operation="delete", id="src_1"))[1] == [2]


# --- samples and shares


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100%", 40),
        ("1.0", 40),
        ("5%", 2),
        ("0.05", 2),
        ("0.0001", 1),
        ("7", 7),
        ("1", 1),
        ("100", 40),
        ("0", None),
        ("0%", None),
        ("-1", None),
        ("1.5", None),
        ("101%", None),
        ("nan", None),
        ("inf%", None),
        ("many", None),
        ("", None),
        ("²", None),
    ],
)
def test_a_sample_is_a_number_or_a_share(text: str, size: int | None) -> None:
    assert sample_size(text, 40) == size


def test_a_share_of_nothing_is_nothing() -> None:
    assert sample_size("5%", 0) == 0


@pytest.mark.parametrize(("wanted", "whole"), [(0, 5), (3, 10), (10, 10), (1, 1000)])
def test_a_sample_has_its_size_and_is_the_same_another_time(
    wanted: int, whole: int
) -> None:
    first, again = Sample(wanted, whole, BATCH), Sample(wanted, whole, BATCH)

    picked = [first.take() for _ in range(whole)]

    assert sum(picked) == wanted
    assert picked == [again.take() for _ in range(whole)]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (3, 3, "100 %"),
        (99_999, 100_000, "99.99 %"),
        (1, 3, "33.33 %"),
        (1, 2, "50 %"),
        (0, 7, "0 %"),
        (0, 0, "0 %"),
    ],
)
def test_only_all_of_it_is_100_per_cent(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_a_report_keeps_faults_from_what_was_not_read_and_what_is_in_review() -> None:
    report = Report()
    done, doubted = outcome(source="card_1"), outcome("needs_review")

    assert report.add(row(1), done, "") is None
    differs = report.add(row(2), done, "it differs in name")
    report.add(row(3), done, f"{UNREAD}: connect_error")
    report.add(row(4), doubted, f"{UNREAD}: connect_error")

    assert (report.matches, report.rows) == (1, 3)
    assert [one.row for one in report.mismatches] == [2]
    assert [one.row for one in report.unread] == [3]
    assert [one.row for one in report.in_review] == [4]
    assert str(differs) == "row 2: create cus_1 card_1: it differs in name"


def test_a_deleted_object_is_no_proof_that_an_update_lasts() -> None:
    told = fault(BATCH, row(1, "update", body="name=Ada"), ok(DELETED))

    assert told == "it differs in name"
