"""Every kind of event, as a worker tells it, fits the schema and the page on events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis.asyncio
from jsonschema import Draft202012Validator

from config.settings import Settings
from customer_sources import Job
from customer_sources.contract.schema import (
    ACCOUNT_TYPES,
    BATCH_TYPES,
    EVENT_TYPES,
    SWEPT_TYPES,
    VERIFICATION_TYPES,
    event_schema,
)
from sandbox.store import Store
from tests.builders import expire
from tests.integration.conftest import World
from tests.integration.test_operations import bank_account
from worker.intake import Intake
from worker.store import connect

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
EXAMPLE = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)

ELSEWHERE = {*ACCOUNT_TYPES, *BATCH_TYPES, *SWEPT_TYPES, *VERIFICATION_TYPES}
"""Told of accounts, batches, sweeps and watches, in tests of their own; none is of a
job."""


@pytest.fixture
async def told(world: World, store: Store, settings: Settings) -> list[dict[str, Any]]:
    """Everything that the story of one customer tells, as it stands on the stream."""
    connection = connect(store.url)
    await tell_of_every_end(world, connection, settings)
    await connection.aclose()
    return [msgspec.to_builtins(event) for event in world.events()]


async def tell_of_every_end(
    world: World, connection: redis.asyncio.Redis, settings: Settings
) -> None:
    source = world.client.customer.source
    account = bank_account(world, "cus_ada")
    card = (
        await world.run_once(
            source.create(customer="cus_ada", source="tok_visa", reference="order-1")
        )
    ).result(timeout=0)["id"]
    for job in (
        source.get(customer="cus_ada", id=card),
        source.update(customer="cus_ada", id=card, name="Ada Lovelace"),
        source.verify(customer="cus_ada", id=account, amounts=[32, 45]),
        source.list(customer="cus_ada", limit=2),
        source.create(customer="cus_ada", source="tok_chargeDeclined"),
        source.delete(customer="cus_ada", id=card),
    ):
        await world.run_once(job)
    world.client.cancel(source.get(customer="cus_ada", id=card).id)
    review = world.client.review
    for customer, reference, settle in (
        ("cus_bob", "order-1", review.replay),
        ("cus_eve", "", review.discard),
    ):
        deadly = source.list(customer=customer, reference=reference)
        await die_of(world, deadly)
        settle(deadly.id, reason="Stripe was down", actor="grace")
    unreadable = source.get(customer="cus_ada", id=card)
    world.db.set(world.keys.command(unreadable.id), "{")
    await world.run_once(unreadable)
    await Intake(connection, world.keys, settings).take(
        {"operation": "create", "customer": "cus_ada", "sauce": "tok_visa"}, "inbox:1-0"
    )


async def die_of(world: World, job: Job) -> None:
    """Let three workers die while they run a job, so that it comes to review."""
    for token in ("d1", "d2", "d3"):
        await world.ledger.claim(job.id, token, alone=True)
        expire(world.db, world.keys, job.id)
        await world.ledger.take_due()
    await world.run_once(job)


def examples() -> dict[str, dict[str, Any]]:
    """The examples on the page, by their types."""
    found = [
        msgspec.json.decode(text)
        for text in EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    ]
    return {example["type"]: example for example in found if "specversion" in example}


async def test_every_type_that_is_told_is_one_that_is_declared(
    told: list[dict[str, Any]],
) -> None:
    assert {event["type"] for event in told} == set(EVENT_TYPES) - ELSEWHERE


async def test_every_event_that_is_told_fits_the_schema(
    told: list[dict[str, Any]],
) -> None:
    fits = Draft202012Validator(event_schema())

    assert [
        (event["type"], error.message)
        for event in told
        for error in fits.iter_errors(event)
    ] == []


async def test_the_examples_on_the_page_have_the_shape_of_what_is_told(
    told: list[dict[str, Any]],
) -> None:
    shown = examples()

    assert {event["type"]: shape(event) for event in told} == {
        name: shape(example) for name, example in shown.items() if name not in ELSEWHERE
    }


def shape(value: Any) -> Any:
    """Keep of a value what does not change from run to run: names and kinds."""
    match value:
        case Mapping():
            return {name: shape(item) for name, item in sorted(value.items())}
        case list():
            return [shape(item) for item in value]
        case _:
            return type(value).__name__
