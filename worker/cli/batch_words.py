"""What is said of a batch: in a word, in sentences, as JSON, as an exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from customer_sources.batches.status import Batch, BatchState
from worker.cli.batch_speed import Speed
from worker.cli.exits import Exit

UNKNOWN = "-"
MOST_NAMED = 3
"""Batches in the way that are told of: whoever resolves these is told of the next."""


def exit_code(batch: Batch) -> Exit:
    """Say with which code a command ends that waited for a batch."""
    if batch.state is BatchState.HELD:
        return Exit.NEEDS_REVIEW
    if not batch.state.is_ended:
        return Exit.STILL_RUNNING
    return Exit.OK if batch.succeeded == batch.rows else Exit.FAILED


def advice(batch: Batch) -> Iterator[str]:
    """Say why a batch stands still, and what can be done."""
    match batch.state:
        case BatchState.UPLOADING:
            stored = f"{batch.uploaded:,} of {many(batch.chunks, 'chunk')}"
            yield (
                f"{stored} are in the store, no row was begun: `sources batch apply` "
                "of the same plan goes on there"
            )
        case BatchState.HELD:
            yield f"held: {_why_held(batch)}"
            yield (
                f"look at it, then `sources batch resume {batch.id}` goes on, and "
                f"`sources batch cancel {batch.id}` ends it"
            )
        case BatchState.PAUSED:
            yield (
                f"paused since {moment(batch.since)}, {_waiting(batch)}: what was sent "
                "is resolved, nothing else is begun; "
                f"`sources batch resume {batch.id}` goes on"
            )
        case BatchState.CANCELLING:
            yield (
                f"cancelling, {_waiting(batch)}: what was sent is resolved, all else "
                "ends as unprocessed"
            )
        case BatchState.RUNNING if batch.not_before and not batch.fed:
            yield f"no row begins before {moment(batch.not_before)}"
        case _:
            pass


def behind(stopped: Iterable[Batch]) -> Iterator[str]:
    """Say of a batch in which nothing goes on behind whose rows its own may stand."""
    for one in islice(stopped, MOST_NAMED):
        yield (
            f"no row ends: rows may stand behind those of {one.id}, which is "
            f"{one.state}; `sources batch resume {one.id}`, or `cancel`, lets them go "
            "on"
        )


def throttled(batch: Batch) -> str:
    """Say how fast a batch goes from now on, and when that is."""
    if batch.state is BatchState.CANCELLING:
        return "no more rows are begun, so this changes nothing"
    when, but = "from now on", ""
    if batch.state is not BatchState.RUNNING:
        when = f"once it runs (it is {batch.state})"
    if batch.rate and batch.in_flight > batch.rate:
        but = "; what is in flight goes on as fast as its account may"
    return f"{when}: {settings(batch)}{but}"


def settings(batch: Batch) -> str:
    """Give the settings in one line."""
    told = [f"{batch.window:,} in flight at most"]
    if batch.rate:
        told.append(f"{figure(batch.rate)} rows/s at most")
    if batch.canary:
        told.append(f"canary {batch.canary:,}")
    if batch.max_errors:
        told.append(f"held above {figure(batch.max_errors)} failed")
    return ", ".join(told)


def _waiting(batch: Batch) -> str:
    return f"{many(batch.in_flight, 'row')} begun or waiting"


def _why_held(batch: Batch) -> str:
    if batch.why == "canary":
        return f"its canary, the first {batch.fed:,} rows, has ended"
    bad = batch.failed + batch.needs_review
    return (
        f"more than {figure(batch.max_errors)} of the rows that ended failed or need "
        f"review ({bad:,} of {batch.done - batch.unprocessed:,} by now)"
    )


def counts(batch: Batch) -> str:
    """Give the numbers in one line; what there is none of is left out."""
    runs = batch.state in {BatchState.UPLOADING, BatchState.RUNNING}
    told = {
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "need review": batch.needs_review,
        "unprocessed": batch.unprocessed,
        "in flight" if runs else "begun or waiting": batch.in_flight,
    }
    words = [f"{count:,} {name}" for name, count in told.items() if count]
    return ", ".join([f"{batch.done:,} of {batch.rows:,} rows done", *words])


def pace(speed: Speed) -> str:
    """Give speed, share of the allowance, and time left in a few words."""
    words = []
    if speed.rows_per_second is not None:
        words.append(f"{speed.rows_per_second:,.1f} rows/s")
    if speed.allowance_used is not None:
        whole = figure(speed.allowed_per_second or 0)
        words.append(f"{speed.allowance_used:.0%} of {whole}/s")
    if speed.seconds_left is not None:
        words.append(f"{span(speed.seconds_left)} left")
    return ", ".join(words)


def line(batch: Batch, speed: Speed) -> str:
    """Tell everything in one line, for a log."""
    return "; ".join(filter(None, (f"{batch.state}: {counts(batch)}", pace(speed))))


def document(
    batch: Batch, speed: Speed, stopped: Iterable[Batch] = ()
) -> dict[str, Any]:
    """Write a batch as the command line's JSON has it. The names stay.

    Args:
        batch: as it is.
        speed: as far as it is known.
        stopped: batches that may be in its way.
    """
    numbers = msgspec.structs.asdict(batch)
    return {
        "batch": numbers.pop("id"),
        "state": numbers.pop("state"),
        "why": numbers.pop("why"),
        "rows": numbers.pop("rows"),
        "done": batch.done,
        "in_flight": batch.in_flight,
        "concurrency": numbers.pop("window"),
        **numbers,
        **msgspec.structs.asdict(speed),
        "advice": [*advice(batch), *behind(stopped)],
    }


def many(count: int, noun: str) -> str:
    """Write how many there are of something: `1 chunk`, `2,000 chunks`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def figure(value: float) -> str:
    """Write a number in four digits at most, and never with an exponent."""
    return f"{Decimal(f'{value:.4g}'):,f}"


def moment(when: datetime | None) -> str:
    """Write a time to the second."""
    if when is None:
        return UNKNOWN
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(seconds: float) -> str:
    """Write how long, to the second: `11:06:40`, with days where there are any."""
    return str(timedelta(seconds=round(seconds)))
