"""Plans of batches, as `sources batch plan` makes them, without any file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from customer_sources.batches.manifest import (
    Chunk,
    Input,
    Manifest,
    batch_id,
    plan_hash,
    write_manifest,
)
from customer_sources.batches.rows import (
    Row,
    content_hash,
    encode_chunk,
    encode_rows,
    row_id,
)

DECLINED = "tok_chargeDeclined"
"""Stripe's published token that cannot be attached."""


class Plan(NamedTuple):
    """A plan in memory: what it says of itself, and its chunks."""

    manifest: Manifest
    chunks: Sequence[bytes]
    rows: Sequence[Row]

    @property
    def id(self) -> str:
        """Of the batch."""
        return self.manifest.batch

    def job_id(self, row: Row) -> str:
        """Name the job of a row."""
        return row_id(self.id, row.number)

    def write(self, folder: Path) -> Path:
        """Write it as a folder, as it is applied."""
        (folder / "chunks").mkdir(parents=True)
        for number, chunk in enumerate(self.chunks):
            (folder / "chunks" / f"{number:06}.z").write_bytes(chunk)
        (folder / "manifest.json").write_bytes(write_manifest(self.manifest))
        return folder


def plan(
    rows: int,
    *,
    customers: int = 100,
    chunk_rows: int = 1000,
    label: str = "",
    account: str = "default",
    fails: Callable[[int], bool] = lambda number: False,
) -> Plan:
    """Plan creates for customers in turn.

    Args:
        rows: how many.
        customers: `cus_0` and so on.
        chunk_rows: rows of each chunk but the last.
        label: makes another batch of the same rows.
        account: whose customers.
        fails: which rows, by number from 1, bring a card that Stripe declines.
    """
    all_rows = [
        Row(
            number=number,
            operation="create",
            customer=f"cus_{number % customers}",
            id="",
            body=f"source={DECLINED if fails(number) else 'tok_visa'}",
            asked=msgspec.Raw(b"{}"),
        )
        for number in range(1, rows + 1)
    ]
    return of_rows(all_rows, chunk_rows=chunk_rows, label=label, account=account)


def of_rows(
    rows: Sequence[Row],
    *,
    chunk_rows: int = 1000,
    label: str = "",
    account: str = "default",
) -> Plan:
    """Plan rows as they are."""
    parts = [rows[at : at + chunk_rows] for at in range(0, len(rows), chunk_rows)]
    packed = [encode_chunk(part) for part in parts]
    chunks = [
        Chunk(rows=len(part), bytes=len(one), sha256=content_hash(encode_rows(part)))
        for part, one in zip(parts, packed, strict=True)
    ]
    whole = plan_hash([chunk.sha256 for chunk in chunks], account, label)
    manifest = Manifest(
        batch=batch_id(whole, account, label),
        label=label,
        account=account,
        input=Input(name="rows.jsonl", sha256="0" * 64, bytes=1, rows=len(rows)),
        rows=len(rows),
        rejected=0,
        chunks=chunks,
        plan_sha256=whole,
        operations=Counter(row.operation for row in rows),
        changes=sum(row.operation not in {"get", "list"} for row in rows),
        customers=len({row.customer for row in rows}),
        duplicates=0,
        conflicts=0,
        created="2026-01-01T00:00:00Z",
    )
    return Plan(manifest, packed, rows)
