"""The message is Celery's own, field by field, and Celery's transport can read it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from celery import Celery
from kombu.transport.virtual.base import Message

from customer_sources.contract.envelope import MOST_IDS, envelope
from customer_sources.contract.names import TASK

IDS = ["job_" + "0" * 26, "job_" + "1" * 26]


@pytest.fixture
def message() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(envelope("sources.bulk", IDS))
    return read


def read_by_kombu(message: dict[str, Any]) -> Any:
    """Decode a message as a worker's transport does, which trusts no content type."""
    read: Any = Message(  # type: ignore[no-untyped-call]  # as kombu has it
        message, channel=_Channel(), accept=["application/json"]
    )
    return read.decode()


def test_kombu_reads_ids_and_nothing_else_out_of_the_message(
    message: dict[str, Any],
) -> None:
    (job_ids,), options, embedded = read_by_kombu(message)

    assert job_ids == IDS
    assert options == {}
    assert set(embedded.values()) == {None}


def test_the_headers_are_those_that_celery_itself_would_send(
    message: dict[str, Any],
) -> None:
    ours = message["headers"]
    with Celery(set_as_current=False) as app:
        task = app.amqp.as_task_v2(ours["id"], TASK, ([IDS],), {}, ignore_result=True)

    assert set(task.headers) <= set(ours)
    assert ours["task"] == TASK
    assert ours["root_id"] == ours["id"] == message["properties"]["correlation_id"]
    assert ours["retries"] == 0
    assert ours["eta"] is None
    assert ours["expires"] is None


def test_it_goes_to_the_queue_it_was_written_for(message: dict[str, Any]) -> None:
    assert message["properties"]["delivery_info"]["routing_key"] == "sources.bulk"


def test_no_two_messages_are_the_same_to_celery() -> None:
    one, other = (json.loads(envelope("q", IDS)) for _ in range(2))

    assert one["headers"]["id"] != other["headers"]["id"]
    assert one["properties"]["delivery_tag"] != other["properties"]["delivery_tag"]


def test_a_full_message_stays_small() -> None:
    ids = [f"job_{number:026}" for number in range(MOST_IDS)]

    assert len(envelope("sources.bulk", ids)) < 16_384


class _Channel:
    """The one thing that kombu's message asks of a channel: to undo the base64."""

    def decode_body(self, body: str, encoding: str) -> bytes:
        assert encoding == "base64"
        return base64.b64decode(body)

    def __getattr__(self, name: str) -> object:
        raise AttributeError(name)
