"""How fast a batch goes, of what it may, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from customer_sources.batches.status import Batch, parse_batch
from worker.cli import batch_words as words
from worker.cli.batch_speed import Pace, Speed, allowed, average, speed
from worker.cli.exits import Exit
from worker.limits import Reading, view

OPENED = datetime(2030, 1, 31, 12, tzinfo=UTC)


def batch(**fields: Any) -> Batch:
    at = round(OPENED.timestamp() * 1000)
    record = {"state": "running", "rows": 1000, "created": at, "since": at, **fields}
    return parse_batch("batch_1", {name: str(value) for name, value in record.items()})


def test_a_pace_needs_two_looks_a_moment_apart_and_forgets_old_ones() -> None:
    pace = Pace()
    pace.add(0, 0)
    assert pace.rows_per_second is None
    pace.add(0.1, 9)
    assert pace.rows_per_second is None
    pace.add(5, 100)
    assert pace.rows_per_second == 20
    for second in range(6, 30):
        pace.add(second, 100)
    assert pace.rows_per_second == 0


def test_a_speed_is_held_against_what_is_allowed_and_tells_the_time_left() -> None:
    told = speed(batch(fed=300, succeeded=190, failed=10), 20.0, 25.0)
    assert told == Speed(
        rows_per_second=20,
        allowed_per_second=25,
        allowance_used=0.8,
        seconds_left=40,
    )


@pytest.mark.parametrize(
    ("rate", "may", "state"),
    [(None, 25.0, "running"), (0.0, 0.0, "running"), (None, None, "paused")],
)
def test_of_what_nobody_knows_nothing_is_told(
    rate: float | None, may: float | None, state: str
) -> None:
    told = speed(batch(state=state), rate, may)
    assert (told.allowance_used, told.seconds_left) == (None, None)


def test_a_batch_that_stands_still_has_no_time_left() -> None:
    assert speed(batch(state="paused"), 5.0, 25.0).seconds_left is None


def test_the_average_is_over_the_whole_time_and_leaves_out_what_never_ran() -> None:
    now = OPENED.timestamp() + 10
    assert average(batch(fed=50, succeeded=50), now) == 5
    ended = round((OPENED + timedelta(seconds=20)).timestamp() * 1000)
    over = batch(state="cancelled", fed=50, succeeded=50, ended=ended)
    assert over.unprocessed == 950
    assert average(over, now) == 2.5
    assert average(batch(), OPENED.timestamp()) is None


def limits(record: dict[str, str]) -> Any:
    return view(
        Reading(account="default", now_ms=0, record=record, flights={}, lines={}), None
    )


@pytest.mark.parametrize(
    ("operations", "may"),
    [
        (["create"], 24.0),
        (["create", "delete"], 48.0),
        (["create", "delete", "get", "list", "update"], 96.0),
        ([], 0.0),
    ],
)
def test_what_is_allowed_is_that_of_the_operations_and_at_most_of_the_account(
    operations: list[str], may: float
) -> None:
    assert allowed(limits({"rate": "96", "each": "24"}), operations) == may
    assert allowed(limits({}), operations) is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": "completed", "fed": 1000, "succeeded": 1000}, Exit.OK),
        ({"state": "completed", "fed": 1000, "succeeded": 999, "failed": 1}, 1),
        ({"state": "completed", "succeeded": 999, "needs_review": 1}, 1),
        ({"state": "cancelled", "fed": 10, "succeeded": 10}, Exit.FAILED),
        ({"state": "held", "why": "canary"}, Exit.NEEDS_REVIEW),
        ({"state": "running"}, Exit.STILL_RUNNING),
        ({"state": "paused"}, Exit.STILL_RUNNING),
    ],
)
def test_an_exit_code_tells_what_became_of_the_rows(
    fields: dict[str, Any], code: int
) -> None:
    assert words.exit_code(batch(**fields)) == code


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": "uploading", "uploaded": 1, "chunks": 3}, "1 of 3 chunks"),
        ({"state": "held", "why": "canary", "fed": 10}, "the first 10 rows"),
        (
            {"state": "held", "why": "errors", "max_errors": 0.05, "failed": 7},
            "more than 0.05 of the rows that ended failed or need review (7 of 7",
        ),
        (
            {"state": "paused", "fed": 12, "succeeded": 9},
            "paused since 2030-01-31T12:00:00Z, 3 rows begun or waiting: what was sent",
        ),
        (
            {"state": "cancelling", "fed": 12, "succeeded": 9, "unprocessed": 2},
            "cancelling, 1 row begun or waiting: what was sent is resolved, all else",
        ),
        ({"state": "uploading", "chunks": 1}, "0 of 1 chunk are"),
        ({"not_before": 1_900_000_000_000}, "before 2030-03-17T17:46:40Z"),
    ],
)
def test_a_batch_that_stands_still_says_why(fields: dict[str, Any], told: str) -> None:
    assert told in " ".join(words.advice(batch(**fields)))


@pytest.mark.parametrize(
    "fields",
    [{}, {"state": "completed"}, {"not_before": 1_900_000_000_000, "fed": 1}],
)
def test_a_batch_that_goes_on_or_is_over_needs_no_advice(
    fields: dict[str, Any],
) -> None:
    assert list(words.advice(batch(**fields))) == []


def test_a_line_has_all_there_is_and_nothing_that_is_not() -> None:
    fast = Speed(
        rows_per_second=24.04,
        allowed_per_second=24,
        allowance_used=1.0,
        seconds_left=40_000,
    )
    some = batch(rows=1_000_000, fed=1200, succeeded=1000, failed=2)
    assert words.line(some, fast) == (
        "running: 1,002 of 1,000,000 rows done, 1,000 succeeded, 2 failed, "
        "198 in flight; 24.0 rows/s, 100% of 24/s, 11:06:40 left"
    )
    assert words.line(batch(), Speed()) == "running: 0 of 1,000 rows done"


def test_of_a_batch_that_stands_still_rows_are_begun_or_waiting() -> None:
    for state in ("paused", "held", "cancelling"):
        told = words.counts(batch(state=state, fed=5, succeeded=2, unprocessed=1))
        assert told == (
            "3 of 1,000 rows done, 2 succeeded, 1 unprocessed, 2 begun or waiting"
        )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0"),
        (0.00001, "0.00001"),
        (23.987, "23.99"),
        (2.5, "2.5"),
        (1e4, "10,000"),
    ],
)
def test_a_figure_has_no_exponent(value: float, told: str) -> None:
    assert words.figure(value) == told
    fast = Speed(allowed_per_second=value, allowance_used=0.5)
    assert words.pace(fast) == f"50% of {told}/s"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", "from now on: 7 in flight at most, 10,000 rows/s at most"),
        ("held", "once it runs (it is held): 7 in flight at most"),
        ("cancelling", "this changes nothing"),
    ],
)
def test_a_throttled_batch_says_from_when_on(state: str, told: str) -> None:
    assert told in words.throttled(batch(state=state, window=7, rate=10_000))


def test_a_slower_rate_is_said_not_to_be_that_of_rows_in_flight() -> None:
    told = words.throttled(batch(rate=10, window=200, fed=500, succeeded=300))

    assert told == (
        "from now on: 200 in flight at most, 10 rows/s at most; "
        "what is in flight goes on as fast as its account may"
    )


def test_the_batches_in_the_way_are_named_with_what_to_do() -> None:
    others = [batch(state="paused", fed=1), *(batch(state="held") for _ in range(9))]
    first, *rest = words.behind(others)
    assert "behind those of batch_1, which is paused; `sources batch resume" in first
    assert len(rest) < len(others) - 1
    told = words.document(batch(), Speed(), others[:1])
    assert told["advice"] == [first]


def test_the_document_has_every_field_of_a_batch_and_of_its_speed() -> None:
    told = words.document(batch(fed=5, succeeded=3), Speed())
    fields = {*Batch.__struct_fields__, *Speed.__struct_fields__}
    renamed = {"id", "window"}
    assert {*told} >= fields - renamed | {"batch", "concurrency"}
    assert (told["done"], told["in_flight"]) == (3, 2)
    assert msgspec.json.decode(msgspec.json.encode(told))["created"].startswith("2030")
