"""How a job comes into doubt, and what the world looks like a day later."""

from __future__ import annotations

from typing import Any

import httpx

from customer_sources import Job
from sandbox.journal import RequestRecord
from tests.builders import come_due
from tests.integration.conftest import World

KEY = {"Authorization": "Bearer sk_test_sandbox"}
CARD = {
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "2034",
}
ACCOUNT = {
    "bank_account[country]": "US",
    "bank_account[currency]": "usd",
    "bank_account[routing_number]": "110000000",
    "bank_account[account_number]": "000123456789",
}
DAY = 86_400
MINUTE = 60


def call(world: World, method: str, path: str, **form: str) -> dict[str, Any]:
    """Do something at Stripe that no job does."""
    with httpx.Client(base_url=world.sandbox.url, headers=KEY) as http:
        answer = http.request(method, path, data=form or None)
        return dict(answer.raise_for_status().json())


def card_token(world: World) -> str:
    """Make a token that is good for one use."""
    return str(call(world, "POST", "/v1/tokens", **CARD)["id"])


def bank_token(world: World) -> str:
    return str(call(world, "POST", "/v1/tokens", **ACCOUNT)["id"])


def legacy_source(world: World) -> str:
    """Make a `src_` that hangs on nobody yet."""
    form = {"type": "card", "token": card_token(world)}
    return str(call(world, "POST", "/v1/sources", **form)["id"])


def attach(world: World, token: str, **form: str) -> str:
    path = "/v1/customers/cus_1/sources"
    return str(call(world, "POST", path, source=token, **form)["id"])


def delete_customer(world: World) -> None:
    """Delete cus_1; it exists from its first mention."""
    call(world, "GET", "/v1/customers/cus_1")
    call(world, "DELETE", "/v1/customers/cus_1")


async def lose_answers(world: World, job: Job, fault: str = "drop_after_commit") -> Job:
    """Let a whole run go unanswered: what it did, if anything, is unknown."""
    world.sandbox.set_faults([{"fault": fault}])
    await world.run_once(job)
    world.sandbox.clear_faults()
    assert record(world, job)["unknown"] == "1"
    return job


async def later(world: World, job: Job, seconds: int) -> Job:
    """Let time pass, at Stripe and in the record, and run the job again."""
    world.sandbox.advance(seconds)
    key = world.keys.job(job.id)
    for moment in ("first_sent", "quiet_until"):
        if world.db.hexists(key, moment):
            world.db.hincrby(key, moment, -1000 * seconds)
    come_due(world.db, world.keys, job.id)
    await world.ledger.take_due()
    return await world.run_once(job)


async def a_day_later(world: World, job: Job) -> Job:
    """Past the horizon, and past the time for which Stripe keeps a key."""
    return await later(world, job, DAY + MINUTE)


def record(world: World, job: Job) -> dict[str, str]:
    return dict(world.db.hgetall(world.keys.job(job.id)))


def code(world: World, job: Job) -> str:
    return record(world, job)["code"]


def sent(world: World, job: Job) -> list[RequestRecord]:
    """Name the requests of a keyed job that could change something."""
    requests = world.sandbox.requests()
    return [request for request in requests if request.idempotency_key == job.id]
