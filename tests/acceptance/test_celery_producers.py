"""Plain Celery producers: accepted like any command, answered like any bad one."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from customer_sources import CustomerSources, State
from customer_sources.contract.ids import job_id_for_key
from sandbox.store import Store
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until


@pytest.fixture
def send(store: Store, prefix: str) -> Any:
    app = Celery(broker=store.url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": prefix}

    def send_task(name: str, **options: Any) -> None:
        with app.connection_for_write() as connection:
            app.send_task(
                name,
                queue="sources.interactive",
                connection=connection,
                ignore_result=True,
                **options,
            )

    return send_task


def test_the_messages_id_is_the_idempotency_key(
    send: Any, client: CustomerSources, start_worker: StartWorker
) -> None:
    start_worker()
    for _ in range(2):
        send(
            "sources.create",
            kwargs={"customer": "cus_1", "source": "tok_visa"},
            task_id="order-7",
        )
    job_id = job_id_for_key("default", "celery:order-7")

    wait_until(lambda: list(client.events(after="0", timeout=0)), "the event")
    assert client.job(job_id).state is State.SUCCEEDED
    assert len(list(client.events(after="0", timeout=0.5))) == 1


def test_bad_arguments_become_an_event_and_stop_nobody(
    send: Any, client: CustomerSources, start_worker: StartWorker
) -> None:
    bad: dict[str, dict[str, Any]] = {
        "customer": {"kwargs": {"customer": "a b", "id": "card_1"}},
        "colour": {"kwargs": {"customer": "cus_1", "id": "card_1", "colour": "red"}},
        "args": {"args": ("cus_1", "card_1")},
        "id": {"kwargs": {"customer": "cus_1"}},
    }
    start_worker()
    for field, options in bad.items():
        send("sources.get", task_id=f"bad-{field}", **options)
    send("sources.list", kwargs={"customer": "cus_1"})
    wait_until(
        lambda: len(list(client.events(after="0", timeout=0))) == len(bad) + 1,
        "every event",
    )

    events = {event.id: event for event in client.events(after="0", timeout=0)}
    for field in bad:
        event = events.pop(f"celery:bad-{field}:rejected")
        assert event.type.endswith("source_job.rejected")
        assert [p["field"] for p in event.data["problems"]] == [field]
    (listed,) = events.values()
    assert listed.type.endswith("customer.source.listed")
