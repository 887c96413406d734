"""The times said with a command: read, checked, and written for the script. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from customer_sources.contract.errors import Problem
from customer_sources.contract.moments import (
    LAST_MOMENT_MS,
    PAST_THE_LAST,
    read_when,
    span_ms,
    to_ms,
)
from customer_sources.contract.validation import waiting_problems

CLOCKS_MS = 300_000
"""How far the clock of who noted a moment in the past may be ahead of this one."""


class Times(NamedTuple):
    """The times of a command; None was not said, or could not be read."""

    not_before: datetime | timedelta | None
    deadline: datetime | timedelta | None
    added_at: datetime | timedelta | None
    """A span only where it is refused: it is none of a moment in the past."""


NO_TIMES = Times(None, None, None)


class Timed(NamedTuple):
    """Times as far as they could be read, and what is wrong with them."""

    times: Times
    problems: list[Problem]


def read_times(
    operation: str,
    *,
    not_before: object,
    deadline: object,
    when: object,
    added_at: object,
    now_ms: int,
) -> Timed:
    """Read the times of a command, and find everything that is wrong with them.

    Args:
        operation: the command's.
        not_before: when the first request may leave.
        deadline: past which none leaves.
        when: what is waited for beside that.
        added_at: from when on that is counted.
        now_ms: by the producer's clock.
    """
    if not_before is deadline is when is added_at is None:
        return Timed(NO_TIMES, [])
    read = [
        read_time("not_before", not_before, now_ms),
        read_time("deadline", deadline, now_ms),
        read_time("added_at", added_at, now_ms, spans=False),
    ]
    problems = [one for one in read if isinstance(one, Problem)]
    times = Times(*(None if isinstance(one, Problem) else one for one in read))
    wrong = {problem.field for problem in problems}
    waiting = [
        problem
        for problem in waiting_problems(operation, when, added_at)
        if problem.field not in wrong
    ]
    problems += [*_order_problems(times, now_ms), *waiting]
    if not waiting and moment_ms(times.added_at, now_ms) > now_ms + CLOCKS_MS:
        problems.append(Problem("added_at", "is in the future: what was added then?"))
    return Timed(times, problems)


def read_time(
    field: str, given: object, now_ms: int, *, spans: bool = True
) -> datetime | timedelta | Problem | None:
    """Read one time; None was not said.

    Args:
        field: where it was said.
        given: anything at all.
        now_ms: what a span counts from.
        spans: whether a span makes sense there.
    """
    if given is None:
        return None
    when = read_when(field, given, spans=spans)
    if isinstance(when, timedelta) and moment_ms(when, now_ms) > LAST_MOMENT_MS:
        return Problem(field, PAST_THE_LAST)
    return when


def moment_ms(when: datetime | timedelta | None, now_ms: int) -> int:
    """Write a time as milliseconds since the epoch; 0 is kept for none."""
    if when is None:
        return 0
    if isinstance(when, timedelta):
        return max(1, now_ms + span_ms(when))
    return max(1, to_ms(when))


def moment_argument(when: datetime | timedelta | None, now_ms: int) -> int | str:
    """Write a time for the script; a span counts from now by the store's clock."""
    if isinstance(when, timedelta):
        return f"{span_ms(when):+d}"
    return moment_ms(when, now_ms)


def _order_problems(times: Times, now_ms: int) -> list[Problem]:
    """A deadline before the first moment at which anything may be sent is a slip."""
    start = moment_ms(times.not_before, now_ms)
    if times.deadline is None or start <= now_ms:
        return []
    if moment_ms(times.deadline, now_ms) > start:
        return []
    return [Problem("deadline", "is not after not_before: nothing could be sent")]
