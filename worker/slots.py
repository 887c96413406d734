"""When sweeps come: at a time of day, or so long after the one before. Pure.

Time is cut into slots, each with one sweep at most. A slot is named by the moment at
which it begins; however many went by with nobody there, only the present one counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.banking import sweep_of
from config.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class Daily(NamedTuple):
    """A slot a day, from this time on by the clocks of a place."""

    at: time
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.zone.key}"

    def slot_of(self, now: datetime) -> datetime:
        """Say when the present slot began.

        A time that the clocks leave out in spring comes an hour later by the new ones;
        of one that comes twice in autumn the first counts. So each day has one slot.

        Args:
            now: with a time zone.
        """
        today = now.astimezone(self.zone).date()
        days = (today + days * _DAY for days in (1, 0, -1, -2))
        begins = (datetime.combine(day, self.at, self.zone) for day in days)
        moments = (moment.astimezone(UTC) for moment in begins)
        return next(moment for moment in moments if moment <= now)


class Every(NamedTuple):
    """Slots of one length, counted from the epoch, whatever clocks do."""

    length: timedelta

    def __str__(self) -> str:
        return f"every {self.length // timedelta(milliseconds=1)} ms"

    def slot_of(self, now: datetime) -> datetime:
        """Say when the present slot began.

        Args:
            now: with a time zone.
        """
        return now.astimezone(UTC) - (now - _EPOCH) % self.length


Rule = Daily | Every


def rule_in(settings: Settings) -> Rule | None:
    """Say when sweeps come by the settings; None: never but by hand."""
    match sweep_of(settings.sweep):
        case time() as at:
            return Daily(at, ZoneInfo(settings.banking_zone))
        case timedelta() as length:
            return Every(length)
        case None:
            return None
