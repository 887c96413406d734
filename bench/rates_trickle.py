"""Jobs one by one at given moments, and how long each took until its event was there.

One thread submits and another reads the stream of events, so that neither holds up the
other, and that a slow job delays no submission: what waits is seen to wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from bench.processes import LOOK_SECONDS
from customer_sources import CustomerSources

PATIENCE = 120.0
"""Seconds for the events of jobs that were submitted."""
QUIET = 0.25
"""Seconds without an event after which the listener looks whether it is to stop."""


class Planned(NamedTuple):
    """A job to submit."""

    at: float
    """Seconds from the start."""
    customer: str
    account: str


class Listener:
    """Notes when each job's event is there. Its thread is started by `listening`."""

    def __init__(self, client: CustomerSources) -> None:
        self.told: dict[str, float] = {}
        """By job, as `time.perf_counter` says it."""
        self.ready, self.stop = threading.Event(), threading.Event()
        self.failed: BaseException | None = None
        self._events = client.events(timeout=QUIET)
        self.thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        try:
            with self._events as events:
                self.ready.set()
                while not self.stop.is_set():
                    for event in events:
                        self.told[event.correlationid] = time.perf_counter()
                        if self.stop.is_set():
                            break
        except BaseException as error:
            self.failed = error
            raise
        finally:
            self.ready.set()


@contextmanager
def listening(client: CustomerSources) -> Iterator[Listener]:
    """Read all events from here on, in a thread that ends with the block."""
    listener = Listener(client)
    listener.thread.start()
    listener.ready.wait()
    try:
        yield listener
    finally:
        listener.stop.set()
        listener.thread.join()


def trickle(client: CustomerSources, planned: Iterable[Planned]) -> Mapping[str, float]:
    """Submit each job at its moment. Returns when each was, by `time.perf_counter`."""
    started, began = {}, time.perf_counter()
    for job in planned:
        time.sleep(max(began + job.at - time.perf_counter(), 0))
        at = time.perf_counter()
        made = client.customer.source.create(
            customer=job.customer, source="tok_visa", account=job.account
        )
        started[made.id] = at
    return started


def hear(listener: Listener, jobs: Iterable[str]) -> None:
    """Wait until the events of all of these jobs were heard.

    Raises:
        RuntimeError: that takes too long, or the listener has failed.
    """
    ends_at = time.monotonic() + PATIENCE
    for job_id in jobs:
        while job_id not in listener.told:
            if listener.failed or time.monotonic() > ends_at:
                raise RuntimeError("events are missing") from listener.failed
            time.sleep(LOOK_SECONDS)
