"""The promise with real processes: kill -9, lost answers, SIGTERM."""

from __future__ import annotations

import signal
import time

import pytest

from customer_sources import CustomerSources, State
from sandbox.remote import RemoteSandbox
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until

RECOVERED_WITHIN = 15.0
"""Seconds from a kill to the end of the dead worker's jobs, by default settings. A
promise of the product, so here a time is asserted."""


def effects(sandbox: RemoteSandbox) -> list[str]:
    return [e.object for e in sandbox.effects() if e.change == "source.created"]


def test_a_job_whose_answer_was_lost_succeeds_with_one_effect(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    start_worker()
    sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
    job = client.customer.source.create(customer="cus_1", source="tok_visa")

    card = job.result(timeout=20)
    assert effects(sandbox) == [card["id"]]
    assert [r.status for r in sandbox.requests()] == [None, 200]
    assert len(list(client.events(after="0", timeout=0))) == 1


def test_a_worker_killed_between_send_and_commit_leaves_one_effect_and_one_event(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    victim = start_worker()
    sandbox.set_faults([{"fault": "latency", "seconds": 1.0, "count": 1}])
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    wait_until(
        lambda: client.snapshot(job.id).record.get("sent") == "1",
        "the request to leave",
    )
    start_worker()
    victim.kill()
    killed_at = time.monotonic()

    card = job.result(timeout=RECOVERED_WITHIN + 5)
    assert time.monotonic() - killed_at < RECOVERED_WITHIN
    assert effects(sandbox) == [card["id"]]
    (event,) = client.events(after="0", timeout=0)
    assert event.correlationid == job.id


def test_the_only_worker_killed_and_started_again_goes_on(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    sandbox.set_faults([{"fault": "latency", "seconds": 0.5}])
    victim = start_worker()
    jobs = [
        client.customer.source.create(customer=f"cus_{n % 4}", source="tok_visa")
        for n in range(12)
    ]
    wait_until(sandbox.effects, "the first effect")
    victim.kill()
    victim.wait()
    start_worker()

    for job in jobs:
        job.result(timeout=30)
    made = [
        e.metadata["customer_sources_job"]
        for e in sandbox.effects()
        if e.change == "source.created"
    ]
    assert sorted(made) == sorted(job.id for job in jobs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_finishes_what_is_in_flight_and_exits_0(
    number: signal.Signals,
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
) -> None:
    worker = start_worker()
    sandbox.set_faults([{"fault": "latency", "seconds": 1.0}])
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    behind = client.customer.source.create(customer="cus_1", source="tok_amex")
    wait_until(lambda: job.refresh().state is State.RUNNING, "the job to run")
    worker.send_signal(number)

    assert worker.wait(timeout=20) == 0
    assert job.refresh().state is State.SUCCEEDED
    assert behind.refresh().state is State.QUEUED

    start_worker()  # what was left alone is taken up by the next
    assert behind.result(timeout=20)["brand"] == "American Express"
    assert len(effects(sandbox)) == 2


def test_effects_on_a_customer_happen_in_the_order_of_submit(
    client: CustomerSources, sandbox: RemoteSandbox, start_worker: StartWorker
) -> None:
    sandbox.set_faults([{"fault": "drop_after_commit", "probability": 0.2}])
    start_worker()
    start_worker()
    jobs = [
        client.customer.source.create(customer=f"cus_{n % 3}", source="tok_visa")
        for n in range(30)
    ]
    for job in jobs:
        job.result(timeout=60)

    for lane in range(3):
        made = [
            e.metadata["customer_sources_job"]
            for e in sandbox.effects()
            if e.change == "source.created" and e.customer == f"cus_{lane}"
        ]
        assert made == [job.id for job in jobs[lane::3]]
