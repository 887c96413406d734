"""Durations for the scripts, which count in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING


def to_ms(seconds: float) -> int:
    """Round to what the store counts in."""
    return round(seconds * 1000)


class InMilliseconds:
    """What derives from the durations of `Settings`, which are seconds."""

    if TYPE_CHECKING:
        lease_seconds: float
        upkeep_seconds: float
        request_seconds: float
        horizon_seconds: float
        patience_seconds: float
        quiet_seconds: float
        retention_seconds: float
        review_retention_seconds: float
        events_keep_seconds: float
        key_window_seconds: float
        batch_retention_seconds: float
        attempts_keep_days: int

    @property
    def lease_ms(self) -> int:
        """`lease_seconds` for the scripts."""
        return to_ms(self.lease_seconds)

    @property
    def worker_life_ms(self) -> int:
        """Life of a worker's own key: gone before the leases of a dead one are."""
        return to_ms(self.lease_seconds * 0.75)

    @property
    def outage_ms(self) -> int:
        """Age of the last upkeep that means nobody could send heartbeats either."""
        return to_ms(max(self.lease_seconds / 2, 4 * self.upkeep_seconds))

    @property
    def flight_ms(self) -> int:
        """Longest time for which a request counts as in flight, to be heard of again.

        A run holds its place between two tries as well.
        """
        return to_ms(self.request_seconds + 10)

    @property
    def horizon_ms(self) -> int:
        """`horizon_seconds` for the scripts."""
        return to_ms(self.horizon_seconds)

    @property
    def patience_ms(self) -> int:
        """`patience_seconds` for the scripts."""
        return to_ms(self.patience_seconds)

    @property
    def quiet_ms(self) -> int:
        """`quiet_seconds` for the scripts."""
        return to_ms(self.quiet_seconds)

    @property
    def retention_ms(self) -> int:
        """`retention_seconds` for the scripts."""
        return to_ms(self.retention_seconds)

    @property
    def review_retention_ms(self) -> int:
        """`review_retention_seconds` for the scripts."""
        return to_ms(self.review_retention_seconds)

    @property
    def events_keep_ms(self) -> int:
        """`events_keep_seconds` for the scripts."""
        return to_ms(self.events_keep_seconds)

    @property
    def key_window_ms(self) -> int:
        """`key_window_seconds` for the scripts."""
        return to_ms(self.key_window_seconds)

    @property
    def batch_retention_ms(self) -> int:
        """`batch_retention_seconds` for the scripts."""
        return to_ms(self.batch_retention_seconds)

    @property
    def attempts_keep_ms(self) -> int:
        """`attempts_keep_days` for the scripts."""
        return to_ms(self.attempts_keep_days * 86_400)
