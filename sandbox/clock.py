"""The sandbox's clock, which can be told to leap ahead but never goes back."""

from collections.abc import Callable

FURTHEST = 100 * 365 * 24 * 60 * 60
"""Seconds that the leaps may come to: a century, within which every date is one."""


class Clock:
    """Tells seconds since 1970: those of `base`, and what it has leapt ahead."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        """Leap ahead.

        Raises:
            ValueError: that would be backwards, or more than a century in all.
        """
        if not 0 <= seconds <= FURTHEST - self._ahead:
            raise ValueError(
                f"the clock can be advanced by 0 to {FURTHEST:,} seconds in all"
            )
        self._ahead += seconds
