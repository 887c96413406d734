"""Real worker processes on a real store, against a sandbox in this process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from customer_sources import CustomerSources
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from sandbox.store import Store
from worker.cli import children

StartWorker = Callable[..., Popen[str]]


@pytest.fixture
def sandbox() -> Iterator[RemoteSandbox]:
    with SandboxServer(auto_customers=True, seed=1) as running:
        yield running


@pytest.fixture
def start_worker(
    client: CustomerSources,
    store: Store,
    prefix: str,
    sandbox: RemoteSandbox,
    tmp_path: Path,
) -> Iterator[StartWorker]:
    """Start workers with default settings; all are ended, and none may have crashed."""
    started: list[Popen[str]] = []
    log = (tmp_path / "workers.log").open("w+")

    def start(**settings: str) -> Popen[str]:
        known = len(client.workers())
        process = children.start_worker(
            store.url, sandbox.url, logs=log, prefix=prefix, **settings
        )
        started.append(process)
        children.wait_for_workers(client, known + 1, process)
        return process

    yield start
    codes = [children.stop(process) for process in started]
    log.seek(0)
    told = log.read()
    log.close()
    assert set(codes) <= {0, -signal.SIGKILL}, told
    assert "Traceback" not in told
