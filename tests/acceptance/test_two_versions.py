"""Two versions side by side: a command is run by a worker that can read it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import redis

from customer_sources import CustomerSources, State
from customer_sources.contract import commands
from customer_sources.contract.names import SCHEMA_VERSION, Keys
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import StartWorker
from tests.acceptance.plant import QUICK
from tests.builders import come_due, wait_until
from worker.cli import children

NEXT_WAKE_UPS_MS = (5_000, 5_000, 10_000, 20_000)
"""From one wake-up in vain to the next: seldom enough for any roll-out."""


def wait_until_left(log: Path, times: int) -> None:
    """Wait until an older worker has left the command alone so often."""

    def left() -> bool:
        return log.read_text().count('"NEWER"') >= times

    wait_until(left, "the older worker to leave it")


def test_a_newer_command_is_left_for_a_newer_worker_and_woken_up_for_ever_less_often(
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
    store: Store,
    db: redis.Redis,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = start_worker(**QUICK, log_level="DEBUG")
    monkeypatch.setattr(commands, "version_of", lambda *_: SCHEMA_VERSION + 1)
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    log = tmp_path / "workers.log"
    for refused, pause_ms in enumerate(NEXT_WAKE_UPS_MS, start=1):
        wait_until_left(log, refused)
        wakes_at = db.zscore(keys.wake("interactive"), f"j:{job.id}") or 0
        assert 0.8 * pause_ms < wakes_at - time.time() * 1000 <= pause_ms
        assert log.read_text().count('"NEWER"') == refused
        come_due(db, keys, job.id)
    assert (job.refresh().state, sandbox.requests()) == (State.QUEUED, [])

    older.terminate()
    older.wait(15)
    environment = {
        **os.environ,
        "SOURCES_REDIS_URL": store.url,
        "SOURCES_PREFIX": keys.prefix,
        "STRIPE_API_BASE": sandbox.url,
        "STRIPE_API_KEY": children.SANDBOX_KEY,
    }
    with (tmp_path / "newer.log").open("w") as output:
        newer = children._start(
            ["-m", "tests.acceptance.newer_worker"],
            env=environment,
            stdout=output,
            stderr=output,
        )
        come_due(db, keys, job.id)
        assert job.result(timeout=20)["brand"] == "Visa"
        assert children.stop(newer) == 0
