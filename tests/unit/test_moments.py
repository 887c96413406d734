"""Moments and spans: what is taken for one, and the words for what is none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sources.contract.errors import Problem
from customer_sources.contract.moments import (
    LAST_MOMENT_MS,
    read_span,
    read_when,
    span_ms,
    to_ms,
)

NOON = datetime(2026, 12, 1, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT2H", 2 * HOUR),
        ("P3D", 72 * HOUR),
        ("P1W", 7 * 24 * HOUR),
        ("p2w", 14 * 24 * HOUR),
        ("-P1W", -7 * 24 * HOUR),
        ("+PT90M", 1.5 * HOUR),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("PT0S", timedelta(0)),
    ],
)
def test_a_span_is_read(text: str, span: timedelta) -> None:
    assert read_span(text) == span
    assert read_when("deadline", text) == span


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1M", "P1Y", "P1W2D", "PT-2H", "2H", "PT2H ", " P3D"),
        *("P9999999999D", "P999999999W", "P\u0661D", "PnanD", "7"),
    ],
    ids=ascii,
)
def test_what_is_no_span_is_none(text: str) -> None:
    assert read_span(text) is None
    assert isinstance(read_when("deadline", text), Problem)


@pytest.mark.parametrize(
    "said",
    [
        *(
            "2026-12-01T09:00:00-05:00",
            "2026-12-01T14:00:00Z",
            "2026-12-01T15:00+01:00",
        ),
        NOON,
        NOON.astimezone(timezone(timedelta(hours=9))),
    ],
    ids=str,
)
def test_a_moment_is_read_whatever_its_zone(said: Any) -> None:
    for spans in (True, False):
        read = read_when("added_at", said, spans=spans)
        assert isinstance(read, datetime)
        assert to_ms(read) == to_ms(NOON)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "soon",
            "expected a time like 2030-01-31T12:00:00Z or a span like PT2H or P3D",
        ),
        ("P1M", "expected a time like 2030-01-31T12:00:00Z or a span like PT2H or P3D"),
        (3600, "expected a time like"),
        (True, "expected a time like"),
        (date(2030, 1, 31), "expected a time like"),
        (["PT2H"], "expected a time like"),
        ("2030-01-31", "has no time zone; write 2030-01-31T12:00:00Z"),
        ("2030-01-31T12:00:00", "has no time zone"),
        (datetime(2030, 1, 31), "has no time zone"),  # noqa: DTZ001  the point
        ("9999-12-31T23:59:59-05:00", "is past the year 9999"),
    ],
    ids=str,
)
def test_what_is_no_time_is_told_by_its_field(said: Any, words: str) -> None:
    problem = read_when("not_before", said)

    assert isinstance(problem, Problem)
    assert problem.field == "not_before"
    assert problem.message.startswith(words)


@pytest.mark.parametrize("span", ["PT2H", "-PT2H", HOUR, -HOUR], ids=str)
def test_a_moment_in_the_past_is_said_as_a_moment(span: Any) -> None:
    problem = read_when("added_at", span, spans=False)

    assert problem == Problem("added_at", "expected a time like 2030-01-31T12:00:00Z")


@given(st.text())
def test_no_text_breaks_anything_or_is_quoted(text: str) -> None:
    read = read_when("deadline", text)

    if isinstance(read, Problem):
        other = read_when("deadline", "soon")
        assert isinstance(other, Problem)
        assert read.message in {other.message, "is past the year 9999"} or (
            read.message.startswith("has no time zone")
        )


@given(st.integers(1, LAST_MOMENT_MS))
def test_milliseconds_are_kept(ms: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)

    assert to_ms(moment) == ms
    assert span_ms(timedelta(milliseconds=ms)) == ms
