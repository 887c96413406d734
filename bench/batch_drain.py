"""How fast rows of a batch are done, and what each costs, as `jobs_drain` for jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import redis

from bench import jobs_drain
from bench.batch_rows import manifest_of, rows
from bench.jobs_drain import Drain
from bench.jobs_report import Measure
from bench.jobs_size import Size
from bench.processes import worker
from customer_sources import CustomerSources
from customer_sources.batches.calls import Settings
from customer_sources.batches.rows import CHUNK_ROWS, Row, encode_chunk
from customer_sources.contract.names import PREFIX, Keys

KEPT = 4
"""A worker keeps one place in so many from bulk (worker/gate.py)."""
WINDOW = 2000


class Bench(jobs_drain.Bench):
    """Takes turns with the same others; what is ours is a batch."""

    @contextmanager
    def _ours(self) -> Iterator[Drain]:
        places = -(-self._size.in_flight * KEPT // (KEPT - 1))
        with (
            redis.Redis.from_url(self._store_url, decode_responses=True) as store,
            CustomerSources(self._store_url) as client,
            worker(
                self._store_url, self._api_base, self._logs, concurrency=str(places)
            ) as process,
        ):
            batches: list[str] = []

            def add(count: int) -> None:
                label = f"{process.pid} {len(batches)}"
                planned = rows(count, min(count, self._size.customers))
                batches.append(apply(client, planned, label))

            def done() -> int:
                counts = [
                    store.hget(Keys(PREFIX).batch(one), "succeeded") for one in batches
                ]
                return sum(int(str(count or 0)) for count in counts)

            yield Drain(process, add, done)


def apply(client: CustomerSources, planned: Sequence[Row], label: str) -> str:
    """Bring a batch in; it starts. Returns its id."""
    chunks = [planned[i : i + CHUNK_ROWS] for i in range(0, len(planned), CHUNK_ROWS)]
    manifest = manifest_of(chunks, label)
    client.batches.open(manifest, Settings(concurrency=WINDOW))
    for n, chunk in enumerate(chunks):
        client.batches.put(manifest.batch, n, encode_chunk(chunk))
    return manifest.batch


def measures(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Do the rounds with rows, and compare the medians."""
    yield from jobs_drain.compare(Bench, "row", size, logs)
