"""What a batch takes: the store's bytes a row, the upload's time, the worker's memory.

The rows are as different as real ones: a customer and a card token of their own each.
Counted is what the server says it uses, at the peak: all chunks are there, all outcomes
too, and as many rows in flight as may be.
"""

from __future__ import annotations

import random
import string
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec
import redis

from bench.batch_rows import manifest_of
from bench.jobs_bytes import AT_ONCE, told
from bench.jobs_report import Measure
from bench.jobs_size import Size
from bench.processes import LOOK_SECONDS, helper, worker
from customer_sources import CustomerSources
from customer_sources.batches.calls import Settings
from customer_sources.batches.rows import CHUNK_ROWS, Row, encode_chunk
from sandbox.store import Store

SLOWEST = 100.0
"""Rows a second: what is slower is not waited for."""
_LETTERS = string.ascii_letters + string.digits


def measures(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Upload a batch, run it, and look at the peak."""
    count = size.batched
    with (
        Store.start(config=AT_ONCE) as store,
        redis.Redis.from_url(store.url) as admin,
        CustomerSources(store.url) as client,
        helper("bench.bare_api", logs=logs) as api,
    ):
        chunks = [_rows(n, CHUNK_ROWS) for n in range(count // CHUNK_ROWS)]
        packed = [encode_chunk(chunk) for chunk in chunks]
        manifest = manifest_of(chunks, "bytes")
        del chunks
        unused = _used(admin)
        client.batches.open(manifest, Settings())
        started = time.process_time()
        for n, chunk in enumerate(packed):
            client.batches.put(manifest.batch, n, chunk)
        seconds = time.process_time() - started
        uploaded = _used(admin) - unused
        settings = {"events_length": "1000"}
        with worker(store.url, api.said, logs, **settings) as process:
            patience = 60 + count / SLOWEST
            peak, memory = _run(admin, client, manifest.batch, process.pid, patience)
        stored = f"{count:,} rows, {told(admin)}"
    yield Measure(
        name="upload, rows a second of CPU",
        value=count / seconds,
        unit="rows/s",
        target=20_000,
        at_least=True,
        ours=f"{stored}; {uploaded / count:.0f} bytes a row when all are uploaded",
    )
    yield Measure(
        name="store of a batch at its peak",
        value=(peak - unused) / count,
        unit="bytes a row",
        target=200,
        ours=f"{stored}, everything in it: 1,000 rows in flight among it",
    )
    yield Measure(
        name="worker's memory (RSS)",
        value=memory / 2**20,
        unit="MB",
        target=200,
        ours=f"the most while it ran {count:,} rows",
    )


def ten_times(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Do the same with ten times as many rows: whether memory stays flat."""
    larger = msgspec.structs.replace(size, batched=10 * size.batched)
    yield from measures(larger, logs)


def _run(
    admin: redis.Redis, client: CustomerSources, batch: str, pid: int, patience: float
) -> tuple[int, int]:
    """Wait for the end; return the most bytes of the store and of the worker."""
    peak = memory = 0
    ends_at = time.monotonic() + patience
    while not client.batches.get(batch).state.is_ended:
        if time.monotonic() > ends_at:
            raise RuntimeError(f"the batch was not done in {patience:.0f} s")
        peak, memory = max(peak, _used(admin)), max(memory, _rss(pid))
        time.sleep(50 * LOOK_SECONDS)
    return max(peak, _used(admin)), memory


def _used(admin: redis.Redis) -> int:
    told: dict[str, int] = admin.info("memory")
    return int(told["used_memory"])


def _rss(pid: int) -> int:
    """Tell the memory that a process has in use (Linux only)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def _rows(chunk: int, count: int) -> Sequence[Row]:
    dice = random.Random(chunk)  # noqa: S311  ids, no secrets

    def name(length: int) -> str:
        return "".join(dice.choices(_LETTERS, k=length))

    return [
        _row(chunk * count + n + 1, f"cus_{name(14)}", f"tok_{name(24)}")
        for n in range(count)
    ]


def _row(number: int, customer: str, token: str) -> Row:
    asked = {
        "operation": "create",
        "customer": customer,
        "source": token,
        "metadata": {"order_id": str(number)},
    }
    return Row(
        number=number,
        operation="create",
        customer=customer,
        id="",
        body=f"source={token}&metadata[order_id]={number}",
        asked=msgspec.Raw(msgspec.json.encode(asked)),
    )
