"""Damaged records: no worker dies of one, and nobody else is harmed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from customer_sources import Event
from customer_sources.contract.names import Class, Keys
from tests.acceptance.plant import QUICK, Plant, plant_in
from tests.builders import wait_until

KEYS = Keys()
Damage = Callable[[redis.Redis, str], object]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with plant_in(tmp_path) as one:
        yield one


@pytest.fixture
def db(plant: Plant) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(plant.store.url, decode_responses=True) as client:
        yield client


def replaced(kind: Callable[[redis.Redis, str], object]) -> Damage:
    def damage(db: redis.Redis, job_id: str) -> None:
        db.delete(KEYS.job(job_id))
        kind(db, KEYS.job(job_id))

    return damage


def without(field: str) -> Damage:
    return lambda db, job_id: db.hdel(KEYS.job(job_id), field)


def with_field(field: str, value: str | bytes) -> Damage:
    return lambda db, job_id: db.hset(KEYS.job(job_id), field, value)


def with_command(value: str | bytes) -> Damage:
    return lambda db, job_id: db.set(KEYS.command(job_id), value)


def with_command_as_list(db: redis.Redis, job_id: str) -> None:
    db.delete(KEYS.command(job_id))
    db.rpush(KEYS.command(job_id), "x")


def with_lane_as_string(db: redis.Redis, job_id: str) -> None:
    lane = KEYS.lane(str(db.hget(KEYS.job(job_id), "lane")))
    db.delete(lane)
    db.set(lane, "x")


UNUSABLE: dict[str, Damage] = {
    "record a string": replaced(lambda db, key: db.set(key, "x")),
    "record a list": replaced(lambda db, key: db.rpush(key, "x")),
    "record gone": lambda db, job_id: db.delete(KEYS.job(job_id)),
    **{
        f"no {it}": without(it)
        for it in ("lane", "state", "op", "fp", "class", "effect")
    },
    **{
        f"{it} garbage": with_field(it, b"\xff\x00x")
        for it in ("class", "lane", "state", "v", "effect", "runs", "waits", "crashes")
    },
    **{f"{it} garbage": with_field(it, b"\xff\x00x") for it in ("line", "permit")},
    **{
        f"{it} too long": with_field(it, "x" * 1000)
        for it in ("due", "first_sent", "deadline", "unknown", "ask", "quiet_until")
    },
    "runs infinite": with_field("runs", "1e999"),
    "runs no whole number": with_field("runs", "1.5"),
    "tried_since not a number": with_field("tried_since", "nan"),
    "command a list": with_command_as_list,
    "lane a string": with_lane_as_string,
}
"""What a record may look like after somebody else's hand was in it."""
UNRUNNABLE: dict[str, Damage] = {
    "command gone": lambda db, job_id: db.delete(KEYS.command(job_id)),
    "command no text": with_command(b"\xff\xfe"),
    "command nested": with_command("[" * 100_000),
    "command nested inside": with_command('{"operation":"get","x":' + "[" * 100_000),
    "command huge": with_command(json.dumps({"operation": "x" * 3_000_000})),
    "command of another shape": with_command('{"operation": 7, "path": []}'),
    "command with a bad path": with_command('{"operation":"create","path":"x y"}'),
}
"""What a command may look like beside a record that is sound."""
HARMLESS: dict[str, Damage] = {
    "no v": without("v"),
    "no at": without("at"),
    "at garbage": with_field("at", b"\xff\x00x"),
}
"""What does not matter for a run."""
DAMAGES = {
    **dict.fromkeys(UNUSABLE, "record_unreadable"),
    **dict.fromkeys(UNRUNNABLE, "command_unreadable"),
    **dict.fromkeys(HARMLESS, "succeeded"),
}
"""How each of them ends."""


def end_of(event: Event) -> str:
    """Tell the code of a job in review, or the state of another."""
    told: dict[str, Any] = event.data
    if told["state"] != "needs_review":
        return str(told["state"])
    return str(told["error"]["code"])


def test_damaged_records_end_once_and_harm_nobody(
    plant: Plant, db: redis.Redis
) -> None:
    damaged = {}
    for number, name in enumerate(DAMAGES):
        create = plant.client.customer.source.create
        job = create(customer=f"cus_bad{number}", source="tok_visa")
        damaged[job.id] = name
        if name != "lane a string":  # whoever stood in it
            plant.jobs.append(create(customer=f"cus_bad{number}", source="tok_visa"))
        (UNUSABLE | UNRUNNABLE | HARMLESS)[name](db, job.id)
    plant.start_worker(**QUICK)
    plant.submit()
    for job in plant.jobs:
        job.result(timeout=20)
    wait_until(
        lambda: not any(db.zcard(KEYS.wake(job_class)) for job_class in Class),
        "nothing more to be due, so that nothing spins",
    )

    told = list(plant.client.events(after="0", timeout=0))
    assert len({event.correlationid for event in told}) == len(told)
    ends = {event.correlationid: end_of(event) for event in told}
    assert {name: ends.get(job_id) for job_id, name in damaged.items()} == DAMAGES
    assert set(plant.effects().values()) == {1}
    laid_aside = [job_id for job_id, name in damaged.items() if name in UNUSABLE]
    assert {f"j:{job_id}" for job_id in laid_aside} == {*db.lrange(KEYS.poison, 0, -1)}
    assert plant.log().count('"record_unreadable"') == len(laid_aside)
    before = db.get(KEYS.pulse)
    wait_until(lambda: db.get(KEYS.pulse) != before, "upkeep to go on")
