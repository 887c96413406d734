"""Settings that are written as times, dates and zones: how they are read and refused.

What can go wrong is said when a process starts, not at the moment months later at
which a time is first needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from customer_sources.contract.moments import read_span

SHORTEST_SWEEP = timedelta(minutes=1)
LONGEST_SWEEP = timedelta(days=366)
MOST_REMINDERS = 10
SHORTEST_SECRET = 16
"""Characters of a secret that makes hashes: shorter ones can be tried out."""
OFF = "off"
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_REMINDER = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class Written:
    """How a value is written, in words for a person: docs/configuration.md has them."""

    words: str


@cache
def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; no name; a folder of names
        return False
    return True


def time_of(text: str) -> time:
    """Read a time of day that has been checked: "17:00"."""
    return time.fromisoformat(text)


def sweep_of(text: str) -> time | timedelta | None:
    """Read when undecided jobs are put forward, from a text that has been checked.

    Returns:
        A time of day, a span between two, or None: never.
    """
    if text == OFF:
        return None
    return time_of(text) if _TIME.fullmatch(text) else read_span(text)


def _zone(given: object) -> object:
    if isinstance(given, str) and not is_zone(given):
        example = 'such as "America/New_York"'
        raise PydanticCustomError("zone", f"is no time zone known here, {example}")
    return given


def _time(given: object) -> object:
    if isinstance(given, str) and not _TIME.fullmatch(given):
        raise PydanticCustomError("time", "expected a time of day, 00:00 to 23:59")
    return given


def _sweep(given: object) -> object:
    if not isinstance(given, str) or given == OFF or _TIME.fullmatch(given):
        return given
    span = read_span(given)
    if span is None or not SHORTEST_SWEEP <= span <= LONGEST_SWEEP:
        expected = "expected 06:30 (daily), PT6H (1 minute to 366 days) or off"
        raise PydanticCustomError("sweep", expected)
    return given


def _reminders(given: object) -> object:
    if not isinstance(given, str):
        return given
    texts = [text.strip() for text in given.split(",")] if given.strip() else []
    days = tuple(int(text) for text in texts if _REMINDER.fullmatch(text))
    in_order = sorted(set(days)) == list(days)
    if len(days) != len(texts) or len(days) > MOST_REMINDERS or not in_order:
        expected = "expected banking days in rising order, such as 2,5; or nothing"
        raise PydanticCustomError("reminders", expected)
    return days


Zone: TypeAlias = Annotated[str, BeforeValidator(_zone), Written("name of a time zone")]
TimeOfDay: TypeAlias = Annotated[str, BeforeValidator(_time), Written("`HH:MM`")]
Sweep: TypeAlias = Annotated[
    str, BeforeValidator(_sweep), Written("`HH:MM`, ISO 8601 duration or `off`")
]
Reminders: TypeAlias = Annotated[
    tuple[int, ...],
    NoDecode,
    BeforeValidator(_reminders),
    Written(f"up to {MOST_REMINDERS} rising numbers, commas between them"),
]
"""Banking days after the first event that says deposits are due."""
