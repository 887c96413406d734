"""The inbox: one entry is one job or one rejection, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from customer_sources import CustomerSources, State
from customer_sources.contract.ids import job_id_for_key
from customer_sources.contract.names import INBOX_GROUP, Keys
from sandbox.store import Store
from tasks import inbox as inbox_module
from tasks.inbox import Inbox
from worker.intake import Intake
from worker.store import connect

CREATE = {"operation": "create", "customer": "cus_1", "source": "tok_visa"}
BOTH = "give both deposits in cents, such as 32 and 45"
CENTS = "expected a whole number from -99 to 99"


@pytest.fixture
async def inbox(
    store: Store,
    db: redis.Redis,
    keys: Keys,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Inbox]:
    monkeypatch.setattr(inbox_module, "BLOCK_MS", 1)
    connection = connect(store.url)
    one = Inbox(connection, keys, Intake(connection, keys, settings))
    await one.one_pass()  # makes the group
    yield one
    await connection.aclose()
    db.delete(keys.inbox)


def put(db: redis.Redis, keys: Keys, command: Any) -> str:
    text = command if isinstance(command, str) else json.dumps(command)
    return str(db.xadd(keys.inbox, {"command": text}))


async def read(inbox: Inbox, passes: int = 1) -> None:
    for _ in range(passes):
        await inbox.one_pass()


def rejections(client: CustomerSources) -> list[Any]:
    events = list(client.events(after="0", timeout=0))
    assert all(e.type.endswith("source_job.rejected") for e in events)
    return events


async def test_an_entry_becomes_a_job_and_goes(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    entry = put(db, keys, CREATE)
    await read(inbox)

    job = client.job(job_id_for_key("default", f"inbox:{entry}"))
    assert job.state is State.QUEUED
    assert db.xlen(keys.inbox) == 0
    assert db.xpending(keys.inbox, INBOX_GROUP)["pending"] == 0
    assert db.llen(keys.queue("sources.interactive")) == 1


async def test_a_commands_own_key_makes_two_entries_one_job(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    for _ in range(2):
        put(db, keys, CREATE | {"idempotency_key": "order-1"})
    await read(inbox)

    assert client.job(job_id_for_key("default", "order-1")).state is State.QUEUED
    assert db.zcard(keys.lane("default:cus_1")) == 1
    assert db.xlen(keys.inbox) == 0


async def test_a_key_used_for_something_else_is_rejected(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    put(db, keys, CREATE | {"idempotency_key": "order-1"})
    put(db, keys, CREATE | {"idempotency_key": "order-1", "customer": "cus_2"})
    await read(inbox)

    (event,) = rejections(client)
    assert event.data["problems"][0]["field"] == "idempotency_key"
    assert db.xlen(keys.inbox) == 0


async def test_a_bad_command_is_told_with_every_problem_and_comes_back_recognisable(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    bad = {"operation": "get", "customer": "cus 1", "id": "a/b", "reference": "mine-7"}
    entry = put(db, keys, bad)
    await read(inbox)

    (event,) = rejections(client)
    assert event.id == f"inbox:{entry}:rejected"
    assert event.causationid == "mine-7"
    assert [p["field"] for p in event.data["problems"]] == ["customer", "id"]


async def test_an_entry_names_its_account_and_a_rejection_repeats_it(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    fine = put(db, keys, CREATE | {"account": "acme", "livemode": False})
    put(db, keys, CREATE | {"account": "acme", "livemode": "no"})
    await read(inbox)

    job = client.job(job_id_for_key("acme", f"inbox:{fine}"))
    command = client.command(job.id)
    assert command is not None
    assert (command.account, command.livemode) == ("acme", False)
    (event,) = rejections(client)
    assert event.data["account"] == "acme"
    assert [p["field"] for p in event.data["problems"]] == ["livemode"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ("7", "one JSON object"),
        ("{}", "missing"),
        ('{"operation": 7}', "missing"),
        ('{"operation": "refund", "customer": "cus_1"}', "one of: create"),
        ("x" * 70_000, "longer than"),
        ('{"operation": "list", "customer": "cus_1", "not_before": "soon"}', "a time"),
        (
            '{"operation": "list", "customer": "cus_1", "ordered": "no"}',
            "true or false",
        ),
        (
            '{"operation": "create", "customer": "c", "source": "4242424242424242"}',
            "token",
        ),
    ],
)
async def test_garbage_is_answered_once_and_hurts_nobody(
    text: str,
    said: str,
    inbox: Inbox,
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
) -> None:
    put(db, keys, text)
    db.xadd(keys.inbox, {"comand": "{}"})
    fine = put(db, keys, CREATE)
    await read(inbox)

    first, second = rejections(client)
    assert said in first.data["problems"][0]["message"]
    assert "4242" not in str(first)
    assert "no field" in second.data["problems"][0]["message"]
    assert client.job(job_id_for_key("default", f"inbox:{fine}"))
    assert db.xlen(keys.inbox) == 0


async def test_an_entry_that_a_dead_worker_left_is_taken_over(
    inbox: Inbox,
    client: CustomerSources,
    db: redis.Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = put(db, keys, CREATE)
    db.xreadgroup(INBOX_GROUP, INBOX_GROUP, {keys.inbox: ">"})  # and died
    await read(inbox)
    assert db.xlen(keys.inbox) == 1

    monkeypatch.setattr(inbox_module, "LEFT_BEHIND_MS", 0)
    await read(inbox)
    assert client.job(job_id_for_key("default", f"inbox:{entry}"))
    assert db.xlen(keys.inbox) == 0


async def test_an_entry_rejected_twice_is_told_once(
    inbox: Inbox, client: CustomerSources, db: redis.Redis, keys: Keys
) -> None:
    entry = put(db, keys, "{")
    db.xreadgroup(INBOX_GROUP, INBOX_GROUP, {keys.inbox: ">"})
    for _ in range(2):  # two workers hold it for left behind
        await inbox._take(entry, {"command": "{"})

    assert len(rejections(client)) == 1


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ([], {"amounts": BOTH}),
        ([32], {"amounts": BOTH}),
        ([32, 45, 7], {"amounts": "more than 2 items"}),
        ([3200, 45], {"amounts[0]": CENTS}),
        ([32, "45"], {"amounts[1]": CENTS}),
        (["32", "45"], {"amounts[0]": CENTS, "amounts[1]": CENTS}),
    ],
)
async def test_a_verify_that_lacks_an_amount_is_rejected(
    inbox: Inbox,
    db: redis.Redis,
    keys: Keys,
    client: CustomerSources,
    amounts: list[Any],
    told: dict[str, str],
) -> None:
    verify = {"operation": "verify", "customer": "cus_1", "id": "ba_1"}
    put(db, keys, verify | {"amounts": amounts})
    await read(inbox)

    (event,) = rejections(client)
    problems = event.data["problems"]
    assert {one["field"]: one["message"] for one in problems} == told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "operation",
        "customer",
        "id",
        "source",
        "metadata",
        "expand",
        "amounts",
        "limit",
        "harmless",
        "not_before",
        "deadline",
        "ordered",
        "priority",
        "idempotency_key",
        "reference",
        "missing_ok",
        "all_pages",
        "marker",
        "owner",
        "odd",
    ]
)


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.dictionaries(names, json_values, max_size=6)
    | st.fixed_dictionaries(
        {"operation": st.sampled_from(["create", "list", "get", "update", "verify"])},
        optional={
            "customer": st.just("cus_1"),
            "id": st.just("card_1"),
            "metadata": json_values,
            "limit": json_values,
            "owner": json_values,
            "amounts": json_values,
            "deadline": json_values,
        },
    )
)
async def test_whatever_is_put_in_becomes_a_job_or_a_rejection(
    inbox: Inbox, db: redis.Redis, keys: Keys, command: dict[str, Any]
) -> None:
    before = db.xlen(keys.events)
    entry = put(db, keys, command)
    await read(inbox, 1)

    rejected = db.xlen(keys.events) - before
    key = command.get("idempotency_key")
    name = key if isinstance(key, str) else f"inbox:{entry}"
    accepted = db.exists(keys.job(job_id_for_key("default", name)))
    assert (rejected, bool(accepted)) in {(1, False), (0, True), (1, True)}
    assert db.xlen(keys.inbox) == 0
