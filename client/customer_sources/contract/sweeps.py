"""What a sweep counts, and the event that tells it. Pure.

A sweep goes through the verify jobs that have run and decided nothing, and puts those
forward that wait for nothing but their next try.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sources.contract.events import TYPE_PREFIX, Event, rfc3339

SWEPT = f"{TYPE_PREFIX}source_verification.swept"
"""The type of its event."""
PASSED_OVER = (
    "running",
    "in_line",
    "due",
    "quiet",
    "scheduled",
    "ended",
    "unreadable",
)
"""Why a job is not put forward: it runs; it stands in line for a permit, or its batch
is stopped; its time has come anyway; a request of it may still arrive; it waits for a
moment before which it must not begin; it has ended; its record is damaged."""


def tally(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Arrange what the ledger counted as events and commands say it.

    Args:
        counts: `considered`, `put_forward` and `passed:{reason}`; absent ones are 0.
    """
    passed = {why: int(counts.get(f"passed:{why}", 0)) for why in PASSED_OVER}
    return {
        "considered": int(counts.get("considered", 0)),
        "put_forward": int(counts.get("put_forward", 0)),
        "passed_over": passed,
    }


def swept_event(
    sweep_id: str, *, now_ms: int, slot_ms: int | None, counts: Mapping[str, Any]
) -> Event:
    """Compose the event of a sweep that is over. It concerns all accounts.

    Args:
        sweep_id: the sweep.
        now_ms: when it was over, in milliseconds since the epoch.
        slot_ms: the time that it was scheduled for, likewise; None: it was by hand.
        counts: as `tally` arranged them.
    """
    scheduled = {} if slot_ms is None else {"slot": rfc3339(slot_ms)}
    by = "hand" if slot_ms is None else "schedule"
    return Event(
        id=f"{sweep_id}:swept",
        type=SWEPT,
        source="/customer-sources",
        time=rfc3339(now_ms),
        subject=sweep_id,
        data={"state": "swept", "by": by, **scheduled, **counts},
    )
