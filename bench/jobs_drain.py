"""How fast a backlog is done and what it costs, against plain Celery and a bare loop.

One process each, with the same number of requests in flight, against an API that takes
its time, so that they really are in flight. A worker is warmed up, frozen, given its
backlog, and thawed: no start-up and no producer is in the figures.
"""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import IO, NamedTuple

import httpx
import msgspec
import redis

from bench import bare_api, plain_celery
from bench.bare_loop import Cost
from bench.jobs_report import TIMES, Measure
from bench.jobs_size import Size
from bench.jobs_submit import commands
from bench.processes import cpu_seconds, frozen, helper, wait_until, worker
from customer_sources import CustomerSources
from customer_sources.contract.names import PREFIX, Keys
from sandbox.store import Store

PATIENCE = 300.0
"""Seconds for one backlog, on whatever machine."""


class Drain(NamedTuple):
    """A worker of some kind, and how to give it work."""

    process: subprocess.Popen[str]
    add: Callable[[int], object]
    done: Callable[[], int]
    """How much it has ever done."""


class Bench:
    """Takes turns with everything that is compared.

    Args:
        size: how much.
        store_url: the store of all of them.
        api_base: the API of all of them.
        logs: takes what they write.
    """

    def __init__(
        self, size: Size, store_url: str, api_base: str, logs: IO[str]
    ) -> None:
        self._size = size
        self._store_url, self._api_base, self._logs = store_url, api_base, logs
        self.seconds = defaultdict[str, list[float]](list)
        self.cpu_seconds = defaultdict[str, list[float]](list)
        """Both a job, by the name of who did them."""

    def take_turns(self) -> None:
        """Let each do its backlog once."""
        size = self._size
        with self._ours() as drain:
            self._note("ours", self._drain(drain, size.drained), size.drained)
        with self._plain("shared") as drain:
            cost = self._drain(drain, size.drained_slowly)
            self._note("shared", cost, size.drained_slowly)
        with self._plain("thread") as drain:
            self._note("thread", self._drain(drain, size.drained), size.drained)
        words = (self._api_base, str(size.drained), str(self._size.in_flight))
        with helper("bench.bare_loop", *words, logs=self._logs) as loop:
            cost = msgspec.json.decode(loop.said, type=Cost)
        self._note("loop", cost, size.drained)

    def _drain(self, drain: Drain, count: int) -> Cost:
        """Give a worker a backlog, and say what it took until all of it was done."""
        process, first = drain.process, 2 * self._size.in_flight

        def wait(goal: int) -> None:
            wait_until(lambda: drain.done() >= goal, process, PATIENCE)

        goal = drain.done() + first
        drain.add(first)  # opens connections, starts threads, fills caches
        wait(goal)
        with frozen(process):
            goal = drain.done() + count
            drain.add(count)
            cpu = cpu_seconds(process.pid)
        started = time.monotonic()
        wait(goal)
        return Cost(time.monotonic() - started, cpu_seconds(process.pid) - cpu)

    def _note(self, who: str, cost: Cost, count: int) -> None:
        self.seconds[who].append(cost.seconds / count)
        self.cpu_seconds[who].append(cost.cpu_seconds / count)

    @contextmanager
    def _ours(self) -> Iterator[Drain]:
        concurrency, events = str(self._size.in_flight), Keys(PREFIX).events
        with (
            redis.Redis.from_url(self._store_url) as store,
            CustomerSources(self._store_url) as client,
            worker(
                self._store_url, self._api_base, self._logs, concurrency=concurrency
            ) as process,
        ):

            def add(count: int) -> None:
                customers = min(count, self._size.customers)
                for taken in client.submit_many(
                    commands(count, customers, priority="bulk")
                ):
                    if taken.error is not None:
                        raise taken.error

            yield Drain(process, add, lambda: store.xlen(events))
            for _, entry in store.xrange(events):
                if b".customer.source.created" not in entry[b"event"]:
                    raise RuntimeError(f"a job did not succeed: {entry}")

    @contextmanager
    def _plain(self, kind: str) -> Iterator[Drain]:
        words = (kind, self._store_url, self._api_base, str(self._size.in_flight))
        with (
            plain_celery.app(self._store_url) as publisher,
            httpx.Client(base_url=self._api_base, trust_env=False) as api,
            helper("bench.plain_celery", *words, logs=self._logs) as plain,
        ):
            yield Drain(
                plain.process,
                lambda count: plain_celery.send(publisher, count),
                lambda: api.get(bare_api.COUNT).json(),
            )


def measures(size: Size, logs: IO[str]) -> Iterator[Measure]:
    """Do the rounds with jobs, and compare the medians."""
    yield from compare(Bench, "job", size, logs)


def compare(
    kind: type[Bench], what: str, size: Size, logs: IO[str]
) -> Iterator[Measure]:
    """Do the rounds, and compare the medians.

    Args:
        kind: who takes the turns.
        what: the word for what ours does.
        size: how much.
        logs: takes what the processes write.
    """
    with (
        Store.start() as store,
        helper("bench.bare_api", str(size.api_seconds), logs=logs) as api,
    ):
        bench = kind(size, store.url, api.said, logs)
        for _ in range(size.drains):
            bench.take_turns()
    seconds = {who: median(each) for who, each in bench.seconds.items()}
    cpu = {who: 1000 * median(each) for who, each in bench.cpu_seconds.items()}
    for who, target, name in (
        ("shared", 5, "one httpx client for all threads"),
        ("thread", 1.5, "an httpx client for each thread"),
    ):
        yield Measure(
            name=f"{what}s a second, {size.in_flight} in flight: {name}",
            value=seconds[who] / seconds["ours"],
            unit=TIMES,
            target=target,
            at_least=True,
            ours=f"{1 / seconds['ours']:,.0f}/s",
            against=f"{1 / seconds[who]:,.0f}/s: plain Celery tasks, {name}",
            samples={"ours": bench.seconds["ours"], who: bench.seconds[who]},
        )
    yield Measure(
        name=f"CPU a {what}",
        value=cpu["ours"] / cpu["loop"],
        unit=TIMES,
        target=1.6,
        ours=f"{cpu['ours']:.2f} ms",
        against=(
            f"{cpu['loop']:.2f} ms: an asyncio loop over the same transport "
            f"(plain Celery: {cpu['shared']:.2f} and {cpu['thread']:.2f} ms)"
        ),
        samples=bench.cpu_seconds,
    )
