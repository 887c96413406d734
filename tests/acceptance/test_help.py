"""What `--help` shows as an example is run, as it stands, and works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from customer_sources import CustomerSources
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import StartWorker
from worker.cli import submit
from worker.cli.exits import Exit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(store: Store, prefix: str) -> object:
    environment = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}

    def sources(words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "worker.cli", *shlex.split(words)],
            env={**os.environ, **environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=ROOT,
        )

    return sources


def test_the_examples_of_the_six_operations_work_as_they_stand(
    run: object,
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
) -> None:
    sandbox.seed({"cus_1": ["card_1", "ba_1"]})
    start_worker()
    for name in submit.commands():
        text = run(f"{name} --help").stdout  # type: ignore[operator]
        (example,) = re.findall(r"Example: sources (.+)", text)
        done = run(example.strip())  # type: ignore[operator]
        assert done.returncode == Exit.OK, f"{example}: {done.stdout}{done.stderr}"


def test_the_examples_for_looking_work_as_they_stand(
    run: object, client: CustomerSources
) -> None:
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    for command in ("events tail", "jobs show", "jobs list", "jobs cancel", "settings"):
        text = run(f"{command} --help").stdout  # type: ignore[operator]
        (example,) = re.findall(r"Example: sources (.+)", text)
        words = re.sub(r"job_\S+", job.id, example.strip())
        done = run(words)  # type: ignore[operator]
        assert done.returncode == Exit.OK, f"{words}: {done.stdout}{done.stderr}"
