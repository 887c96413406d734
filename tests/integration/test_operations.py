"""List, update, verify and what they may say, from the SDK to the event."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from customer_sources import JobFailed, State
from tests.integration.conftest import World
from tests.integration.interception import GoOn, intercepted
from worker.answers import TryResult
from worker.stripe_api import StripeRequest

KEY = {"Authorization": "Bearer sk_test_sandbox"}


def bank_account(world: World, customer: str) -> str:
    """Attach an unverified bank account; return its id."""
    with httpx.Client(base_url=world.sandbox.url, headers=KEY) as http:
        details = {
            "bank_account[country]": "US",
            "bank_account[currency]": "usd",
            "bank_account[routing_number]": "110000000",
            "bank_account[account_number]": "000123456789",
        }
        token = http.post("/v1/tokens", data=details).json()["id"]
        path = f"/v1/customers/{customer}/sources"
        return str(http.post(path, data={"source": token}).json()["id"])


def _delete_customer(world: World, customer: str) -> None:
    with httpx.Client(base_url=world.sandbox.url, headers=KEY) as http:
        for method in ("GET", "DELETE"):  # the first mention makes it
            http.request(method, f"/v1/customers/{customer}").raise_for_status()


async def run(world: World, job: Any) -> dict[str, Any]:
    await world.run_once(job)
    return dict(job.result(timeout=0))


async def test_a_list_is_told_newest_first(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_a", "card_b"]})
    listed = await run(world, world.client.customer.source.list(customer="cus_1"))

    assert [card["id"] for card in listed["data"]] == ["card_b", "card_a"]
    assert listed["has_more"] is False
    (event,) = world.events()
    assert event.type.endswith("customer.source.listed")
    assert event.data["list"] == listed


async def test_a_page_says_that_there_are_more(world: World) -> None:
    world.sandbox.seed({"cus_1": [f"card_{n}" for n in range(3)]})
    call = world.client.customer.source.list(customer="cus_1", limit=2)
    first = await run(world, call)
    assert first["has_more"] is True

    after = first["data"][-1]["id"]
    call = world.client.customer.source.list(customer="cus_1", starting_after=after)
    assert [card["id"] for card in (await run(world, call))["data"]] == ["card_0"]


async def test_a_worker_that_stops_leaves_the_other_pages_to_the_next(
    world: World,
) -> None:
    world.sandbox.seed({"cus_1": [f"card_{n}" for n in range(250)]})
    job = world.client.customer.source.list(customer="cus_1", all_pages=True)

    async def told_to_stop_meanwhile(_: StripeRequest, go_on: GoOn) -> TryResult:
        world.engine.draining = True
        return await go_on()

    with intercepted(told_to_stop_meanwhile):
        await world.run_once(job)
    assert job.state is State.WAITING
    assert len(world.sandbox.requests()) == 1

    world.engine.draining = False
    await world.run_until_ended(job)
    assert len(job.result(timeout=0)["data"]) == 250


async def test_all_pages_are_followed_to_the_end(world: World) -> None:
    cards = [f"card_{n:03}" for n in range(250)]
    world.sandbox.seed({"cus_1": cards})
    call = world.client.customer.source.list(customer="cus_1", all_pages=True)
    whole = await run(world, call)

    assert [card["id"] for card in whole["data"]] == cards[::-1]
    assert whole["has_more"] is False
    assert len(world.sandbox.requests()) == 3


async def test_a_lost_answer_in_the_middle_of_a_list_costs_one_try(
    world: World,
) -> None:
    world.sandbox.seed({"cus_1": [f"card_{n:03}" for n in range(150)]})
    world.sandbox.set_faults([{"fault": "drop_after_commit", "probability": 0.5}])
    job = world.client.customer.source.list(customer="cus_1", all_pages=True)
    await world.run_until_ended(job, most=100)

    assert len(job.result(timeout=0)["data"]) == 150


async def test_a_list_at_its_bound_is_whole(world: World) -> None:
    world.sandbox.seed({"cus_1": [f"card_{n}" for n in range(1000)]})
    call = world.client.customer.source.list(customer="cus_1", all_pages=True, limit=7)

    assert len((await run(world, call))["data"]) == 1000


@pytest.mark.parametrize("limit", [None, 3, 100])
async def test_a_list_past_its_bound_is_a_clear_error(
    world: World, limit: int | None
) -> None:
    world.sandbox.seed({"cus_1": [f"card_{n}" for n in range(1001)]})
    job = world.client.customer.source.list(
        customer="cus_1", all_pages=True, limit=limit
    )
    await world.run_once(job)

    with pytest.raises(JobFailed, match="1000 sources") as caught:
        job.result(timeout=0)
    assert caught.value.code == "too_many_sources"


async def test_an_update_changes_what_is_named_and_nothing_else(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    call = world.client.customer.source.update(
        customer="cus_1", id="card_1", name="Ada", exp_month=7, metadata={"a": "1"}
    )
    card = await run(world, call)

    assert (card["name"], card["exp_month"]) == ("Ada", 7)
    assert (card["metadata"], card["brand"]) == ({"a": "1"}, "Visa")
    call = world.client.customer.source.update(
        customer="cus_1", id="card_1", metadata=""
    )
    assert (await run(world, call))["metadata"] == {}


async def test_a_lost_answer_to_an_update_costs_no_second_one(world: World) -> None:
    world.sandbox.seed({"cus_1": ["card_1"]})
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
    call = world.client.customer.source.update(
        customer="cus_1", id="card_1", name="Ada"
    )
    assert (await run(world, call))["name"] == "Ada"
    assert world.changes() == ["source.updated"]


async def test_the_right_amounts_verify(world: World) -> None:
    account = bank_account(world, "cus_1")
    call = world.client.customer.source.verify(
        customer="cus_1", id=account, amounts=[32, 45]
    )
    assert (await run(world, call))["status"] == "verified"
    assert world.events()[0].type.endswith("customer.source.verified")


async def test_a_wrong_guess_fails_and_is_made_once(world: World) -> None:
    account = bank_account(world, "cus_1")
    before = len(world.sandbox.requests())
    job = world.client.customer.source.verify(
        customer="cus_1", id=account, amounts=[1, 2]
    )
    await world.run_once(job)

    with pytest.raises(JobFailed, match="bank_account_verification_failed"):
        job.result(timeout=0)
    methods = [request.method for request in world.sandbox.requests()[before:]]
    assert methods == ["POST", "GET"]  # the guess, and whether it was the last


async def test_a_lost_answer_to_a_wrong_guess_costs_no_second_attempt(
    world: World,
) -> None:
    account = bank_account(world, "cus_1")
    world.sandbox.set_faults([{"fault": "drop_after_commit", "count": 1}])
    job = world.client.customer.source.verify(
        customer="cus_1", id=account, amounts=[1, 2]
    )
    await world.run_once(job)
    assert job.state is State.FAILED

    right = world.client.customer.source.verify(
        customer="cus_1", id=account, amounts=[32, 45]
    )
    await world.run_once(right)
    assert right.state is State.SUCCEEDED
    failures = [c for c in world.sandbox.effects() if "verification" in c.change]
    assert len(failures) == 1


async def test_deleting_what_is_not_there_can_be_said_to_be_fine(world: World) -> None:
    job = world.client.customer.source.delete(
        customer="cus_1", id="card_none", missing_ok=True
    )
    assert await run(world, job) == {"id": "card_none", "deleted": True}
    assert world.client.snapshot(job.id).record["code"] == "already_absent"


async def test_a_customer_that_is_not_there_is_never_fine(world: World) -> None:
    _delete_customer(world, "cus_gone")
    job = world.client.customer.source.delete(
        customer="cus_gone", id="card_1", missing_ok=True
    )
    await world.run_once(job)

    assert job.state is State.FAILED
