"""Until when a verify waits that is to go when its deposits have arrived. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from customer_sources.contract.commands import Command
from customer_sources.contract.events import rfc3339
from worker.banking import Calendar
from worker.outcomes import Fail, Outcome, Postpone

TOO_LATE = "deadline_before_deposits"
"""Code: the deadline is over before the deposits can be there."""


def wait_for_deposits(
    command: Command, deadline_ms: int, calendar: Calendar
) -> Outcome:
    """Say until when a command waits, or that this would be past its deadline.

    Args:
        command: with `added_at`.
        deadline_ms: since the epoch; 0 where there is none.
        calendar: of the banks.
    """
    added = datetime.fromtimestamp(command.added_at / 1000, UTC)
    arrival_ms = round(calendar.arrival(added).timestamp() * 1000)
    if 0 < deadline_ms <= arrival_ms:
        message = f"the deposits cannot have arrived before {rfc3339(arrival_ms)}"
        error = {"code": TOO_LATE, "message": message, "param": "deadline"}
        return Fail(TOO_LATE, error)
    return Postpone(arrival_ms)
