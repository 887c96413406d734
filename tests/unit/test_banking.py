"""Banking days, against dates that were worked out by hand: the reason beside each."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from worker.banking import Calendar, after, calendar, is_banking_day, next_banking_day

NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")
JERUSALEM = ZoneInfo("Asia/Jerusalem")
BANKS = Calendar(zone=NEW_YORK, cutoff=time(17), days=2, by=time(9))
CLOSED = {  # on working days, as the Federal Reserve publishes them
    2026: "01-01 01-19 02-16 05-25 06-19 09-07 10-12 11-11 11-26 12-25",
    # Juneteenth and Christmas are on a Saturday; the 4th of July is on a Sunday.
    2027: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",
    # New Year and Veterans Day are on a Saturday.
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
}


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """Read a time by the clocks of a place."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def arrives(added_at: datetime, banks: Calendar = BANKS) -> str:
    """Say in UTC when deposits should be there."""
    return f"{banks.arrival(added_at):%a %Y-%m-%d %H:%MZ}"


# --- days


@pytest.mark.parametrize("year", CLOSED)
def test_the_days_are_those_of_the_federal_reserve(year: int) -> None:
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    closed = [d for d in days if d.weekday() < 5 and not is_banking_day(d)]

    assert [f"{d:%m-%d}" for d in closed if d.year == year] == CLOSED[year].split()


@pytest.mark.parametrize(
    "day", ["2026-07-03", "2027-06-18", "2027-12-24", "2027-12-31"]
)
def test_on_a_friday_before_a_holiday_on_a_saturday_banks_are_open(day: str) -> None:
    assert is_banking_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-06-20", "2026-06-21", "2026-07-04"])
def test_no_weekend_is_a_banking_day(day: str) -> None:
    assert not is_banking_day(date.fromisoformat(day))


def test_days_are_counted_from_the_next_one_on() -> None:
    thursday = date(2026, 6, 18)

    assert after(thursday, 0) == thursday
    assert next_banking_day(thursday) == after(thursday, 1) == date(2026, 6, 22)
    assert after(date(2026, 6, 20), 1) == date(2026, 6, 22)  # from a Saturday on


# --- when deposits arrive


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        # A plain week: Mon, then Tue 1, Wed 2. In summer 09:00 is 13:00Z.
        ("2026-06-08 10:00", "Wed 2026-06-10 13:00Z"),
        # Thu, Fri 1, weekend, Mon 2.
        ("2026-06-04 10:00", "Mon 2026-06-08 13:00Z"),
        # Juneteenth is on Fri the 19th: Wed, Thu 1, closed, weekend, Mon 2.
        ("2026-06-17 10:00", "Mon 2026-06-22 13:00Z"),
        # A holiday on a Saturday closes nothing: Wed, Thu 1, Fri the 3rd 2.
        ("2026-07-01 10:00", "Fri 2026-07-03 13:00Z"),
        ("2026-07-02 10:00", "Mon 2026-07-06 13:00Z"),
        # One on a Sunday closes the Monday: Thu, Fri 1, weekend, closed, Tue 2.
        ("2027-07-01 10:00", "Tue 2027-07-06 13:00Z"),
        # New Year 2028 is on a Saturday: Thu, Fri the 31st 1, weekend, Mon the 3rd 2.
        ("2027-12-30 10:00", "Mon 2028-01-03 14:00Z"),
        # New Year 2027 is on a Friday: Wed, Thu 1, closed, weekend, Mon 2.
        ("2026-12-30 10:00", "Mon 2027-01-04 14:00Z"),
        # Thanksgiving is Thu the 26th, and banks work on the day after: Wed 1, Fri 2.
        ("2026-11-24 10:00", "Fri 2026-11-27 14:00Z"),
        # Added on a holiday in the week: counts as Thu the 12th, Fri 1, Mon 2.
        ("2026-11-11 10:00", "Mon 2026-11-16 14:00Z"),
        # Added on a Saturday or Sunday: counts as Mon, Tue 1, Wed 2.
        ("2026-06-06 10:00", "Wed 2026-06-10 13:00Z"),
        ("2026-06-07 23:59", "Wed 2026-06-10 13:00Z"),
    ],
)
def test_deposits_take_two_banking_days(added: str, expected: str) -> None:
    assert arrives(at(added)) == expected


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        # At the cut-off itself it is still Monday: Tue 1, Wed 2.
        ("2026-06-08 17:00", "Wed 2026-06-10 13:00Z"),
        # Past it, Tuesday: Wed 1, Thu 2.
        ("2026-06-08 17:00:00.001", "Thu 2026-06-11 13:00Z"),
        ("2026-06-08 23:59", "Thu 2026-06-11 13:00Z"),
        # On Friday past it, Monday: Tue 1, Wed 2.
        ("2026-06-05 18:00", "Wed 2026-06-10 13:00Z"),
        # The Monday is Labor Day: it counts as Tue the 8th, Wed 1, Thu 2.
        ("2026-09-04 18:00", "Thu 2026-09-10 13:00Z"),
        # On Thursday before Juneteenth, past it: Mon the 22nd, Tue 1, Wed 2.
        ("2026-06-18 17:30", "Wed 2026-06-24 13:00Z"),
    ],
)
def test_what_is_added_after_the_cut_off_counts_as_of_the_next_banking_day(
    added: str, expected: str
) -> None:
    assert arrives(at(added)) == expected


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        # Tue 08:00 in Tokyo is Mon 18:00 in New York, past the cut-off: Tue, Wed, Thu.
        ("2026-03-03 08:00", "Thu 2026-03-05 14:00Z"),
        # Mon 23:00 in Tokyo is Mon 09:00 there: Tue 1, Wed 2.
        ("2026-03-02 23:00", "Wed 2026-03-04 14:00Z"),
        # Sat 05:00 in Tokyo is Fri 16:00 there, in summer: Fri, Mon 1, Tue 2.
        ("2026-06-06 05:00", "Tue 2026-06-09 13:00Z"),
        # Mon 08:00 in Tokyo is Sun 19:00 there: counts as Mon, Tue 1, Wed 2.
        ("2026-06-08 08:00", "Wed 2026-06-10 13:00Z"),
    ],
)
def test_the_day_is_the_banks_wherever_the_producer_is(
    added: str, expected: str
) -> None:
    added_at = at(added, TOKYO)

    assert arrives(added_at) == arrives(added_at.astimezone(UTC)) == expected


