"""Workers on a store of their own, which a test may stop, starve or cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import IO

from customer_sources import CustomerSources, Job
from sandbox.remote import RemoteSandbox
from sandbox.server import SandboxServer
from sandbox.store import Store
from tests.builders import KEPT, wait_until
from worker.cli import children

QUICK: Mapping[str, str] = {
    **children.UNLIMITED,
    "lease_seconds": "1.5",
    "heartbeat_seconds": "0.5",
    "upkeep_seconds": "0.2",
}
"""The default settings' proportions, in a quarter of their time, and no limits."""


NOW = timedelta(0)


class Plant:
    """Everything between submit and effect, and an account of it.

    Args:
        store: to be broken.
        sandbox: Stripe.
        client: the producer's.
        log: where all workers write.
    """

    def __init__(
        self,
        store: Store,
        sandbox: RemoteSandbox,
        client: CustomerSources,
        log: IO[str],
    ) -> None:
        self.store = store
        self.sandbox = sandbox
        self.client = client
        self.workers: list[Popen[str]] = []
        self.jobs: list[Job] = []
        self._log = log

    def start_worker(self, url: str = "", **settings: str) -> Popen[str]:
        """Start a worker, by another way to the store if there is one."""
        known = len(self.client.workers())
        process = children.start_worker(
            url or self.store.url, self.sandbox.url, logs=self._log, **settings
        )
        self.workers.append(process)
        children.wait_for_workers(self.client, known + 1, process)
        return process

    def submit(self, customers: int = 6, *, after: timedelta = NOW) -> None:
        """Submit one job for each of so many customers, for now or for later."""
        self.jobs += [
            self.client.customer.source.create(
                customer=f"cus_{n}", source="tok_visa", not_before=after
            )
            for n in range(customers)
        ]

    def wait_until_sent(self) -> None:
        """Wait until a request is under way whose answer is late."""
        wait_until(
            lambda: any(
                self.client.snapshot(job.id).record.get("sent") == "1"
                for job in self.jobs
            ),
            "a request to leave",
        )

    def settle(self, seconds: float = 30.0) -> None:
        """Wait for the end of every job, and hold the account against the promise."""
        for job in self.jobs:
            job.result(timeout=seconds)
        accepted = Counter(job.id for job in self.jobs)
        assert self.told() == accepted
        assert self.effects() == accepted
        assert {process.poll() for process in self.workers} == {None}

    def told(self) -> Counter[str]:
        """Events by job."""
        events = self.client.events(after="0", timeout=0)
        return Counter(event.correlationid for event in events)

    def effects(self) -> Counter[str]:
        """Sources made, by job."""
        return Counter(
            effect.metadata["customer_sources_job"]
            for effect in self.sandbox.effects()
            if effect.change == "source.created"
        )

    def log(self) -> str:
        """What the workers wrote so far."""
        return Path(self._log.name).read_text(encoding="utf-8")


@contextmanager
def plant_in(directory: Path) -> Iterator[Plant]:
    """Set a plant up; at the end each worker must stop well and not have stumbled."""
    with (
        Store.start(aof=True, config=KEPT) as store,
        SandboxServer(auto_customers=True, seed=1) as sandbox,
        CustomerSources(store.url) as client,
        (directory / "workers.log").open("w") as log,
    ):
        plant = Plant(store, sandbox, client, log)
        try:
            yield plant
        finally:
            codes = [children.stop(process) for process in plant.workers]
            told = plant.log()
        assert set(codes) <= {0}, told
        assert "Traceback" not in told, told
