"""Banking days: when the deposits that verify a bank account can have arrived. Pure.

The days are those of the Federal Reserve, over which deposits travel. It is closed on
a Monday after a holiday on a Sunday, and open on a Friday before one on a Saturday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from config.banking import time_of
from config.settings import Settings

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """Counts banking days. Moments that it gives are in UTC, to be compared safely."""

    zone: ZoneInfo
    """The banks': what it is a day and a time of."""
    cutoff: time
    """What comes later counts as of the next banking day."""
    days: int
    """Banking days until deposits have arrived."""
    by: time
    """When on a day what is due then is due."""

    def day_of(self, moment: datetime) -> date:
        """Give the banking day that a moment counts as: after the cut-off, the next.

        Args:
            moment: with a time zone, any.
        """
        local = moment.astimezone(self.zone)
        day = local.date()
        if is_banking_day(day) and local.time() <= self.cutoff:
            return day
        return next_banking_day(day)

    def arrival(self, added_at: datetime) -> datetime:
        """Give the moment from which on deposits should be there.

        Args:
            added_at: when the bank account was added; with a time zone, any.
        """
        return self.banking_days_later(added_at, self.days)

    def banking_days_later(self, moment: datetime, days: int) -> datetime:
        """Give the moment so many banking days after the one that another counts as.

        Args:
            moment: with a time zone, any.
            days: 0 or more.
        """
        day = after(self.day_of(moment), days)
        return datetime.combine(day, self.by, self.zone).astimezone(UTC)


def calendar(settings: Settings) -> Calendar:
    """Make the calendar that the settings describe."""
    return Calendar(
        zone=ZoneInfo(settings.banking_zone),
        cutoff=time_of(settings.banking_cutoff),
        days=settings.deposit_days,
        by=time_of(settings.deposits_by),
    )


def is_banking_day(day: date) -> bool:
    """Whether the Federal Reserve moves money on a day."""
    return day.weekday() < _SATURDAY and day not in _holidays(day.year)


def next_banking_day(day: date) -> date:
    """Give the first banking day after a day."""
    day += _DAY
    while not is_banking_day(day):
        day += _DAY
    return day


def after(day: date, days: int) -> date:
    """Give the banking day so many banking days after a day.

    Args:
        day: any; the day itself is never counted.
        days: how many; 0 gives the day itself.
    """
    for _ in range(days):
        day = next_banking_day(day)
    return day


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    # It takes a while to load, and most processes never count a banking day.
    from holidays.financial.federal_reserve import FederalReserve  # noqa: PLC0415

    return frozenset(FederalReserve(years=year))  # type: ignore[no-untyped-call]
