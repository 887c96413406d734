"""How far a batch is: what the store keeps of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

CODE = "code:"
"""How the counters of codes begin."""


class BatchState(StrEnum):
    """Where a batch is in its life."""

    UPLOADING = "uploading"
    RUNNING = "running"
    HELD = "held"
    """Stopped by itself: after its canary, or because too much failed."""
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in {BatchState.CANCELLED, BatchState.COMPLETED}


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One batch at one moment."""

    id: str
    state: BatchState
    why: str
    """Of a held one: `canary` or `errors`."""
    label: str
    account: str
    rows: int
    chunks: int
    uploaded: int
    """Chunks that are in the store."""
    fed: int
    """Rows that were put in line to be run, whatever became of them."""
    succeeded: int
    failed: int
    needs_review: int
    unprocessed: int
    """Rows that will never be begun."""
    codes: Mapping[str, int]
    """Of what did not succeed: how often which code."""
    window: int
    """Most rows in flight."""
    rate: float
    """Rows a second at most; 0: as many as the account allows."""
    max_errors: float
    """Share of failed rows above which it is held, once 20 have ended; 0: none."""
    canary: int
    """Rows after which it is held, to be looked at; 0: none, or that is over."""
    not_before: datetime | None
    """When its first row may begin; None: at once."""
    created: datetime
    since: datetime
    """When it came into its state."""
    ended: datetime | None

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return self.succeeded + self.failed + self.needs_review + self.unprocessed

    @property
    def in_flight(self) -> int:
        """Rows that were begun, or wait in line, and have no outcome yet."""
        # Before the end, `unprocessed` counts only rows that had been put in line.
        return 0 if self.state.is_ended else max(0, self.fed - self.done)


def parse_batch(batch_id: str, record: Mapping[str, str]) -> Batch:
    """Read a batch's record."""

    def number(name: str) -> int:
        return int(record.get(name, 0))

    state, ended = BatchState(record["state"]), record.get("ended")
    counted = number("unprocessed")
    never = number("rows") - number("fed") if state is BatchState.CANCELLED else 0
    return Batch(
        id=batch_id,
        state=state,
        why=record.get("why", ""),
        label=record.get("label", ""),
        account=record.get("account", ""),
        rows=number("rows"),
        chunks=number("chunks"),
        uploaded=number("uploaded"),
        fed=number("fed"),
        succeeded=number("succeeded"),
        failed=number("failed"),
        needs_review=number("needs_review"),
        unprocessed=counted + never,
        codes={
            name.removeprefix(CODE): int(value)
            for name, value in sorted(record.items())
            if name.startswith(CODE)
        },
        window=number("window"),
        rate=float(record.get("rate", 0)),
        max_errors=float(record.get("max_errors", 0)),
        canary=number("canary"),
        not_before=_moment(record["not_before"]) if number("not_before") else None,
        created=_moment(record["created"]),
        since=_moment(record["since"]),
        ended=_moment(ended) if ended else None,
    )


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)
