"""A worker told to stop does so in time, whatever it waits for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.store import Store
from tests.acceptance.plant import QUICK, Plant, plant_in

REQUEST_SECONDS = 3.0
"""What the setting of this name bounds: the longest life of one request."""
STORE_SECONDS = 5.0
"""What one answer of the store is waited for, at most."""
STOPPED_WITHIN = REQUEST_SECONDS + 4 * STORE_SECONDS + 7.0
"""A run just begun asks to be claimed, to send, and to be written down; then Celery
lets go of its connection. The rest is a busy machine's. By default 30 seconds more."""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with plant_in(tmp_path) as one:
        yield one


def fine(_: Store) -> None:
    """The store is there."""


@pytest.mark.parametrize(
    ("trouble", "number"),
    [
        (fine, signal.SIGINT),
        (Store.kill, signal.SIGTERM),
        (Store.kill, signal.SIGINT),
        (Store.pause, signal.SIGTERM),
    ],
)
def test_a_worker_told_to_stop_while_requests_hang_stops_in_time(
    trouble: Callable[[Store], None], number: signal.Signals, plant: Plant
) -> None:
    worker = plant.start_worker(**QUICK, request_seconds=str(REQUEST_SECONDS))
    plant.sandbox.set_faults([{"fault": "latency", "seconds": 60.0}])
    plant.submit()
    plant.wait_until_sent()
    trouble(plant.store)
    worker.send_signal(number)
    try:
        assert worker.wait(STOPPED_WITHIN) == 0
    finally:
        plant.store.resume()
