"""Whatever lies in the queues: the worker lives on, and its sender is answered once."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from customer_sources import CustomerSources, State
from customer_sources.contract.envelope import envelope
from customer_sources.contract.events import Event
from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import BULK_QUEUE, INTERACTIVE_QUEUE, Keys
from sandbox.store import Store
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until
from worker.cli.doctor import examine
from worker.doctor import PRIORITY_STEPS

SECRET = "tok_secretvalue"
COMMAND = {"customer": "cus_1", "source": SECRET}
Send = Callable[..., None]


@pytest.fixture
def send(store: Store, prefix: str) -> Iterator[Send]:
    """Send as a service with Celery does, with nothing set but what the guide says."""
    app = Celery(broker=store.url, set_as_current=False)
    app.conf.broker_transport_options = {
        "global_keyprefix": prefix,
        "priority_steps": [0],
    }
    with app.connection_for_write() as connection:

        def send_task(name: str, **options: Any) -> None:
            app.send_task(
                name,
                queue=INTERACTIVE_QUEUE,
                connection=connection,
                ignore_result=True,
                **options,
            )

        yield send_task


def coded(body: object) -> str:
    return b64encode(json.dumps(body).encode()).decode()


def good(queue: str, **headers: Any) -> dict[str, Any]:
    """Write `sources.create` by hand, as another language would."""
    message: dict[str, Any] = json.loads(envelope(queue, []))
    message["body"] = coded([[], COMMAND, {"callbacks": None, "chain": None}])
    message["headers"] |= {"task": "sources.create", "kwargsrepr": str(COMMAND)}
    message["headers"] |= headers
    return message


def garbage(queue: str) -> dict[str, tuple[str | bytes, str]]:
    """Entries by a name, each with the field that its one event names."""
    damaged: dict[str, tuple[Any, str]] = {}
    for number, body in enumerate(
        ({"a": SECRET}, [[], COMMAND], None, 5, [[], COMMAND, SECRET])
    ):
        message = good(queue, id=f"body-{number}") | {"body": coded(body)}
        damaged[f"body-{number}"] = message, "body"
    for number, kwargs in enumerate(([SECRET], SECRET, None)):
        message = good(queue, id=f"kwargs-{number}") | {"body": coded([[], kwargs, {}])}
        damaged[f"kwargs-{number}"] = message, "kwargs"
    for field in ("self", "operation", "colour"):
        body = [[], COMMAND | {field: "delete"}, {}]
        damaged[field] = good(queue, id=field) | {"body": coded(body)}, field
    for field, value in {
        "timelimit": 5,
        "eta": SECRET,
        "expires": [SECRET],
        "compression": "application/x-gzip",
    }.items():
        damaged[field] = good(queue, **{"id": field, field: value}), field
    for field, value in {
        "content-type": "application/x-python-serialize",
        "content-encoding": "utf-16",
        "headers": [SECRET],
        "properties": [SECRET],
    }.items():
        damaged[field] = good(queue, id=field) | {field: value}, field
    damaged["explode"] = good(queue, id="explode", task="sources.explode"), "task"
    damaged["no task"] = good(queue, id="no task", task=["a"]), "task"
    damaged["bad id"] = good(queue, id=[1]), "id"
    damaged["base64"] = good(queue, id="base64") | {"body": f"%{SECRET}"}, "body"
    damaged["no body"] = good(queue, id="no body") | {"body": None}, "body"
    bare = good(queue, id="bare") | {"properties": {}}
    damaged["bare"] = bare, "body"
    longest = good(queue, id="longest") | {"body": "a" * 5_000_000}
    damaged["longest"] = longest, "body"
    written: dict[str, tuple[str | bytes, str]] = {
        name: (json.dumps(message), field) for name, (message, field) in damaged.items()
    }
    texts: tuple[str | bytes, ...] = (
        "not json",
        "5",
        f'["{SECRET}"]',
        "[" * 100_000,
        "",
        b"\xff\x00",
    )
    for number, text in enumerate(texts):
        written[f"text-{number}"] = text, "message"
    return written | {"empty": ("{}", "id")}


DROPPED = ("jobs.run", "mail.send", "celery.ping")
"""Nobody waits for an answer to a damaged wake-up, or to somebody else's task."""
UNNAMED = ("headers", "bad id", "empty")


