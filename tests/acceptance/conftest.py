"""Real worker processes on a real store, against a sandbox in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import pytest
import redis

from customer_sources import CustomerSources
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from sandbox.store import Store
from tests.batch_plans import Plan, plan
from worker.cli import children
from worker.cli.main import main

StartWorker = Callable[..., Popen[str]]


class Done(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


SourcesHere = Callable[..., Done]


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
    """Start workers with default settings, but without limits of rates.

    All are ended, and none may have crashed.
    """
    started: list[Popen[str]] = []
    log = (tmp_path / "workers.log").open("w+")

    def start(**settings: str) -> Popen[str]:
        known = len(client.workers())
        process = children.start_worker(
            store.url,
            sandbox.url,
            logs=log,
            prefix=prefix,
            **{**children.UNLIMITED, **settings},
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


@pytest.fixture
def environment(store: Store, prefix: str) -> dict[str, str]:
    return {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}


@pytest.fixture
def sources(
    db: redis.Redis,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> SourcesHere:
    """Run a command in this process, as `sources` does."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**environment, "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)

    def sources(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sources", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *capsys.readouterr())

    return sources


@pytest.fixture
def batch_sources(
    sources: SourcesHere, sandbox: RemoteSandbox, monkeypatch: pytest.MonkeyPatch
) -> SourcesHere:
    """Run `sources batch` likewise, with a key of the sandbox."""
    monkeypatch.setenv("STRIPE_API_BASE", sandbox.url)
    monkeypatch.setenv("STRIPE_API_KEY", children.SANDBOX_KEY)
    return partial(sources, "batch")


@pytest.fixture
def small(tmp_path: Path) -> Plan:
    """Thirty rows in three chunks, in the folder `small`."""
    one = plan(30, chunk_rows=10)
    one.write(tmp_path / "small")
    return one


@pytest.fixture
def running(client: CustomerSources, small: Plan) -> Plan:
    """A batch that is in the store, with no worker to run it."""
    client.batches.open(small.manifest)
    for number, chunk in enumerate(small.chunks):
        client.batches.put(small.id, number, chunk)
    return small
