"""Batches that are over, made of plain values: rows, outcomes, what keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from customer_sources.batches.manifest import Chunk, Input, Manifest
from customer_sources.batches.outcomes import Outcome
from customer_sources.batches.rows import Row
from customer_sources.batches.status import Batch, BatchState, parse_batch

BATCH = "batch_1"
ENDED = datetime(2026, 11, 24, 12, tzinfo=UTC)
ENDED_MS = 1_795_521_600_000


def row(number: int = 1, operation: str = "create", **fields: Any) -> Row:
    """A row; what it asks is only its operation unless it is said."""
    asked = fields.pop("asked", {"operation": operation})
    given = {"customer": "cus_1", "id": "", "body": ""} | fields
    raw = msgspec.Raw(msgspec.json.encode(asked))
    return Row(number=number, operation=operation, asked=raw, **given)


def outcome(state: Any = "succeeded", **fields: Any) -> Outcome:
    """How a row ended."""
    given: dict[str, Any] = {
        "code": state,
        "source": "",
        "request": "req_1",
        "runs": 1,
        "ended": ENDED_MS,
        "retryable": False,
        "unknown": False,
        "key": "",
        "first_sent": 0,
        "message": "",
    }
    return Outcome(state=state, **given | fields)


class Memory:
    """Keeps rows and outcomes of a few chunks."""

    def __init__(
        self,
        chunks: Sequence[Sequence[Row]],
        outcomes: Mapping[int, Outcome],
        state: BatchState = BatchState.COMPLETED,
        **record: object,
    ) -> None:
        self.chunks = [list(chunk) for chunk in chunks]
        self.ends = dict(outcomes)
        self.manifest = manifest(*map(len, chunks))
        self.batch = batch(self.manifest, outcomes, state, **record)

    def rows(self, chunk: int) -> Sequence[Row]:
        """Read the rows of a chunk."""
        return self.chunks[chunk]

    def outcomes(self, chunk: int) -> Mapping[int, Outcome]:
        """Read the outcomes of a chunk."""
        numbers = {one.number for one in self.chunks[chunk]}
        return {n: one for n, one in self.ends.items() if n in numbers}


def manifest(*sizes: int, rejected: int = 0) -> Manifest:
    """A plan whose chunks have so many rows."""
    rows = sum(sizes)
    return Manifest(
        batch=BATCH,
        label="",
        account="default",
        input=Input(name="rows.csv", sha256="", bytes=1, rows=rows + rejected),
        rows=rows,
        rejected=rejected,
        chunks=[Chunk(rows=size, bytes=1, sha256="") for size in sizes],
        plan_sha256="",
        operations={"create": rows},
        changes=rows,
        customers=1,
        duplicates=0,
        conflicts=0,
        created="",
    )


def batch(
    plan: Manifest,
    outcomes: Mapping[int, Outcome],
    state: BatchState,
    **record: object,
) -> Batch:
    """A batch whose counters say what its outcomes do, all of its rows begun."""
    states = [one.state for one in outcomes.values()]
    counted = {name: states.count(name) for name in set(states)}
    fields = {
        "state": state,
        "rows": plan.rows,
        "chunks": len(plan.chunks),
        "uploaded": len(plan.chunks),
        "fed": plan.rows,
        "created": ENDED_MS,
        "since": ENDED_MS,
        **({"ended": ENDED_MS} if state.is_ended else {}),
        **counted,
        **record,
    }
    return parse_batch(BATCH, {name: str(value) for name, value in fields.items()})
