"""Planned rows without a file: for benchmarks of what comes after the plan."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from customer_sources.batches.manifest import (
    Chunk,
    Input,
    Manifest,
    batch_id,
    plan_hash,
)
from customer_sources.batches.rows import Row, content_hash, encode_rows, pack

ACCOUNT = "default"


def rows(count: int, customers: int, first: int = 0) -> list[Row]:
    """Make rows that each attach a card, spread over so many customers."""
    return [_row(number, customers) for number in range(first + 1, first + count + 1)]


def _row(number: int, customers: int) -> Row:
    customer, order = f"cus_{number % customers:014}", f"order-{number}"
    asked = {
        "operation": "create",
        "customer": customer,
        "source": "tok_visa",
        "metadata": {"order_id": order},
    }
    return Row(
        number=number,
        operation="create",
        customer=customer,
        id="",
        body=f"source=tok_visa&metadata[order_id]={order}",
        asked=msgspec.Raw(msgspec.json.encode(asked)),
    )


def manifest_of(chunks: Sequence[Sequence[Row]], label: str) -> Manifest:
    """Write what a plan would say of these chunks."""
    contents = [encode_rows(chunk) for chunk in chunks]
    told = [
        Chunk(rows=len(chunk), bytes=len(pack(content)), sha256=content_hash(content))
        for chunk, content in zip(chunks, contents, strict=True)
    ]
    plan = plan_hash([chunk.sha256 for chunk in told], ACCOUNT, label)
    count = sum(chunk.rows for chunk in told)
    return Manifest(
        batch=batch_id(plan, ACCOUNT, label),
        label=label,
        account=ACCOUNT,
        input=Input(name="-", sha256="", bytes=0, rows=count),
        rows=count,
        rejected=0,
        chunks=told,
        plan_sha256=plan,
        operations={"create": count},
        changes=count,
        customers=0,
        duplicates=0,
        conflicts=0,
        created="2026-01-01T00:00:00Z",
    )
