"""What is shown of an account, from what the store held at two moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from customer_sources.contract.names import Class
from worker.limits import DAY_MS, LIMITED, Line, Reading, announced, reads, slowed, view

NOW = 1_800_000_000_000
TOLD = {
    "mode": "test",
    "key": "0123456789ab",
    "rate": "24",
    "each": "20",
    "each:create": "10",
    "burst": "200",
    "cap": "32",
    "life": "60000",
}


def reading(
    record: Mapping[str, str] = TOLD,
    now_ms: int = NOW,
    flights: Mapping[str, int] | None = None,
    lines: Mapping[tuple[str, Class], Line] | None = None,
) -> Reading:
    nobody = {(op, name): Line(0, None) for op in LIMITED for name in Class}
    return Reading(
        account="acme",
        now_ms=now_ms,
        record=record,
        flights=flights or {},
        lines=nobody | dict(lines or {}),
    )


@pytest.mark.parametrize(
    ("since_ms", "expected"),
    [
        (0, 12.0),  # just now
        (1_500, 12.0),  # nothing has grown yet
        (1_500 + 3_000, 14.4),  # a tenth of the whole rate in a tenth of the time
        (1_500 + 15_000, 24.0),
        (1_500 + 90_000, 24.0),
    ],
)
def test_a_halved_rate_grows_back_steadily(since_ms: int, expected: float) -> None:
    shown = view(reading({**TOLD, "f": "0.5", "f_at": str(NOW - since_ms)}), None).whole

    assert shown.allowed_per_second == pytest.approx(expected)
    assert shown.configured_per_second == 24


def test_no_halving_goes_below_a_probe_a_second_nor_above_what_is_configured() -> None:
    assert slowed(24, 0.000001, NOW, NOW) == 1
    assert slowed(0.5, 0.000001, NOW, NOW) == 0.5
    assert slowed(24, None, 0, NOW) == 24


def test_an_operation_has_its_own_rate_or_that_of_each() -> None:
    shown = view(reading({**TOLD, "f:get": "0.25", "f_at:get": str(NOW)}), None)

    per_second = {
        op: (one.allowed_per_second, one.configured_per_second)
        for op, one in shown.operations.items()
    }
    others = dict.fromkeys(LIMITED, (20, 20))
    assert per_second == others | {"create": (10, 10), "get": (5, 20)}
    assert shown.whole.allowed_per_second == 24


def test_what_is_used_shows_between_two_readings() -> None:
    before = reading({**TOLD, "sent": "100", "sent:get": "100"}, NOW - 1_250)
    after = reading({**TOLD, "sent": "125", "sent:get": "120", "sent:create": "5"})
    shown = view(after, before)

    assert shown.whole.used_per_second == 20
    assert shown.operations["get"].used_per_second == 16
    assert shown.operations["create"].used_per_second == 4
    assert shown.operations["delete"].used_per_second == 0
    assert shown.whole.sent == 125


def test_where_nothing_can_be_compared_nothing_is_said_of_what_is_used() -> None:
    told = {**TOLD, "sent": "5"}
    assert view(reading(told), None).whole.used_per_second is None
    assert view(reading(told), reading(told)).whole.used_per_second is None
    emptied = view(reading(TOLD), reading(told, NOW - 1_000))
    assert emptied.whole.used_per_second == 0


def test_who_waits_is_told_by_class_and_how_long_the_first_of_them_has() -> None:
    lines = {
        ("create", Class.BULK): Line(20, NOW - 9_000),
        ("create", Class.INTERACTIVE): Line(1, NOW - 500),
        ("get", Class.BULK): Line(3, NOW - 61_000),
    }
    shown = view(reading(lines=lines), None)

    assert shown.whole.waiting == {"interactive": 1, "scheduled": 0, "bulk": 23}
    assert shown.whole.oldest_wait_seconds == 61
    create = shown.operations["create"]
    assert create.waiting == {"interactive": 1, "scheduled": 0, "bulk": 20}
    assert create.oldest_wait_seconds == 9
    assert shown.operations["list"].oldest_wait_seconds is None
    assert not create.is_idle
    assert shown.operations["list"].is_idle


def test_a_job_accepted_a_moment_ahead_of_the_reading_has_waited_for_no_time() -> None:
    lines = {("get", Class.BULK): Line(1, NOW + 3)}
    assert view(reading(lines=lines), None).whole.oldest_wait_seconds == 0


def test_halvings_are_told_with_the_last_reason_and_when() -> None:
    told = {
        **TOLD,
        "halved": "2",
        "why": "global-concurrency",
        "c": "0.25",
        "c_at": str(NOW),
        "f": "0.5",
        "f_at": str(NOW - 1_000),
        "halved:get": "1",
        "why:get": "endpoint-rate",
        "f_at:get": str(NOW),
    }
    shown = view(reading(told, flights={"": 7, "get": 4}), None)
    whole, get = shown.whole, shown.operations["get"]

    assert (whole.halvings, whole.last_reason) == (2, "global-concurrency")
    assert whole.last_halved_at == "2027-01-15T08:00:00.000Z"
    assert (whole.in_flight, whole.in_flight_allowed) == (7, 8)
    assert whole.in_flight_configured == 32
    assert (get.halvings, get.last_reason) == (1, "endpoint-rate")
    assert (get.in_flight, get.in_flight_allowed) == (4, 32)
    assert not get.is_idle
    assert shown.operations["list"].last_halved_at == ""


def test_a_halved_cap_lets_one_request_through_at_least() -> None:
    told = {**TOLD, "c": "0.000001", "c_at": str(NOW)}
    assert view(reading(told), None).whole.in_flight_allowed == 1


def test_a_suspended_account_is_allowed_nothing_and_says_why() -> None:
    told = {
        **TOLD,
        "suspended": str(NOW - 1_000),
        "refused": "401 api_key_expired",
        "refused_op": "create",
        "refused_key": "0123456789ab",
    }
    shown = view(reading(told), None)

    assert shown.suspended is not None
    assert shown.suspended.since == "2027-01-15T07:59:59.000Z"
    assert shown.suspended.refused == "401 api_key_expired"
    assert shown.suspended.operation == "create"
    assert shown.whole.allowed_per_second == 0
    assert shown.operations["get"].allowed_per_second == 0
    assert shown.whole.configured_per_second == 24
    assert announced(reading(told)).suspended == shown.suspended


def test_reads_are_those_of_thirty_days_and_no_older() -> None:
    today = NOW // DAY_MS
    record = {f"reads:{today - days}": str(10**days) for days in (0, 1)}
    record |= {f"reads:{today - 29}": "100", f"reads:{today - 30}": "1000"}
    record |= {f"reads:{today + 1}": "5000"}

    assert reads(record, NOW) == 111
    assert view(reading(record), None).reads_last_30_days == 111


def test_of_an_account_that_nobody_announced_no_limit_is_told() -> None:
    shown = view(reading({"suspended": "1", "refused": "account_unknown"}), None)
    nothing = view(reading({}), None).whole

    assert (shown.mode, shown.key_id) == ("", "")
    assert shown.whole.configured_per_second is None
    assert nothing.allowed_per_second is None
    assert nothing.in_flight_allowed is None
    told = announced(reading({}))
    assert (told.account_per_second, told.in_flight) == (None, None)


def test_what_was_announced_is_told_in_requests_and_seconds() -> None:
    told = announced(reading())

    assert (told.mode, told.key_id) == ("test", "0123456789ab")
    assert (told.account_per_second, told.operation_per_second) == (24, 20)
    assert told.own_per_second == {"create": 10}
    assert (told.in_flight, told.burst_seconds) == (32, 0.2)
    assert told.suspended is None


@pytest.mark.parametrize("wrong", ["", "x", "nan", "inf", "-1e999"])
@pytest.mark.parametrize("name", ["rate", "each", "cap", "f", "f_at", "sent", "halved"])
def test_a_damaged_number_is_none_and_hides_nothing_else(name: str, wrong: str) -> None:
    before = reading({**TOLD, "sent": "1"}, NOW - 1_000)
    record: dict[str, Any] = {**TOLD, "sent": "3", "why": "storm", name: wrong}
    shown = view(reading(record), before)

    assert shown.whole.last_reason == "storm"
    assert shown.key_id == TOLD["key"]
