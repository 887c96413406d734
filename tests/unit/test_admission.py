"""Whatever is in a queue, Celery gets a message that it can take apart."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from celery import Celery
from celery.worker.request import Request
from hypothesis import example, given
from hypothesis import strategies as st
from kombu.connection import Connection
from kombu.transport.virtual import Message

from customer_sources.contract.envelope import envelope
from customer_sources.contract.names import TASK
from tasks import jobs, producers
from tests.unit.celery_messages import entries, message
from worker.front_door import LONGEST_ENTRY, READ_TASK, admit

QUEUE = "sources.interactive"
app = Celery("front-door-under-test", set_as_current=False)
jobs.register(app, print)
producers.register(app, print, print)


def taken_apart(entry: bytes) -> tuple[str, list[Any]]:
    """Take an admitted entry apart as kombu and Celery do, and nobody else."""
    with Connection("memory://") as connection:  # type: ignore[no-untyped-call]
        raw = json.loads(admit(entry, QUEUE))
        payload = Message(raw, channel=connection.channel())  # type: ignore[no-untyped-call]
        payload.accept = {"application/json"}
        request = Request(
            payload, app=app, task=app.tasks[payload.headers["task"]], hostname="here"
        )
    assert request.kwargs == {}
    return request.name, request.args


@given(st.one_of(st.binary(max_size=60), entries().map(str.encode)))
@example(b"not json")
@example(b"\xff")
@example(b"[" * 200_000)
@example(b'{"headers":' * 20_000)
@example(json.dumps(message(body={"a": 1})).encode())
@example(json.dumps(message(headers={"task": TASK})).encode())
@example(json.dumps(message(headers={"task": READ_TASK})).encode())
@example(b"4" * 6_000_000)
def test_celery_takes_whatever_is_admitted_and_it_holds_the_entry_as_text(
    entry: bytes,
) -> None:
    task, (text, size) = taken_apart(entry)
    assert (task, size) == (READ_TASK, len(entry))
    if size <= LONGEST_ENTRY:
        assert text == entry.decode(errors="replace")


@given(entries().map(str.encode))
def test_what_kombu_puts_back_is_admitted_unchanged(entry: bytes) -> None:
    assert taken_apart(admit(entry, QUEUE)) == taken_apart(entry)


def test_a_long_entry_of_any_content_survives_being_put_back() -> None:
    entry = b"\x01" * LONGEST_ENTRY
    assert taken_apart(admit(entry, QUEUE)) == taken_apart(entry)


def test_of_a_wake_up_only_the_job_ids_are_kept() -> None:
    ours = json.loads(envelope(QUEUE, ["job_1", "job_2"]))
    ours["headers"] |= {"timelimit": 5, "eta": "soon", "id": [1], "compression": "zip"}
    ours["properties"] |= {"delivery_tag": None, "priority": "high"}

    entry = json.dumps(ours).encode()
    assert taken_apart(entry) == (TASK, [["job_1", "job_2"]])
    admitted = json.loads(admit(entry, QUEUE))
    assert {"eta", "timelimit", "compression"}.isdisjoint(admitted["headers"])


def test_of_too_long_an_entry_the_headers_are_kept_to_answer_its_sender() -> None:
    entry = json.dumps(message(kwargs={"customer": "c" * 5_000_000})).encode()
    _, (text, size) = taken_apart(entry)
    assert size == len(entry)
    assert json.loads(text) == {"headers": message()["headers"]}


def test_a_message_goes_back_to_the_queue_that_it_came_from() -> None:
    admitted = json.loads(admit(b"?", "sources.bulk"))
    info = admitted["properties"]["delivery_info"]
    assert info == {"exchange": "", "routing_key": "sources.bulk"}
    assert b"?" not in b64decode(admitted["body"])[:2]
