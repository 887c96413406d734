"""Which rows are tried again, and under which key: never one that could do it twice."""

from __future__ import annotations

from typing import Any

import pytest

from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row, row_id
from tests.batch_ends import BATCH, outcome, row
from worker.batches.ends import End
from worker.batches.retry import (
    SINCE_NOBODY_KNOWS,
    Left,
    Only,
    Selection,
    find_overtaken,
    left,
    retried,
)

AGAIN = {"retryable": True}
DOUBT = {"retryable": True, "unknown": True, "first_sent": 5}


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (outcome(), Left.DONE),
        (outcome("failed", code="card_declined"), Left.FINAL),
        (outcome("failed", **AGAIN), None),
        (outcome("unprocessed", **AGAIN), None),
        (outcome("needs_review", **DOUBT), None),
        (outcome("needs_review", code="not_applied", **AGAIN), None),
        (outcome("needs_review", code="idempotency_error", **AGAIN), Left.PERSON),
        (outcome("needs_review", unknown=True), Left.DAMAGED),
    ],
    ids=lambda one: f"{one.state}-{one.code}" if isinstance(one, Outcome) else None,
)
def test_what_may_succeed_another_time_is_retried(
    ended: Outcome, why: Left | None
) -> None:
    assert left(ended, row()) is why


def test_a_guess_at_deposits_that_may_be_spent_is_left_to_a_person() -> None:
    guess = row(operation="verify", id="ba_1")

    assert left(outcome("needs_review", **AGAIN), guess) is Left.PERSON
    assert left(outcome("needs_review", **DOUBT), guess) is None
    assert left(outcome("unprocessed", **AGAIN), guess) is None


@pytest.mark.parametrize(
    ("only", "state", "why"),
    [
        (Only.FAILED, "unprocessed", Left.NOT_ASKED),
        (Only.FAILED, "failed", None),
        (Only.FAILED, "needs_review", None),
        (Only.UNPROCESSED, "needs_review", Left.NOT_ASKED),
        (Only.UNPROCESSED, "unprocessed", None),
    ],
)
def test_only_what_was_asked_for_is_retried(
    only: Only, state: str, why: Left | None
) -> None:
    assert left(outcome(state, **AGAIN), row(), only) is why


# --- keys


def test_an_unknown_outcome_keeps_its_key_and_the_age_of_it() -> None:
    ended = outcome("needs_review", **DOUBT)

    again = retried(BATCH, row(7), ended)

    assert (again.key, again.first_sent) == (row_id(BATCH, 7), 5)


def test_an_unknown_outcome_of_a_retry_keeps_the_key_of_the_first_send() -> None:
    before = row(7, key="job_first", first_sent=3)
    ended = outcome("needs_review", key="job_first", **DOUBT)

    again = retried("batch_2", before, ended)

    assert (again.key, again.first_sent) == ("job_first", 5)


def test_a_key_of_unknown_age_is_too_old_to_be_sent() -> None:
    ended = outcome("needs_review", retryable=True, unknown=True)

    assert retried(BATCH, row(), ended).first_sent == SINCE_NOBODY_KNOWS


def test_a_row_that_was_not_begun_keeps_its_key_and_what_was_in_doubt_before() -> None:
    never = outcome("unprocessed", **AGAIN)

    first = retried(BATCH, row(7), never)
    carried = retried(BATCH, row(7, key="job_first", first_sent=3), never)

    assert (first.key, first.first_sent) == (row_id(BATCH, 7), 0)
    assert (carried.key, carried.first_sent) == ("job_first", 3)


def test_what_stripe_is_known_not_to_have_done_gets_one_new_key_for_all_retries() -> (
    None
):
    ended = outcome("failed", key="job_first", **AGAIN)
    before = row(7, key="job_first", first_sent=3)

    again = retried(BATCH, before, ended)

    assert again.first_sent == 0
    assert again.key == retried(BATCH, before, ended).key
    assert again.key not in {"job_first", row_id(BATCH, 7)}
    assert again.key != retried(BATCH, row(8), ended).key
    assert again.key != retried("batch_2", before, ended).key


def test_nothing_else_of_a_row_changes() -> None:
    before = row(7, body="source=tok_1", reference="r", marker=False, livemode=False)

    again = retried(BATCH, before, outcome("failed", **AGAIN))

    assert again == Row(**_fields(before) | {"key": again.key})


# --- rows that a later one has overtaken


def update(number: int, body: str) -> Row:
    return row(number, "update", id="card_1", body=body)


def chosen(*ends: End) -> tuple[list[int], Selection]:
    """The numbers of the rows that are retried."""
    selection = Selection(BATCH, None, find_overtaken(ends, None))
    return [one.number for one in selection.rows(ends)], selection


@pytest.mark.parametrize(
    ("earlier", "later", "overtaken"),
    [
        ("name=Ada", "name=Eve", True),
        ("name=Ada", "address_city=X", False),
        ("name=Ada&exp_month=1", "exp_month=2", True),
        ("metadata[a]=1", "metadata[a]=2", True),
        ("metadata[a]=1", "metadata[b]=2", False),
        ("metadata[a]=1", "metadata=", True),
        ("metadata=", "metadata[a]=1", True),
        ("metadata=", "metadata=", True),
        ("name=Ada&expand[]=customer", "expand[]=customer", False),
    ],
)
def test_an_update_is_not_retried_over_a_later_one_of_the_same_field(
    earlier: str,
    later: str,
    overtaken: bool,  # noqa: FBT001
) -> None:
    rows, selection = chosen(
        End(update(1, earlier), outcome("failed", **AGAIN)),
        End(update(2, later), outcome()),
    )

    assert rows == ([] if overtaken else [1])
    assert selection.shown == ({Left.OVERTAKEN: [1]} if overtaken else {})


def test_an_update_of_a_source_that_was_deleted_since_is_not_retried() -> None:
    gone = row(2, "delete", id="card_1")

    ends = [End(update(1, "name=Ada"), outcome("failed", **AGAIN))]

    assert chosen(*ends, End(gone, outcome()))[0] == []
    assert chosen(*ends, End(gone, outcome("failed")))[0] == [1]
    other = row(2, "delete", id="card_1", customer="cus_2")
    assert chosen(*ends, End(other, outcome()))[0] == [1]


def test_what_a_later_row_may_have_done_counts_as_done() -> None:
    rows, _ = chosen(
        End(update(1, "name=Ada"), outcome("failed", **AGAIN)),
        End(update(2, "name=Eve"), outcome("needs_review", **DOUBT)),
    )

    assert rows == [2]


def test_an_earlier_row_overtakes_nothing() -> None:
    rows, _ = chosen(
        End(update(1, "name=Ada"), outcome()),
        End(update(2, "name=Eve"), outcome("failed", **AGAIN)),
    )

    assert rows == [2]


def test_a_selection_counts_what_it_leaves_out_and_why() -> None:
    rows, selection = chosen(
        End(row(1), outcome()),
        End(row(2), outcome("failed", code="card_declined")),
        End(row(3), outcome("needs_review", **DOUBT)),
        End(row(5), outcome("unprocessed", **AGAIN)),
        End(row(6), None),
        End(row(8), outcome("needs_review", unknown=True)),
    )

    assert rows == [3, 5]
    assert (selection.taken, selection.carried) == (2, 1)
    assert selection.left == {Left.DONE: 1, Left.FINAL: 1, Left.DAMAGED: 1}
    assert selection.codes == {"card_declined": 1}
    assert selection.shown == {Left.DAMAGED: [8]}


def _fields(one: Row) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
