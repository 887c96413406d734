"""How much of the store a job takes: while it lives, and when it has ended.

By the server's own count of what it uses, with nobody connected but who asks; so all
is in it that a job leaves anywhere, but for the event, for which other settings say
how long it is kept, and which is told beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import redis

from bench.jobs_report import Measure
from bench.jobs_size import Size
from bench.jobs_submit import commands
from bench.processes import helper, wait_until, worker
from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX, Keys
from sandbox.store import Store

PATIENCE = 300.0
AT_ONCE = {"lazyfree-lazy-user-del": "no", "lazyfree-lazy-user-flush": "no"}
"""What is deleted is gone when the server has answered, and not counted any more."""


def measures(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Count jobs of as many customers, which is the most that jobs can take."""
    count = size.stored
    with (
        Store.start(config=AT_ONCE) as store,
        redis.Redis.from_url(store.url) as admin,
        helper("bench.bare_api", logs=logs) as api,
    ):
        _submit(store.url, 1)  # loads the script
        unused = _used(admin)
        _submit(store.url, count)
        live = _used(admin) - unused
        with worker(store.url, api.said, logs) as process:
            wait_until(lambda: not _queued(admin), process, PATIENCE)
        full = _used(admin)
        admin.delete(Keys(PREFIX).events)
        ended = _used(admin)
        admin.flushall()  # leaves scripts, and nothing else
        ended, events = ended - _used(admin), full - ended
        stored = f"{count:,} jobs of as many customers, {told(admin)}"
    yield Measure(
        name="store of a live job",
        value=live / count,
        unit="bytes",
        target=800,
        ours=f"queued: {stored}",
    )
    yield Measure(
        name="store of a finished job",
        value=ended / count,
        unit="bytes",
        target=400,
        ours=f"{stored}; and {events / count:.0f} bytes of its event on the stream",
    )


def told(admin: redis.Redis) -> str:
    """Name the server and its version."""
    info = admin.info("server")
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"


def _submit(store_url: str, count: int) -> None:
    with CustomerSources(store_url) as client:
        for taken in client.submit_many(commands(count, priority="bulk")):
            if taken.error is not None:
                raise taken.error


def _queued(admin: redis.Redis) -> bool:
    """Whether a job is left that has not ended: each has a command."""
    return next(admin.scan_iter(Keys(PREFIX).command("*"), 10_000), None) is not None


def _used(admin: redis.Redis) -> int:
    """Bytes in use, once those who left are gone."""
    return int(admin.info("memory")["used_memory"])
