"""Runs whose answers say that we send too fast, or that nobody is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from config.accounts import accounts_of
from config.settings import Settings
from customer_sources import State
from tests.integration.conftest import World
from tests.integration.interception import GoOn, intercepted
from worker import delays
from worker.answers import TryResult
from worker.rates import Rates
from worker.sending import Sender
from worker.stripe_api import StripeRequest


@pytest.fixture(autouse=True)
async def _announced(rates: Rates, settings: Settings) -> None:
    (account,) = accounts_of(settings).values()
    assert await rates.announce(account, changed=True) == "ANNOUNCED"


def known(world: World) -> dict[str, str]:
    """What the store knows of the account."""
    found = world.db.hgetall(world.keys.account("default"))
    return {str(name): str(value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        ("global-rate", "halved"),
        ("endpoint-rate", "halved:create"),
        ("global-concurrency", "halved"),
        ("endpoint-concurrency", "halved:create"),
    ],
)
async def test_a_429_halves_what_it_names_and_is_no_run(
    world: World, reason: str, field: str
) -> None:
    world.sandbox.set_faults([{"fault": "rate_limited", "reason": reason, "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_once(job)

    assert job.state is State.SUCCEEDED
    account = known(world)
    assert account[field] == "1"
    assert account["why" + field.removeprefix("halved")] == reason
    share = "c" if "concurrency" in reason else "f"
    others = {name for name in account if name.startswith("halved")} - {field}
    of = share + field.removeprefix("halved")
    assert others == {"halved_by", f"halved_at:{of}"}
    assert account[share + field.removeprefix("halved")] == "0.500000"
    assert account["sent"] == "2", "both requests were charged"


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "lock_timeout", "count": 1},
        {"fault": "rate_limited", "reason": "resource-specific", "count": 1},
    ],
)
async def test_what_is_about_one_object_leaves_rates_alone(
    world: World, fault: dict[str, object]
) -> None:
    world.sandbox.set_faults([fault])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    await world.run_until_ended(job)

    assert job.state is State.SUCCEEDED
    assert not [name for name in known(world) if name.startswith(("halved", "f", "c:"))]


async def test_an_outage_halves_the_account_and_keeps_its_jobs_near(
    world: World,
) -> None:
    world.sandbox.set_faults([{"fault": "error_503_unsaved"}])
    jobs = [
        world.client.customer.source.create(customer=f"cus_{n}", source="tok_visa")
        for n in range(2)
    ]
    for job in jobs:  # four requests each
        await world.run_once(job)

    account = known(world)
    assert account["why"] == "storm"
    assert float(account["f"]) < 1
    again = world.keys.job(jobs[0].id)
    world.db.hdel(world.keys.account("default"), "t", "t:create")
    world.db.hset(again, mapping={"runs": 6, "due": 1})
    await world.run_once(jobs[0])
    record = world.db.hgetall(again)
    wait = (int(record["due"]) - int(record["last_sent"])) / 1000
    assert record["runs"] == "7"
    assert wait <= delays.IN_STORM + 1, "the seventh rung would be a quarter of an hour"


async def test_a_refused_key_is_the_one_that_was_sent_with(
    world: World, rates: Rates, settings: Settings
) -> None:
    """The account's key was rolled while the request was on its way."""
    (old,) = accounts_of(settings).values()
    new = replace(old, key=SecretStr("sk_test_newer"))
    known_here = {old.name: old}
    world.engine._sender = Sender(world.ledger, rates, world.api, known_here.get)

    async def rolled(_: StripeRequest, go_on: GoOn) -> TryResult:
        await rates.announce(new, changed=True)
        known_here[new.name] = new
        return await go_on()

    world.sandbox.set_faults([{"fault": "unauthorized", "count": 1}])
    job = world.client.customer.source.create(customer="cus_1", source="tok_visa")
    with intercepted(rolled):
        await world.run_once(job)

    assert "suspended" not in known(world)
    assert [event.type for event in world.events()] == []
    await world.run_until_ended(job)
    assert job.state is State.SUCCEEDED
