"""Each operation through each way in: exactly one terminal event, told truly."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import redis
from celery import Celery

from customer_sources import AsyncCustomerSources, CustomerSources, Event
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import Keys
from sandbox.remote import RemoteSandbox
from sandbox.store import Store
from tests.acceptance.conftest import StartWorker
from tests.builders import wait_until

Way = Callable[[dict[str, Any]], None]

CARD = {"customer": "cus_1", "id": "card_1"}
COMMANDS: dict[str, dict[str, Any]] = {
    "customer.source.created": {
        "operation": "create",
        "customer": "cus_2",
        "source": "tok_visa",
        "account": "default",
        "livemode": False,
    },
    "customer.source.listed": {"operation": "list", "customer": "cus_1"},
    "customer.source.retrieved": {"operation": "get", **CARD},
    "customer.source.updated": {"operation": "update", **CARD, "name": "Ada"},
    "customer.source.deleted": {"operation": "delete", **CARD},
    "source_job.failed": {
        "operation": "verify",
        "customer": "cus_1",
        "id": "ba_0",
        "amounts": [17, 23],
    },
}
"""A command of each operation, by the event that tells its end."""


@pytest.fixture(params=["sdk", "asyncio", "cli", "inbox", "celery"])
def send(
    request: pytest.FixtureRequest,
    client: CustomerSources,
    store: Store,
    prefix: str,
    db: redis.Redis,
    keys: Keys,
) -> Iterator[Way]:
    """A way in: takes a command as plain data."""
    ways: dict[str, Way] = {
        "sdk": lambda command: _by_sdk(client, command),
        "asyncio": lambda command: asyncio.run(_by_asyncio(store, prefix, command)),
        "cli": lambda command: _by_cli(store, prefix, command),
        "inbox": lambda command: _by_inbox(db, keys, command),
        "celery": lambda command: _by_celery(store, prefix, command),
    }
    yield ways[request.param]
    db.delete(keys.inbox)


def _by_sdk(client: CustomerSources, command: dict[str, Any]) -> None:
    rest = dict(command)
    getattr(client.customer.source, rest.pop("operation"))(**rest)


async def _by_asyncio(store: Store, prefix: str, command: dict[str, Any]) -> None:
    rest = dict(command)
    async with AsyncCustomerSources(store.url, prefix=prefix) as client:
        await getattr(client.customer.source, rest.pop("operation"))(**rest)


def _by_cli(store: Store, prefix: str, command: dict[str, Any]) -> None:
    words = [command["operation"]]
    for name, value in command.items():
        if name == "operation":
            continue
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{name}")
            continue
        values = value if isinstance(value, list) else [value]
        words += [w for v in values for w in (f"--{name.replace('_', '-')}", str(v))]
    environment = {"SOURCES_REDIS_URL": store.url, "SOURCES_PREFIX": prefix}
    subprocess.run(
        [sys.executable, "-m", "worker.cli", *words],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


def _by_inbox(db: redis.Redis, keys: Keys, command: dict[str, Any]) -> None:
    db.xadd(keys.inbox, {"command": json.dumps(command)})


def _by_celery(store: Store, prefix: str, command: dict[str, Any]) -> None:
    """As a service does that has Celery and knows nothing of us but the names."""
    rest = dict(command)
    app = Celery(broker=store.url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": prefix}
    with app.connection_for_write() as connection:
        app.send_task(
            f"sources.{rest.pop('operation')}",
            kwargs=rest,
            queue="sources.interactive",
            connection=connection,
            ignore_result=True,
        )


def _more_than(client: CustomerSources, count: int) -> bool:
    return len(list(client.events(after="0", timeout=0))) > count


def test_each_operation_is_done_and_told_once(
    send: Way,
    client: CustomerSources,
    sandbox: RemoteSandbox,
    start_worker: StartWorker,
) -> None:
    sandbox.seed({"cus_1": ["card_1"]})
    start_worker()
    told: dict[str, Event] = {}
    for kind, command in COMMANDS.items():
        before = len(told)
        send(command)
        wait_until(partial(_more_than, client, before), kind)
        events = list(client.events(after="0", timeout=0))
        told = {event.type.removeprefix(TYPE_PREFIX): event for event in events}
        assert len(told) == len(events) == before + 1

    assert set(told) == set(COMMANDS)
    listed = told["customer.source.listed"].data["list"]["data"]
    assert [source["id"] for source in listed] == ["card_1"]
    assert told["customer.source.updated"].data["source"]["name"] == "Ada"
    assert told["customer.source.deleted"].subject == "card_1"
    failed = told["source_job.failed"]
    assert failed.data["error"]["code"] == "resource_missing"
    assert "17" not in str(failed.data["error"])
    assert len(list(client.events(after="0", timeout=0.3))) == len(COMMANDS)
