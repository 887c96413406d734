"""Watches beside the engine, against a sandbox: from a create to the last event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from config.settings import Settings
from customer_sources import Event, Verification
from customer_sources.contract.events import TYPE_PREFIX
from customer_sources.contract.names import Keys, target_name
from sandbox.store import Store
from tasks.verifications import Verifications
from tests.integration.conftest import World
from worker.store import connect
from worker.watch_ledger import WatchLedger
from worker.watching import planner

KEY = {"Authorization": "Bearer sk_test_sandbox"}
CUSTOMER = "cus_1"
RIGHT = [32, 45]


@dataclass
class Follow:
    """A bank account in a sandbox, and the worker that follows it up."""

    world: World
    loop: Verifications
    source: str = ""

    async def create(self, token: str = "", **said: Any) -> None:
        """Have a bank account made by a job that asks for a watch of it."""
        job = self.world.client.customer.source.create(
            customer=CUSTOMER, source=token or self._token(), watch=True, **said
        )
        await self.world.run_once(job)
        self.source = job.result(timeout=0)["id"]

    async def until_planned(self) -> Verification:
        await self.create()
        await self.loop.one_pass()
        return self.now

    @property
    def now(self) -> Verification:
        return self.world.client.verifications.get(CUSTOMER, self.source)

    @property
    def look(self) -> str:
        key = self.world.keys.watch(self._target)
        return str(self.world.db.hget(key, "look") or "")

    async def come(self) -> None:
        """Let its next moment come, as time would, and a look be submitted."""
        self.world.db.hset(self.world.keys.watch(self._target), "next", 1)
        self.world.db.zadd(self.world.keys.watches, {self._target: 1})
        await self.loop.one_pass()

    async def run_look(self) -> None:
        """Let the look be run, and what it saw be told."""
        await self.world.engine.run_all([self.look])
        await self.loop.one_pass()

    async def verify(self, amounts: list[int]) -> str:
        job = self.world.client.customer.source.verify(
            customer=CUSTOMER, id=self.source, amounts=amounts
        )
        await self.world.run_once(job)
        await self.loop.one_pass()
        return job.id

    def events(self) -> list[Event]:
        start = f"{TYPE_PREFIX}source_verification."
        return [one for one in self.world.events() if one.type.startswith(start)]

    def told(self) -> list[str]:
        return [event.data["state"] for event in self.events()]

    @property
    def _target(self) -> str:
        return target_name("default", CUSTOMER, self.source)

    def _token(self) -> str:
        details = {
            "bank_account[country]": "US",
            "bank_account[currency]": "usd",
            "bank_account[routing_number]": "110000000",
            "bank_account[account_number]": "000123456789",
        }
        with httpx.Client(base_url=self.world.sandbox.url, headers=KEY) as http:
            return str(http.post("/v1/tokens", data=details).json()["id"])


@pytest.fixture
async def follow(
    world: World, store: Store, keys: Keys, settings: Settings
) -> AsyncIterator[Follow]:
    connection = connect(store.url)
    ledger = WatchLedger(connection, keys, settings)
    yield Follow(world, Verifications(ledger, planner(settings)))
    await connection.aclose()


async def test_from_the_create_to_the_right_amounts(follow: Follow) -> None:
    await follow.create(reference="order-7")
    assert (follow.now.state, follow.now.reference) == ("new", "order-7")
    await follow.loop.one_pass()
    assert follow.now.state == "waiting"

    await follow.come()
    await follow.run_look()
    assert (follow.now.state, follow.now.status) == ("due", "new")
    job_id = await follow.verify(RIGHT)

    assert (follow.now.state, follow.now.job) == ("verified", job_id)
    assert follow.told() == ["due", "verified"]
    kinds = [one.type.removeprefix(TYPE_PREFIX) for one in follow.world.events()]
    assert kinds == [
        "customer.source.created",
        "source_verification.due",
        "customer.source.verified",
        "source_verification.verified",
    ]


async def test_a_wrong_guess_ends_no_watch_and_is_counted_in_the_next_event(
    follow: Follow,
) -> None:
    await follow.until_planned()

    await follow.verify([1, 2])
    await follow.come()
    await follow.run_look()

    (event,) = follow.events()
    assert event.data["attempts"] == {"used": 1, "left": 2}


async def test_a_deposit_that_bounced_is_seen_by_a_look(follow: Follow) -> None:
    await follow.until_planned()
    follow.world.sandbox.bounce(CUSTOMER, follow.source)

    await follow.come()
    await follow.run_look()

    assert follow.told() == ["failed"]
    assert follow.now.why == "verification_failed"


async def test_an_account_verified_elsewhere_is_not_asked_for(follow: Follow) -> None:
    await follow.until_planned()
    path = f"/v1/customers/{CUSTOMER}/sources/{follow.source}/verify"
    base = follow.world.sandbox.url
    async with httpx.AsyncClient(base_url=base, headers=KEY) as http:
        amounts = {"amounts[]": ["32", "45"]}
        (await http.post(path, data=amounts)).raise_for_status()

    await follow.come()
    await follow.run_look()

    assert follow.told() == ["verified"]


async def test_an_account_deleted_by_us_or_elsewhere_is_watched_no_more(
    follow: Follow,
) -> None:
    await follow.until_planned()
    job = follow.world.client.customer.source.delete(
        customer=CUSTOMER, id=follow.source
    )
    await follow.world.run_once(job)
    await follow.loop.one_pass()
    assert follow.told() == ["deleted"]
    assert follow.now.job == job.id

    follow.world.client.verifications.watch(CUSTOMER, follow.source)
    await follow.loop.one_pass()
    await follow.come()
    await follow.run_look()
    assert follow.told() == ["deleted", "deleted"]
    assert (follow.now.why, follow.now.job) == ("gone", "")


async def test_a_look_that_stripe_does_not_answer_ends_with_its_time(
    follow: Follow,
) -> None:
    await follow.until_planned()
    await follow.come()
    follow.world.sandbox.set_faults(
        [{"fault": "error_503_unsaved", "operation": "get"}]
    )
    look = follow.look
    await follow.run_look()
    assert (follow.look, follow.told()) == (look, []), "it is tried again"

    record = follow.world.keys.job(look)
    follow.world.db.hset(record, mapping={"deadline": 1, "due": 1})
    await follow.run_look()

    (event,) = follow.events()
    assert (event.data["state"], event.data["status"]) == ("due", None)
    assert not follow.world.db.exists(record)


@pytest.mark.parametrize("token", ["tok_visa", "btok_us_verified"])
async def test_a_create_of_what_needs_no_verification_opens_no_watch(
    follow: Follow, token: str
) -> None:
    await follow.create(token)

    assert follow.world.client.verifications.list() == []