def ended(client: CustomerSources, count: int) -> list[Event]:
    def seen() -> list[Event] | None:
        events = list(client.events(after="0", timeout=0))
        return events if len(events) >= count else None

    return wait_until(seen, f"{count} events") or []


def test_garbage_of_any_kind_is_answered_once_and_stops_nobody(
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    send: Send,
    start_worker: StartWorker,
    tmp_path: Path,
) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for queue in (INTERACTIVE_QUEUE, BULK_QUEUE):
        for name, (entry, field) in garbage(queue).items():
            db.lpush(keys.queue(queue), entry)
            unnamed = name in UNNAMED or name.startswith("text-")
            expected["unnamed" if unnamed else name, field] += 1
        for task in DROPPED:
            damaged = good(queue, task=task) | {"body": coded([[SECRET]])}
            db.lpush(keys.queue(queue), json.dumps(damaged))
    worker = start_worker(log_level="DEBUG")
    send("sources.create", kwargs={"customer": "cus_1", "source": "tok_visa"})
    job = client.customer.source.create(customer="cus_2", source="tok_visa")

    assert job.result(timeout=15)["object"] == "card"
    events = ended(client, expected.total() + 2)
    assert worker.poll() is None
    told = Counter(map(_answer, events))
    assert told.pop(None) == 2
    assert told == expected
    assert db.llen(keys.queue(INTERACTIVE_QUEUE)) + db.llen(keys.queue(BULK_QUEUE)) == 0
    assert db.hlen(f"{keys.prefix}unacked") == 0
    log = (tmp_path / "workers.log").read_text()
    assert log.count("message_dropped") == 2 * len(DROPPED)
    for forbidden in ("secretvalue", "Traceback", "Unrecoverable"):
        assert forbidden not in log
        assert forbidden not in str(events)


def _answer(event: Event) -> tuple[str, str] | None:
    """Give the name and the first field of a rejection; None: it is none."""
    if not event.type.endswith("source_job.rejected"):
        return None
    name = event.id.removeprefix("celery:").removesuffix(":rejected")
    name = "unnamed" if name.startswith("unnamed-") else name
    return name, event.data["problems"][0]["field"]


def test_a_countdown_and_an_expiry_are_the_jobs_own(
    client: CustomerSources, send: Send, start_worker: StartWorker
) -> None:
    start_worker()
    command = {"customer": "cus_1", "source": "tok_visa"}
    send("sources.create", kwargs=command, task_id="late", countdown=3600)
    past = datetime.now(UTC) - timedelta(seconds=5)
    send("sources.create", kwargs=command, task_id="gone", expires=past)
    send("sources.create", kwargs=command, task_id="soon", countdown=1, expires=60)

    late, gone, soon = (
        job_id_for_key("default", f"celery:{name}") for name in ("late", "gone", "soon")
    )
    states = {event.correlationid: event.data["state"] for event in ended(client, 2)}
    assert states == {gone: "failed", soon: "succeeded"}
    assert client.job(late).state in {State.QUEUED, State.WAITING}
    client.cancel(late)


def test_the_doctor_finds_messages_with_a_priority_in_lists_that_nobody_reads(
    store: Store, prefix: str, db: redis.Redis, keys: Keys
) -> None:
    app = Celery(broker=store.url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": prefix}
    with app.connection_for_write() as connection:
        for priority in (0, 5, 9):
            app.send_task(
                "sources.create",
                queue=BULK_QUEUE,
                priority=priority,
                connection=connection,
                ignore_result=True,
            )
    (found,) = [
        one.says for one in examine(store.url, prefix) if "with a priority" in one.says
    ]
    assert found.startswith("2 messages")
    assert db.llen(keys.queue(BULK_QUEUE)) == 1
    db.delete(*(keys.queue(BULK_QUEUE) + step for step in PRIORITY_STEPS))
