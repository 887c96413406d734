"""Batches: plans are made, begun and waited for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from customer_sources import CustomerSources
from customer_sources.batches.calls import Settings
from customer_sources.batches.status import Batch, BatchState
from sandbox.remote import RemoteSandbox
from tests.builders import wait_until
from tests.planned import plan_bytes
from worker.batches.plan_files import read_chunk, read_plan
from worker.cli.children import SANDBOX_KEY


def planned(folder: Path, *rows: dict[str, Any]) -> Path:
    """A plan of these rows."""
    folder.mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    plan_bytes(lines.encode(), folder, name="rows.jsonl")
    return folder / "plan"


def begun(client: CustomerSources, plan: Path, **settings: Any) -> Batch:
    """A plan, as applied."""
    manifest = read_plan(plan)
    client.batches.open(manifest, Settings(**settings))
    for number in range(len(manifest.chunks)):
        chunk = read_chunk(plan, manifest, number)
        client.batches.put(manifest.batch, number, chunk)
    return client.batches.get(manifest.batch)


def in_state(client: CustomerSources, batch: Batch, state: BatchState) -> Batch:
    """The batch, when it has come there, and when that was told."""
    wait_until(
        lambda: client.batches.get(batch.id).state is state, f"{batch.id} to be {state}"
    )
    kind = f"source_batch.{state}"
    wait_until(
        lambda: any(
            event.type.endswith(kind) and event.id.startswith(batch.id)
            for event in client.events(after="0", timeout=0)
        ),
        f"the event {kind}",
    )
    return client.batches.get(batch.id)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def create(customer: str, token: str = "tok_visa", **more: Any) -> dict[str, Any]:
    return {"operation": "create", "customer": customer, "source": token, **more}


def call(sandbox: RemoteSandbox, method: str, path: str, **form: str) -> dict[str, Any]:
    """Do something at Stripe that no row does."""
    headers = {"Authorization": f"Bearer {SANDBOX_KEY}"}
    with httpx.Client(base_url=sandbox.url, headers=headers) as http:
        answer = http.request(method, path, data=form or None)
        return dict(answer.raise_for_status().json())
