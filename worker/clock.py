"""The clock by which a worker judges its own leases."""

from __future__ import annotations

import time

# CLOCK_MONOTONIC stands still while a Linux machine is suspended; a worker that wakes
# up after an hour would believe that its lease still runs. CLOCK_BOOTTIME goes on.
# Elsewhere (macOS) the wall clock is the only one that counts suspension.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def lease_clock() -> float:
    """Seconds on a clock that counts suspension."""
    if _BOOTTIME is None:
        return time.time()
    return time.clock_gettime(_BOOTTIME)
