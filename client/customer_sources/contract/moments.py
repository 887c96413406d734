"""Moments and spans of time, however a producer says them. Pure.

A moment is a `datetime` with a time zone, or its ISO 8601 text with an offset:
"2030-01-31T12:00:00Z". A span is a `timedelta`, or its text: "PT2H", "P3D", "P1W".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from customer_sources.contract.errors import Problem

When: TypeAlias = datetime | timedelta | str
"""A moment with a time zone, or how long from now; either may be a text."""
Moment: TypeAlias = datetime | str
"""A moment with a time zone, or its text."""

LAST_MOMENT_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write."""
A_MOMENT = "a time like 2030-01-31T12:00:00Z"
A_SPAN = "a span like PT2H or P3D"
_NO_OFFSET = "has no time zone; write 2030-01-31T12:00:00Z, or give it a tzinfo"
PAST_THE_LAST = "is past the year 9999"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BEGINS_A_SPAN = re.compile(r"[+-]?P", re.IGNORECASE)
_WEEKS = re.compile(r"([+-]?P)([0-9]{1,8})W", re.IGNORECASE)


def read_span(text: str) -> timedelta | None:
    """Read an ISO 8601 duration; None: it is none.

    A day is 24 hours. Months and years are refused: they have no one length.
    """
    if weeks := _WEEKS.fullmatch(text):
        text = f"{weeks[1]}{int(weeks[2]) * 7}D"
    try:
        return msgspec.convert(text, timedelta)
    except (msgspec.ValidationError, OverflowError):
        return None


def read_when(
    field: str, given: object, *, spans: bool = True
) -> datetime | timedelta | Problem:
    """Read what a producer said of a time; what is wrong with it is not quoted.

    Args:
        field: where it was said.
        given: anything at all.
        spans: whether a span makes sense there.
    """
    if isinstance(given, str):
        is_span = _BEGINS_A_SPAN.match(given) is not None
        read = read_span(given) if is_span else _read_moment(given)
    else:
        read = given if isinstance(given, datetime | timedelta) else None
    if isinstance(read, datetime):
        problem = _wrong_with(read)
        return Problem(field, problem) if problem else read
    if spans and read is not None:
        return read
    expected = f"{A_MOMENT} or {A_SPAN}" if spans else A_MOMENT
    return Problem(field, f"expected {expected}")


def to_ms(moment: datetime) -> int:
    """Write a moment as milliseconds since the epoch."""
    return (moment - _EPOCH) // _MILLISECOND


def span_ms(span: timedelta) -> int:
    """Write a span in milliseconds."""
    return span // _MILLISECOND


def _read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _wrong_with(moment: datetime) -> str:
    if moment.utcoffset() is None:
        return _NO_OFFSET
    return PAST_THE_LAST if to_ms(moment) > LAST_MOMENT_MS else ""
