"""A verify that waits for its deposits: until when, and when that is too late."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from customer_sources.contract.commands import Command
from worker.banking import Calendar
from worker.deposits import wait_for_deposits
from worker.outcomes import Fail, Outcome, Postpone

CALENDAR = Calendar(ZoneInfo("America/New_York"), time(17), 2, time(9))
WEDNESDAY = datetime(2026, 11, 25, 20, tzinfo=UTC)  # 15:00 in New York
MONDAY = datetime(2026, 11, 30, 14, tzinfo=UTC)  # Thanksgiving and a weekend between


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def wait(deadline_ms: int = 0) -> Outcome:
    command = Command(
        operation="verify",
        customer="cus_1",
        id="ba_1",
        path="/",
        when="deposits_arrived",
        added_at=ms(WEDNESDAY),
    )
    return wait_for_deposits(command, deadline_ms, CALENDAR)


def test_it_waits_until_the_second_banking_day() -> None:
    assert wait() == Postpone(ms(MONDAY))


def test_a_deadline_after_that_changes_nothing() -> None:
    assert wait(ms(MONDAY) + 1) == Postpone(ms(MONDAY))


def test_a_deadline_before_that_is_an_error_that_says_when() -> None:
    outcome = wait(ms(MONDAY))

    assert isinstance(outcome, Fail)
    assert outcome.code == "deadline_before_deposits"
    assert outcome.error["param"] == "deadline"
    assert "2026-11-30T14:00:00.000Z" in outcome.error["message"]
    assert not outcome.retryable
