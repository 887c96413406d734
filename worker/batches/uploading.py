"""Bringing a plan into the store: all of it is held against its manifest before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from customer_sources.batches.manifest import Manifest, PlanInvalid
from customer_sources.batches.rows import decode_chunk
from customer_sources.contract.operations import OPERATIONS, Effect
from worker.batches.plan_files import read_chunk

Put = Callable[[str, int, bytes], int]
"""`client.batches.put`: takes batch, number and bytes, gives the number of the next."""
Told = Callable[[int], None]
"""Is told how many chunks are behind us."""


def check_plan(folder: Path, manifest: Manifest, told: Told) -> None:
    """Read every chunk once, and count: nothing may differ from what the plan says.

    What is sent is in the hash of a plan; how much that is, is not. A person agrees to
    numbers, so they have to be true.

    Raises:
        PlanInvalid: there is nothing to apply, or something was changed.
    """
    if not manifest.rows:
        raise PlanInvalid("the plan has no rows: there is nothing to apply")
    operations = Counter[str]()
    for number, chunk in enumerate(manifest.chunks):
        rows = decode_chunk(read_chunk(folder, manifest, number))
        if len(rows) != chunk.rows:
            raise PlanInvalid(
                "the manifest was changed: its numbers of rows do not fit"
            )
        operations.update(row.operation for row in rows)
        told(number + 1)
    changes = sum(count for name, count in operations.items() if _changes(name))
    if (operations, changes) != (Counter(manifest.operations), manifest.changes):
        raise PlanInvalid("the manifest was changed: its counts do not fit its rows")


def upload(folder: Path, manifest: Manifest, stored: int, put: Put, told: Told) -> None:
    """Store the chunks that are not in the store, one at a time, in their order.

    Args:
        folder: of the plan.
        manifest: what is in it.
        stored: how many the store has.
        put: stores one.
        told: hears after each how many the store has.

    Raises:
        PlanInvalid: a chunk was changed meanwhile; the store has those before it.
        LedgerUnavailable: the store is away or full; likewise.
    """
    while stored < len(manifest.chunks):
        told(stored)
        packed = read_chunk(folder, manifest, stored)
        stored = put(manifest.batch, stored, packed)
    told(stored)


def _changes(operation: str) -> bool:
    """Whether rows of this operation change something at Stripe."""
    known = OPERATIONS.get(operation)
    return known is None or known.effect is not Effect.NONE
