"""The same POSTs with nothing around them: what the transport alone costs.

    python -m bench.bare_loop API COUNT IN_FLIGHT

An asyncio loop over httpx with the transport that workers use. It prints one line of
JSON: the seconds that COUNT requests took, and the CPU seconds, user and system.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from bench.orphans import end_with_parent

HEADERS = {
    "Authorization": "Bearer sk_test_bare",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded",
}


class Cost(msgspec.Struct, frozen=True):
    """What the requests took."""

    seconds: float
    cpu_seconds: float


async def measure(api_base: str, count: int, in_flight: int) -> Cost:
    """Send everything, after a warm-up that opens all connections."""
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=in_flight))
    async with httpx.AsyncClient(
        base_url=api_base, headers=HEADERS, transport=transport, timeout=30
    ) as client:
        await _send_all(client, 2 * in_flight, in_flight)
        started, cpu = time.monotonic(), time.process_time()
        await _send_all(client, count, in_flight)
        return Cost(time.monotonic() - started, time.process_time() - cpu)


async def _send_all(client: httpx.AsyncClient, count: int, in_flight: int) -> None:
    numbers = iter(range(count))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(_send_one_by_one(client, numbers))


async def _send_one_by_one(client: httpx.AsyncClient, numbers: Iterator[int]) -> None:
    for number in numbers:
        key = f"job_{number:032}"
        answer = await client.post(
            f"/v1/customers/cus_{number}/sources",
            content=f"source=tok_visa&metadata%5Bcustomer_sources_job%5D={key}",
            headers={"Idempotency-Key": key},
        )
        answer.raise_for_status().json()


if __name__ == "__main__":
    end_with_parent()
    cost = asyncio.run(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    print(msgspec.json.encode(cost).decode(), flush=True)
