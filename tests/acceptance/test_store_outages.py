"""Workers live through everything that a store does, and lose and repeat nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from sandbox.store import Store
from tests.acceptance.plant import QUICK, Plant, plant_in
from tests.proxy import proxy_to

AWAY_SECONDS = 2.5
"""Longer than a lease, and than the first tries of every kind to connect anew."""
HUNG_SECONDS = 6.0
"""Longer than a lease, and than the worker waits for an answer."""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with plant_in(tmp_path) as one:
        yield one


def pass_seconds(seconds: float) -> None:
    """Let time pass in which the trouble lasts."""
    threading.Event().wait(seconds)


def admin(store: Store) -> redis.Redis:
    return redis.Redis.from_url(store.url, decode_responses=True)


def stopped(store: Store) -> None:
    store.stop()
    pass_seconds(0.5)
    store.restart()


def killed(store: Store) -> None:
    store.kill()
    pass_seconds(AWAY_SECONDS)
    store.restart()


def hung(store: Store) -> None:
    store.pause()
    pass_seconds(HUNG_SECONDS)
    store.resume()


def cut_off(store: Store) -> None:
    with admin(store) as client:
        for _ in range(5):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            pass_seconds(0.2)


def full(store: Store) -> None:
    with admin(store) as client:
        client.config_set("maxmemory", "1mb")
        pass_seconds(AWAY_SECONDS)
        client.config_set("maxmemory", "0")


def read_only(store: Store) -> None:
    """As when a failover made it a replica, and another made it the primary again."""
    with admin(store) as client:
        client.replicaof("127.0.0.1", "1")
        pass_seconds(AWAY_SECONDS)
        client.replicaof("NO", "ONE")


TROUBLES = [stopped, killed, hung, cut_off, full, read_only]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_jobs_before_and_after_a_trouble_of_the_store_end_once(
    trouble: Callable[[Store], None], plant: Plant
) -> None:
    plant.start_worker(**QUICK)
    plant.sandbox.set_faults([{"fault": "latency", "seconds": 0.5, "probability": 0.5}])
    plant.submit()
    plant.submit()
    plant.submit(after=timedelta(seconds=1))  # they come due in the midst of it
    plant.wait_until_sent()
    trouble(plant.store)
    plant.submit()
    plant.settle()


def test_a_worker_whose_connections_have_silently_died_makes_new_ones(
    plant: Plant,
) -> None:
    with proxy_to(plant.store) as proxy:
        worker = plant.start_worker(proxy.url, **QUICK)
        plant.sandbox.set_faults([{"fault": "latency", "seconds": 0.5}])
        plant.submit()
        plant.wait_until_sent()
        proxy.go_silent()
        plant.submit()
        plant.settle(seconds=45)
        worker.terminate()
        assert worker.wait(15) == 0