# --- daylight saving: from Sun 2026-03-08 02:00 to Sun 2026-11-01 02:00


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        # Thu in winter, Fri 1, Mon 2 in summer: 09:00 is 13:00Z then, not 14:00Z.
        ("2026-03-05 10:00", "Mon 2026-03-09 13:00Z"),
        # Thu in summer, Fri 1, Mon 2 in winter: 14:00Z.
        ("2026-10-29 10:00", "Mon 2026-11-02 14:00Z"),
    ],
)
def test_deposits_are_due_by_the_clock_on_the_wall(added: str, expected: str) -> None:
    assert arrives(at(added)) == expected


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        # 21:30Z is 16:30 in winter, before the cut-off: Fri, Mon 1, Tue 2.
        ("2026-03-06T21:30Z", "Tue 2026-03-10 13:00Z"),
        # It is 17:30 in summer, past it: Mon counts as Tue, Wed 1, Thu 2.
        ("2026-03-09T21:30Z", "Thu 2026-03-12 13:00Z"),
        # In autumn the other way round: Fri counts as Mon, Tue 1, Wed 2.
        ("2026-10-30T21:30Z", "Wed 2026-11-04 14:00Z"),
        # Mon, Tue 1, Wed 2.
        ("2026-11-02T21:30Z", "Wed 2026-11-04 14:00Z"),
        # 01:30 on that Sunday, before and after the clocks go back: both count as Mon.
        ("2026-11-01T05:30Z", "Wed 2026-11-04 14:00Z"),
        ("2026-11-01T06:30Z", "Wed 2026-11-04 14:00Z"),
    ],
)
def test_the_cut_off_is_by_the_clock_on_the_wall(added: str, expected: str) -> None:
    assert arrives(datetime.fromisoformat(added)) == expected


def test_a_time_that_the_clocks_leave_out_comes_an_hour_later_by_the_new_ones() -> None:
    """There they leave out 02:00 to 03:00 on Friday 2026-03-27, a banking day."""
    banks = Calendar(zone=JERUSALEM, cutoff=time(17), days=2, by=time(2, 30))

    due = banks.arrival(at("2026-03-25 10:00", JERUSALEM))  # Wed; Thu 1, Fri 2

    assert f"{due.astimezone(JERUSALEM):%a %H:%M}" == "Fri 03:30"


# --- later days, and the settings


def test_ten_banking_days_after_a_day_are_two_weeks_and_the_holidays() -> None:
    # From Mon 8 June: Fri 12 is 4, Thu 18 is 8, Juneteenth, Mon 22 is 9, Tue 23 is 10.
    later = BANKS.banking_days_later(at("2026-06-08 10:00"), 10)

    assert later == at("2026-06-23 09:00")


def test_a_reminder_is_counted_from_the_day_on_which_deposits_are_due() -> None:
    due = BANKS.arrival(at("2026-06-17 10:00"))  # Mon 22 June

    assert BANKS.banking_days_later(due, 2) == at("2026-06-24 09:00")
    assert BANKS.banking_days_later(due, 0) == due


def test_the_calendar_is_made_of_the_settings() -> None:
    settings = Settings(
        _env_file=None,
        banking_zone="Pacific/Honolulu",
        banking_cutoff="12:00",
        deposit_days=1,
        deposits_by="08:15",
    )
    # Mon 13:00 in Honolulu is past its cut-off: Tue, Wed 1, at 08:15 or 18:15Z.
    added_at = at("2026-06-08 13:00", ZoneInfo("Pacific/Honolulu"))

    assert arrives(added_at, calendar(settings)) == "Wed 2026-06-10 18:15Z"
    assert calendar(Settings(_env_file=None)) == BANKS


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  bounds
    st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_deposits_arrive_on_a_banking_day_after_and_never_overtake(
    added: datetime, later: timedelta
) -> None:
    due = BANKS.arrival(added)

    assert is_banking_day(due.astimezone(NEW_YORK).date())
    assert timedelta(hours=40) <= due - added <= timedelta(days=7)
    assert due <= BANKS.arrival(added + later)


def test_a_command_that_counts_no_days_does_not_load_the_holidays() -> None:
    said = (
        "import sys, worker.banking, worker.cli.main; print('holidays' in sys.modules)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True
    )

    assert asked.stdout == "False\n"
