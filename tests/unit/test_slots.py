"""When a sweep comes: worked out by hand over zones, clock changes and the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from config.settings import Settings
from worker.slots import Daily, Every, rule_in

NEW_YORK = ZoneInfo("America/New_York")
MORNING = Daily(time(6, 30), NEW_YORK)
LEFT_OUT = Daily(time(2, 30), NEW_YORK)
TWICE = Daily(time(1, 30), NEW_YORK)
AUCKLAND = Daily(time(6, 30), ZoneInfo("Pacific/Auckland"))
HAVANA = Daily(time(0, 0), ZoneInfo("America/Havana"))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("rule", "now", "slot"),
    [
        (MORNING, "2026-01-15 11:30", "2026-01-15 11:30"),
        (MORNING, "2026-01-15 11:29", "2026-01-14 11:30"),
        (MORNING, "2026-01-16 04:59", "2026-01-15 11:30"),
        (MORNING, "2026-07-15 10:30", "2026-07-15 10:30"),
        (MORNING, "2026-07-15 10:29", "2026-07-14 10:30"),
        # Spring: from 2:00 to 3:00 on March 8 at 7:00 UTC.
        (MORNING, "2026-03-08 10:30", "2026-03-08 10:30"),
        (MORNING, "2026-03-08 10:29", "2026-03-07 11:30"),
        (LEFT_OUT, "2026-03-08 07:29", "2026-03-07 07:30"),
        (LEFT_OUT, "2026-03-08 07:30", "2026-03-08 07:30"),
        (LEFT_OUT, "2026-03-09 06:29", "2026-03-08 07:30"),
        (LEFT_OUT, "2026-03-09 06:30", "2026-03-09 06:30"),
        # Autumn: from 2:00 back to 1:00 on November 1 at 6:00 UTC.
        (MORNING, "2026-11-01 11:29", "2026-10-31 10:30"),
        (MORNING, "2026-11-01 11:30", "2026-11-01 11:30"),
        (TWICE, "2026-11-01 05:29", "2026-10-31 05:30"),
        (TWICE, "2026-11-01 05:30", "2026-11-01 05:30"),
        (TWICE, "2026-11-01 06:30", "2026-11-01 05:30"),
        (TWICE, "2026-11-02 06:29", "2026-11-01 05:30"),
        (TWICE, "2026-11-02 06:30", "2026-11-02 06:30"),
        # A day ahead of UTC, and clocks that leave midnight out.
        (AUCKLAND, "2026-01-15 17:29", "2026-01-14 17:30"),
        (AUCKLAND, "2026-01-15 17:30", "2026-01-15 17:30"),
        (HAVANA, "2026-03-08 04:59", "2026-03-07 05:00"),
        (HAVANA, "2026-03-08 05:00", "2026-03-08 05:00"),
        (Every(timedelta(hours=6)), "2026-03-08 05:59", "2026-03-08 00:00"),
        (Every(timedelta(hours=6)), "2026-03-08 06:00", "2026-03-08 06:00"),
        (Every(timedelta(hours=6)), "2026-11-01 06:30", "2026-11-01 06:00"),
        (Every(timedelta(days=1)), "2026-11-01 23:59", "2026-11-01 00:00"),
        (Every(timedelta(days=7)), "2026-11-04 23:59", "2026-10-29 00:00"),
        (Every(timedelta(minutes=90)), "1970-01-02 00:00", "1970-01-02 00:00"),
        (Every(timedelta(minutes=90)), "1970-01-02 01:29", "1970-01-02 00:00"),
    ],
    ids=str,
)
def test_the_present_slot_began_when_it_should(
    rule: Daily | Every, now: str, slot: str
) -> None:
    assert rule.slot_of(utc(now)) == utc(slot)


@pytest.mark.parametrize("rule", [MORNING, LEFT_OUT, TWICE, AUCKLAND, HAVANA], ids=str)
def test_every_day_of_a_year_has_one_slot(rule: Daily) -> None:
    hours = [utc("2026-01-01 00:00") + timedelta(hours=n) for n in range(365 * 24)]
    slots = sorted({rule.slot_of(hour) for hour in hours})
    days = [slot.astimezone(rule.zone).date() for slot in slots]

    assert len(slots) == 366  # the year begins in the slot of the day before
    assert all(later - day == timedelta(days=1) for day, later in pairwise(days))
    assert all(rule.slot_of(slot) == slot for slot in slots)


def test_it_does_not_matter_in_which_zone_the_moment_is_said() -> None:
    now = utc("2026-03-08 10:29")

    for rule in (MORNING, Every(timedelta(hours=5))):
        slot = rule.slot_of(now)
        assert rule.slot_of(now.astimezone(NEW_YORK)) == slot
        assert slot.tzinfo is UTC


def said(sweep: str) -> Settings:
    return Settings.model_construct(sweep=sweep, banking_zone="Europe/Berlin")


def test_the_settings_say_when() -> None:
    assert rule_in(said("06:30")) == Daily(time(6, 30), ZoneInfo("Europe/Berlin"))
    assert rule_in(said("PT6H")) == Every(timedelta(hours=6))
    assert rule_in(said("off")) is None


def test_a_rule_has_a_name_by_which_it_is_known_again() -> None:
    assert str(rule_in(said("06:30"))) == "06:30 Europe/Berlin"
    assert str(rule_in(said("PT90M"))) == str(rule_in(said("PT1H30M")))
