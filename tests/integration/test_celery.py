"""The message that submit.lua pushes is the one that Celery would have written."""

from __future__ import annotations

import base64
import json
from typing import Any

import redis
from celery import Celery, current_app

from config.settings import Settings
from customer_sources import CustomerSources
from customer_sources.contract.names import INTERACTIVE_QUEUE, TASK, Keys
from worker.app import build

OF_THE_MOMENT = {
    ("headers", "id"),
    ("headers", "root_id"),
    ("headers", "origin"),
    ("properties", "correlation_id"),
    ("properties", "reply_to"),
    ("properties", "delivery_tag"),
}
"""What differs between any two messages: ids, and who sent them."""


def test_the_message_is_field_for_field_what_send_task_writes(
    client: CustomerSources, db: redis.Redis, keys: Keys, settings: Settings
) -> None:
    app, _ = build(settings)
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    ours = db.lpop(keys.queue(INTERACTIVE_QUEUE))
    with app.connection_for_write() as connection:
        app.send_task(
            TASK,
            args=([job.id],),
            queue=INTERACTIVE_QUEUE,
            ignore_result=True,
            connection=connection,
        )
    theirs = db.lpop(keys.queue(INTERACTIVE_QUEUE))

    assert json.dumps(_timeless(ours)) == json.dumps(_timeless(theirs))


def test_a_celery_worker_of_any_kind_consumes_the_message(
    client: CustomerSources, db: redis.Redis, keys: Keys, settings: Settings
) -> None:
    """Through kombu's own consumer, as every Celery worker reads its queues."""
    app, _ = build(settings)
    job = client.customer.source.create(customer="cus_1", source="tok_visa")
    seen: list[Any] = []

    def take(body: Any, message: Any) -> None:
        seen.append((body, message.headers["task"], message.headers["id"]))
        message.ack()

    with (
        app.connection_for_read() as connection,
        app.amqp.TaskConsumer(
            connection, app.amqp.queues.select([INTERACTIVE_QUEUE]), callbacks=[take]
        ),
    ):
        connection.drain_events(timeout=5)

    ((body, task, message_id),) = seen
    assert (body[0], task) == ([[job.id]], TASK)
    assert len(message_id) == 36
    assert db.llen(keys.queue(INTERACTIVE_QUEUE)) == 0


def test_building_a_worker_makes_it_nobodys_current_app(settings: Settings) -> None:
    app, _ = build(settings)
    assert isinstance(app, Celery)
    assert current_app._get_current_object() is not app


def _timeless(entry: str) -> dict[str, Any]:
    message = json.loads(entry)
    for part, name in OF_THE_MOMENT:
        assert name in message[part]
        message[part][name] = "…"
    # Compared by what it says: it is written without Celery's spaces.
    message["body"] = json.loads(base64.b64decode(message["body"]))
    return message
